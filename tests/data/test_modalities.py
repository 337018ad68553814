"""Several modalities in one volume: from the documented layout to the model's channels, and what is refused."""

import json
from pathlib import Path

import numpy as np
import pytest

from bedside.base.errors import CohortError, ImageError, ShapeError
from bedside.base.jsonform import from_json, to_json
from bedside.data.audit import audit_cohort
from bedside.data.modalities import Modalities, modalities_named
from bedside.data.normalizing import Normalization
from bedside.data.phantom_volume import VolumePhantom
from bedside.data.preprocess import Preprocess
from bedside.data.sources import load_cohort
from bedside.data.spacings import spacings_of
from bedside.data.stacking import stack_images, suit_preprocess
from bedside.data.survey import survey_cohort
from bedside.data.targets import targets_of
from bedside.data.volume_placing import read_greys
from bedside.data.volume_reading import read_volume
from bedside.data.window import Window

nibabel = pytest.importorskip("nibabel", reason="pip install 'bedside[nifti]'")

NAMES = ("FLAIR", "T1w", "t1gd", "T2w")
TURNED = np.array([[0, -1, 0, 5], [1, 0, 0, -7], [0, 0, -5, 11], [0, 0, 0, 1.0]])
"""The first axis of the file runs to the front, the second to the left, the third to the feet, in slices of 5 mm."""


def grey_of(index: int, k: int) -> np.ndarray:
    """Modality k of volume `index`, canonical ``(D, H, W)``: one organ, in four tones and units."""
    voxels, numbers = VolumePhantom(seed=k).volume(index)[0], VolumePhantom().volume(index)[1]
    return (np.where(numbers > 0, 60 * (k + 1), 20) + voxels * 0.1).astype(np.float32) * 10.0**k


def filed(canonical: np.ndarray) -> np.ndarray:
    """Canonical ``(..., D, H, W)`` voxels in the order of axes of a file of the affine `TURNED`: ``(X, Y, Z, ...)``."""
    return np.moveaxis(canonical, (-3, -2, -1), (2, 0, 1))[:, ::-1, ::-1]


def brain_tumours(folder: Path, n: int = 3, *, names: tuple[str, ...] = NAMES, n_channels: int | None = None) -> Path:
    """Task 1 of the Decathlon as it documents it: 4-D images, 3-D label maps, numbered modalities."""
    listed = []
    for i in range(n):
        stack = np.stack([grey_of(i, k) for k in range(n_channels or len(names))])
        for part, values in (("imagesTr", stack), ("labelsTr", VolumePhantom().volume(i)[1])):
            (folder / part).mkdir(parents=True, exist_ok=True)
            values = filed(values)
            nibabel.save(nibabel.Nifti1Image(np.ascontiguousarray(values), TURNED), folder / part / f"BRATS_{i}.nii.gz")
        listed.append({"image": f"./imagesTr/BRATS_{i}.nii.gz", "label": f"./labelsTr/BRATS_{i}.nii.gz"})
    described = {
        "name": "BRATS", "tensorImageSize": "4D", "modality": {str(k): name for k, name in enumerate(names)},
        "labels": {"0": "background", "1": "edema", "2": "tumour"}, "training": listed, "test": [],
    }  # fmt: skip
    (folder / "dataset.json").write_text(json.dumps(described))
    return folder


def test_every_modality_becomes_a_channel_on_the_grid_of_the_labels(tmp_path: Path) -> None:
    cohort = load_cohort(f"msd:{brain_tumours(tmp_path)}")
    assert cohort.quarantined == {}
    assert cohort.modality == "FLAIR, T1w, t1gd, T2w"
    preprocess = suit_preprocess(cohort, image_px=96)
    assert preprocess.spec.shape == (4, 16, 24, 16)
    assert preprocess.spacing_mm == (5.0, 1.0, 1.0)
    volumes, targets = stack_images(cohort.cases, preprocess), targets_of(cohort.cases, cohort.task, preprocess)
    np.testing.assert_array_equal(targets, [VolumePhantom().volume(i)[1] for i in range(3)])
    for i, volume in enumerate(volumes):
        for k, channel in enumerate(volume):
            alone = grey_of(i, k)
            low, high = np.percentile(alone, [0.5, 99.5], method="lower")
            expected = np.round((np.clip(alone, low, high) - low) / (high - low) * 255)
            np.testing.assert_allclose(channel, expected, atol=1)
    assert spacings_of(cohort.cases, cohort.task, preprocess) == ((5.0, 1.0, 1.0),) * 3


