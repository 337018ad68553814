"""Tiles of background: not run, never a lesion of the development part among them, and nothing else changes."""

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bedside.base.errors import CohortError, InputError, ShapeError
from bedside.data.phantom_volume import VolumePhantom
from bedside.data.sources import load_cohort
from bedside.data.split import split_by_patient
from bedside.data.volume_reading import read_volume
from bedside.data.volume_targets import own_label_map
from bedside.runtime.skip_fitting import fit_skipping
from bedside.runtime.skipping import Skipping, darkest_level
from bedside.runtime.tiling import Tiling, padded, run_tiled
from bedside.verify.metrics import softmax

TILING = Tiling(tile=(4, 6, 4))


class Counter:
    """A model of two classes that counts how often it is run."""

    def __init__(self) -> None:
        self.n_runs = 0

    def run(self, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        self.n_runs += 1
        image = inputs["image"]
        smooth = image + 0.5 * np.roll(image, 1, axis=-1)
        return {"logits": np.concatenate([1 - smooth, smooth], axis=1)}


def scaled(voxels: np.ndarray) -> np.ndarray:
    return voxels.astype(np.float32) / 255


def organ_in_the_dark(index: int = 0) -> tuple[np.ndarray, np.ndarray]:
    voxels, labels = np.full((16, 30, 16), 5, np.uint8), np.zeros((16, 30, 16), np.uint8)
    organ, own = VolumePhantom(shape=(6, 9, 6)).volume(index)
    voxels[5:11, 8:17, 4:10], labels[5:11, 8:17, 4:10] = organ, own
    return voxels[None], labels


def tiles_of(voxels: np.ndarray) -> list[tuple[slice, ...]]:
    return [(slice(None), *place) for place in TILING.places(voxels.shape[1:])]


def test_where_nothing_is_skipped_the_answer_is_the_same_to_the_bit() -> None:
    voxels = np.random.default_rng(0).integers(100, 256, (1, 9, 13, 7), dtype=np.uint8)
    plain = run_tiled(Counter(), voxels, scaled, TILING)
    np.testing.assert_array_equal(
        run_tiled(Counter(), voxels, scaled, TILING, skipping=Skipping(dark_level=99, n_classes=2)), plain
    )


def test_skipped_tiles_are_not_run_and_have_no_say_where_another_tile_sees() -> None:
    voxels, _ = organ_in_the_dark()
    rule, plain, lean = Skipping(dark_level=20, n_classes=2), Counter(), Counter()
    whole = run_tiled(plain, voxels, scaled, TILING)
    found = run_tiled(lean, voxels, scaled, TILING, skipping=rule)
    run = [place for place in tiles_of(voxels) if voxels[place].max() > 20]
    assert plain.n_runs == TILING.n_tiles(voxels.shape[1:])
    assert 0 < lean.n_runs == len(run) < plain.n_runs
    covered, owned = np.zeros(voxels.shape[1:], int), np.zeros(voxels.shape[1:], int)
    for place in tiles_of(voxels):
        owned[place[1:]] += 1
    for place in run:
        covered[place[1:]] += 1
    np.testing.assert_array_equal(found[:, covered == owned], whole[:, covered == owned])
    assert (softmax(found[None], 20.0)[0][0, covered == 0] == 1).all()
    blend = found[:, (covered > 0)]
    assert np.abs(blend).max() < 3


def test_a_volume_of_background_alone_runs_nothing_and_answers_background() -> None:
    ticks, counter = [], Counter()
    found = run_tiled(
        counter, np.zeros((1, 8, 6, 8), np.uint8), scaled, TILING, skipping=Skipping(dark_level=0, n_classes=2),
        tick=lambda done, total: ticks.append((done, total)),
    )  # fmt: skip
    assert counter.n_runs == 0
    assert found.shape == (2, 8, 6, 8)
    assert (found.argmax(axis=0) == 0).all()
    assert ticks == [(i + 1, 9) for i in range(9)]


def test_a_small_dark_volume_is_padded_and_skipped_and_a_small_bright_one_is_a_single_pass() -> None:
    rule, counter = Skipping(dark_level=9, n_classes=2), Counter()
    assert run_tiled(counter, np.full((1, 2, 2, 2), 9, np.uint8), scaled, TILING, skipping=rule).shape == (2, 2, 2, 2)
    assert counter.n_runs == 0
    bright = np.full((1, 2, 2, 2), 10, np.uint8)
    np.testing.assert_array_equal(
        run_tiled(counter, bright, scaled, TILING, skipping=rule), run_tiled(Counter(), bright, scaled, TILING)
    )
    assert counter.n_runs == 1


def test_a_model_that_says_nan_is_not_made_to_look_like_background() -> None:
    class Broken(Counter):
        def run(self, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
            return {"logits": np.full_like(super().run(inputs)["logits"], np.nan)}

    voxels, labels = organ_in_the_dark()
    found = run_tiled(Broken(), voxels, scaled, TILING, skipping=Skipping(dark_level=20, n_classes=2))
    assert np.isnan(found[:, labels > 0]).all()


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 10_000), safety_frac=st.floats(0.05, 1.0))
def test_no_lesion_voxel_of_development_lies_in_a_skipped_tile(seed: int, safety_frac: float) -> None:
    rng = np.random.default_rng(seed)
    cases = []
    for _ in range(3):
        voxels = rng.integers(1, 256, (1, 7, 11, 5)) * (rng.random((1, 7, 11, 5)) < 0.1) + 1
        cases.append((voxels.clip(0, 255).astype(np.uint8), (rng.random((7, 11, 5)) < 0.02).astype(np.uint8)))
    cases[0][1][3, 3, 3] = 1
    rule = fit_skipping(cases, TILING, n_classes=2, safety_frac=safety_frac)
    for voxels, labels in cases:
        grown, own = padded(voxels, TILING)[0], padded(labels[None], TILING)[0]
        assert not any(own[place].any() for place in tiles_of(grown) if rule.skips(grown[place]))


