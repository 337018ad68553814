"""The 3-D sets of MedMNIST are cohorts of volumes."""

from pathlib import Path

import numpy as np
import pytest

from bedside.base.errors import CohortError, InputError
from bedside.base.task import Task
from bedside.data.sources import load_cohort
from bedside.data.sources.listing import known_sources
from bedside.data.sources.medmnist import read_npz
from bedside.data.sources.medmnist_volumes import VOLUME_SETS
from bedside.data.stacking import stack_images, suit_preprocess


def test_the_official_volumes_are_read(medmnist_here: Path) -> None:
    cohort = load_cohort("medmnist:adrenalmnist3d")
    assert cohort.counts()["test"] == {"normal": 229, "hyperplasia": 69}
    assert all(case.is_volume for case in cohort.cases)
    with np.load(medmnist_here / "adrenalmnist3d.npz") as archive:
        np.testing.assert_array_equal(cohort.cases[0].pixels, archive["train_images"][0])
    preprocess = suit_preprocess(cohort, image_px=96)
    assert preprocess.spec.shape == (1, 32, 32, 32)
    placed = stack_images(cohort.cases[:2], preprocess)
    np.testing.assert_array_equal(placed[0, 0, 2:30, 2:30, 2:30], cohort.cases[0].pixels)


def test_all_six_are_known_at_both_sizes() -> None:
    assert len(VOLUME_SETS) == 6
    assert all(set(known.larger) == {64} for known in VOLUME_SETS.values())
    digests = [digest for known in VOLUME_SETS.values() for digest in (known.md5, *known.larger.values())]
    assert len({digest for digest in digests if len(digest) == 32}) == 12
    assert {f"medmnist:{name}" for name in VOLUME_SETS} <= {known.name for known in known_sources()}
    with pytest.raises(InputError, match="adrenalmnist3d_224"):
        load_cohort("medmnist:adrenalmnist3d_224")


@pytest.mark.parametrize("shape", [(6, 5, 4), (6, 5, 4, 3)])
def test_images_are_no_volumes(tmp_path: Path, shape: tuple[int, ...]) -> None:
    arrays = {}
    for part in ("train", "val", "test"):
        arrays |= {f"{part}_images": np.ones(shape, np.uint8), f"{part}_labels": np.arange(6)[:, None] % 2}
    np.savez(tmp_path / "made.npz", **arrays)
    with pytest.raises(CohortError, match="train_images is"):
        read_npz(tmp_path / "made.npz", name="vesselmnist3d", task=Task(classes=("a", "b")), source="test:made")