def test_some_are_picked_by_name_in_the_order_asked(tmp_path: Path) -> None:
    folder = brain_tumours(tmp_path)
    every = load_cohort(f"msd:{folder}")
    some = load_cohort(f"msd:{folder}", modalities="T2w, flair")
    one = load_cohort(f"msd:{folder}", modalities="t1gd")
    assert some.modality == "T2w, FLAIR"
    whole = stack_images(every.cases, suit_preprocess(every, image_px=96))
    picked = suit_preprocess(some, image_px=96)
    assert picked.spec.shape == (2, 16, 24, 16)
    np.testing.assert_array_equal(stack_images(some.cases, picked), whole[:, [3, 0]])
    alone = suit_preprocess(one, image_px=96)
    assert alone.spec.shape == (1, 16, 24, 16)
    np.testing.assert_array_equal(stack_images(one.cases, alone), whole[:, [2]])
    assert len({every.digest(), some.digest(), one.digest()}) == 3


def test_an_unknown_modality_is_refused_and_those_there_are_listed(tmp_path: Path) -> None:
    with pytest.raises(CohortError, match="ADC") as caught:
        load_cohort(f"msd:{brain_tumours(tmp_path)}", modalities="FLAIR,ADC")
    assert all(name in caught.value.expected for name in NAMES)
    for asked in ("FLAIR,FLAIR", ","):
        with pytest.raises(CohortError):
            load_cohort(f"msd:{tmp_path}", modalities=asked)


def test_a_file_of_another_number_is_quarantined_with_what_was_expected(tmp_path: Path) -> None:
    folder = brain_tumours(tmp_path)
    path = folder / "imagesTr" / "BRATS_1.nii.gz"
    nibabel.save(nibabel.Nifti1Image(np.asarray(nibabel.load(path).dataobj)[..., :3], TURNED), path)
    for check in ("full", "header"):
        cohort = load_cohort(f"msd:{folder}", check=check)
        assert len(cohort.cases) == 2
        assert "holds 3 modalities" in cohort.quarantined["BRATS_1"]


@pytest.mark.parametrize("modality", [["FLAIR"], {}, {"0": "a", "2": "b"}, {"0": "a", "1": "a"}, {"x": "a"}])
def test_modalities_without_numbers_or_with_gaps_are_refused(tmp_path: Path, modality: object) -> None:
    table = brain_tumours(tmp_path) / "dataset.json"
    table.write_text(json.dumps(json.loads(table.read_text()) | {"modality": modality}))
    with pytest.raises(CohortError):
        load_cohort(f"msd:{tmp_path}")


def test_a_folder_of_nifti_names_them_in_a_table(tmp_path: Path) -> None:
    folder = brain_tumours(tmp_path, names=("T2", "ADC"))
    (folder / "imagesTr").rename(folder / "images")
    (folder / "labelsTr").rename(folder / "labels")
    with pytest.raises(CohortError, match="can be used") as caught:
        load_cohort(f"nifti:{folder}")
    assert "(24, 16, 16, 2)" in caught.value.message
    with pytest.raises(CohortError, match="names none"):
        load_cohort(f"nifti:{folder}", modalities="ADC")
    (folder / "modalities.json").write_text('{"0": "T2", "1": "ADC"}')
    cohort = load_cohort(f"nifti:{folder}", modalities="ADC,T2")
    preprocess = suit_preprocess(cohort, image_px=96)
    assert preprocess.modalities == Modalities(names=("T2", "ADC"), taken=(1, 0))
    assert stack_images(cohort.cases, preprocess).shape == (3, 2, 16, 24, 16)
    (folder / "modalities.json").write_text('{"0": "T2", "2": "ADC"}')
    with pytest.raises(CohortError, match="modalities"):
        load_cohort(f"nifti:{folder}")