def test_with_a_share_of_one_the_level_is_the_highest_that_keeps_every_lesion() -> None:
    assert darkest_level([90, 40, 200], safety_frac=1.0) == 39
    assert darkest_level([90, 40, 200]) == 19
    assert darkest_level([1]) == 0
    assert darkest_level([255], safety_frac=1.0) == 254


def test_what_cannot_be_fitted_is_refused() -> None:
    voxels, labels = organ_in_the_dark()
    with pytest.raises(CohortError, match="no tile"):
        fit_skipping([(voxels, np.zeros_like(labels))], TILING, n_classes=2)
    with pytest.raises(CohortError, match="black"):
        fit_skipping([(np.zeros_like(voxels), labels)], TILING, n_classes=2)
    with pytest.raises(ShapeError):
        fit_skipping([(voxels, labels[:-1])], TILING, n_classes=2)
    with pytest.raises(InputError):
        darkest_level([9], safety_frac=0.0)
    for level, n_classes in ((255, 2), (-1, 2), (3, 1)):
        with pytest.raises(InputError):
            Skipping(dark_level=level, n_classes=n_classes)
    with pytest.raises(ShapeError, match="classes"):
        run_tiled(Counter(), voxels, scaled, TILING, skipping=Skipping(dark_level=20, n_classes=3))


def test_on_real_volumes_the_rule_keeps_every_organ_voxel_of_tuning_too() -> None:
    folder = Path(os.environ.get("BEDSIDE_DATA", "../shared/data")) / "mri_hippocampus_msd"
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there")
    cohort = load_cohort(f"nifti:{folder}", classes="background,anterior,posterior")
    split = split_by_patient(cohort, seed=0)

    def read(case) -> tuple[np.ndarray, np.ndarray]:
        values = read_volume(case.path).values
        low, high = np.percentile(values, [0.5, 99.5])
        grey = ((values - low) / (high - low)).clip(0, 1) * 255
        return grey.astype(np.uint8)[None], own_label_map(case, cohort.task)[0]

    tiling = Tiling(tile=(16, 24, 16))
    rule = fit_skipping(map(read, split.development[:20]), tiling, n_classes=3)
    for voxels, labels in map(read, split.tuning[:10]):
        grown, own = padded(voxels, tiling)[0], padded(labels[None], tiling)[0]
        places = [(slice(None), *place) for place in tiling.places(grown.shape[1:])]
        assert not any(own[place].any() for place in places if rule.skips(grown[place]))