def test_they_are_surveyed_and_audited_by_the_first_that_is_taken(tmp_path: Path) -> None:
    cohort = load_cohort(f"msd:{brain_tumours(tmp_path)}", modalities="T1w")
    survey, _ = survey_cohort(cohort)
    assert survey.sizes == {"16 x 24 x 16": 3}
    assert survey.spacings_mm == {"5 x 1 x 1": 3}
    assert survey.modalities == {"T1w": 3}
    audit = audit_cohort(cohort, policy="allow")[1]
    assert not audit.unreadable
    first = read_volume(cohort.cases[0].path, channel=1)  # type: ignore[arg-type]
    np.testing.assert_allclose(first.values, grey_of(0, 1), rtol=1e-6)


class TestPreprocess:
    two = Preprocess(
        n_channels=2, depth_px=16, height_px=24, width_px=16, spacing_mm=(5.0, 1.0, 1.0),
        modalities=Modalities(names=("a", "b", "c"), taken=(2, 0)),
    )  # fmt: skip

    def saved(self, folder: Path, n: int) -> Path:
        stack = np.stack([grey_of(0, k) for k in range(n)])
        path = folder / f"scan{n}.nii.gz"
        nibabel.save(nibabel.Nifti1Image(np.ascontiguousarray(filed(stack if n > 1 else stack[0])), TURNED), path)
        return path

    def test_a_file_of_another_number_is_refused_by_name(self, tmp_path: Path) -> None:
        assert self.two.pixels_of(self.saved(tmp_path, 3)).shape == (2, 16, 24, 16)
        for n in (1, 2, 4):
            with pytest.raises(ImageError, match=f"scan{n}.* holds {n} modalit") as caught:
                self.two.read(self.saved(tmp_path, n))
            assert "a, b, c" in caught.value.expected

    def test_a_model_of_one_refuses_a_file_of_several(self, tmp_path: Path) -> None:
        plain = Preprocess(n_channels=1, depth_px=16, height_px=24, width_px=16)
        with pytest.raises(ImageError, match=r"\(24, 16, 16, 3\)"):
            plain.read(self.saved(tmp_path, 3))

    @pytest.mark.parametrize("normalization", ["z_score", "unit"])
    def test_each_channel_is_normalized_on_its_own(self, tmp_path: Path, normalization: Normalization) -> None:
        from dataclasses import replace

        made = replace(self.two, normalization=normalization)
        placed = made.pixels_of(self.saved(tmp_path, 3))
        alone = Preprocess(n_channels=1, depth_px=16, height_px=24, width_px=16, normalization=normalization)
        for k, channel in enumerate(made.normalize(placed)):
            np.testing.assert_array_equal(channel, alone.normalize(placed[k][None])[0])
        batch = np.stack([placed, placed // 2])
        np.testing.assert_array_equal(made.normalize(batch)[1], made.normalize(placed // 2))

    def test_a_window_is_heeded_in_each(self, tmp_path: Path) -> None:
        path = self.saved(tmp_path, 2)
        voxels, spacing = read_greys(path, modalities_named(["a", "b"], None), Window(centre=1e6, width=1))
        assert spacing == (5.0, 1.0, 1.0)
        assert voxels.shape == (2, 16, 24, 16)
        assert not voxels.any()

    def test_channels_and_modalities_must_agree(self) -> None:
        assert from_json(Preprocess, to_json(self.two)) == self.two
        for asked in (
            {"n_channels": 3, "depth_px": 8, "modalities": self.two.modalities},
            {"n_channels": 3, "depth_px": 8},
            {"n_channels": 1, "modalities": Modalities(names=("a",), taken=(0,))},
        ):
            with pytest.raises(ShapeError):
                Preprocess(height_px=8, width_px=8, **asked)  # type: ignore[arg-type]
        with pytest.raises(ShapeError, match="of 3 modalities"):
            self.two.geometry(np.zeros((3, 16, 24, 16), np.uint8), (5, 1, 1))
        for names, taken in ((("a", "a"), (0,)), (("a",), ()), (("a",), (1,)), (("a", "b"), (1, 1))):
            with pytest.raises(CohortError):
                Modalities(names=names, taken=taken)
