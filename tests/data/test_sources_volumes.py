"""Sources of labelled volumes: documented layouts, errors that name the file, one bad file among many."""

import json
from pathlib import Path

import numpy as np
import pytest

from bedside.base.errors import BedsideError, CohortError, InputError
from bedside.data.phantom_volume import VolumePhantom
from bedside.data.sources import load_cohort
from bedside.data.stacking import stack_images, suit_preprocess
from bedside.data.targets import targets_of

nibabel = pytest.importorskip("nibabel", reason="pip install 'bedside[nifti]'")


def save(path: Path, values: np.ndarray, affine: np.ndarray | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(values, np.eye(4) if affine is None else affine), path)


def pair(folder: Path, name: str, index: int, images: str = "images", labels: str = "labels") -> None:
    """A volume and its label map, in the order of axes of a NIfTI file (R, A, S)."""
    voxels, numbers = VolumePhantom().volume(index)
    save(folder / images / f"{name}.nii.gz", voxels.transpose(2, 1, 0).astype(np.float32) * 3)
    save(folder / labels / f"{name}.nii.gz", numbers.transpose(2, 1, 0))


def decathlon(folder: Path, n: int = 4, **changed: object) -> Path:
    """The layout that the challenge documents."""
    for i in range(n):
        pair(folder, f"organ_{i:03d}", i, "imagesTr", "labelsTr")
    save(folder / "imagesTs" / "organ_100.nii.gz", np.zeros((4, 4, 4), np.float32))
    listed = [
        {"image": f"./imagesTr/organ_{i:03d}.nii.gz", "label": f"./labelsTr/organ_{i:03d}.nii.gz"} for i in range(n)
    ]
    described = {
        "name": "Organ", "description": "head and tail", "reference": "nobody", "licence": "CC-BY-SA 4.0",
        "release": "1.0", "tensorImageSize": "3D", "modality": {"0": "MRI"},
        "labels": {"0": "background", "1": "head", "2": "tail"}, "numTraining": n, "numTest": 1,
        "training": listed, "test": ["./imagesTs/organ_100.nii.gz"],
    } | changed  # fmt: skip
    (folder / "dataset.json").write_text(json.dumps({k: v for k, v in described.items() if v is not None}))
    return folder


def test_a_decathlon_task_becomes_a_cohort(tmp_path: Path) -> None:
    cohort = load_cohort(f"msd:{decathlon(tmp_path)}")
    assert cohort.task.kind == "segmentation"
    assert cohort.task.classes == ("background", "head", "tail")
    assert (cohort.name, cohort.modality, cohort.licence) == ("Organ", "MRI", "CC-BY-SA 4.0")
    assert [case.case_id for case in cohort.cases] == [f"organ_{i:03d}" for i in range(4)]
    assert all(case.patient_id == case.case_id and case.is_volume for case in cohort.cases)
    assert cohort.quarantined == {}
    assert cohort.counts() == {"unassigned": {"background": 0, "head": 4, "tail": 4}}


def test_a_folder_of_links_is_a_task_too(tmp_path: Path) -> None:
    archive = decathlon(tmp_path / "archive")
    farm = tmp_path / "farm"
    for path in archive.rglob("*.*"):
        place = farm / path.relative_to(archive)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(path)
    assert len(load_cohort(f"msd:{farm}").cases) == 4


def test_volumes_and_label_maps_arrive_on_one_grid(tmp_path: Path) -> None:
    cohort = load_cohort(f"msd:{decathlon(tmp_path)}")
    preprocess = suit_preprocess(cohort, image_px=96)
    assert preprocess.spec.shape == (1, 16, 24, 16)
    assert preprocess.spacing_mm == 1.0
    volumes, targets = stack_images(cohort.cases, preprocess), targets_of(cohort.cases, cohort.task, preprocess)
    assert (volumes.shape, targets.shape) == ((4, 1, 16, 24, 16), (4, 16, 24, 16))
    np.testing.assert_array_equal(targets, [VolumePhantom().volume(i)[1] for i in range(4)])
    assert volumes[:, 0][targets == 1].mean() > volumes[:, 0][targets == 0].mean() + 50


def test_large_volumes_get_larger_voxels_and_thick_slices_stay_as_they_are(tmp_path: Path) -> None:
    for i in range(2):
        save(tmp_path / "images" / f"{i}.nii", np.ones((120, 120, 30), np.uint8), np.diag([1.0, 1, 4, 1]))
        save(
            tmp_path / "labels" / f"{i}.nii",
            np.resize([0, 1], (120, 120, 30)).astype(np.uint8),
            np.diag([1.0, 1, 4, 1]),
        )
    cohort = load_cohort(f"nifti:{tmp_path}", check="header", classes="background,organ")
    preprocess = suit_preprocess(cohort, image_px=96)
    assert np.prod(preprocess.spec.shape) <= 72**3
    assert preprocess.spacing_mm == pytest.approx((4.0, 1.158, 1.158), abs=0.01)
    assert preprocess.spec.shape == (1, 32, 104, 104)
    assert suit_preprocess(cohort, image_px=96, spacing_mm=1.0).spacing_mm == 1.0
    asked = suit_preprocess(cohort, image_px=96, spacing_mm=(8.0, 2.0, 2.0))
    assert (asked.spacing_mm, asked.spec.shape) == ((8.0, 2.0, 2.0), (1, 16, 64, 64))
    with pytest.raises(InputError, match="coarsest along x, the files along z") as caught:
        suit_preprocess(cohort, image_px=96, spacing_mm=(2.0, 2.0, 8.0))
    assert "z,y,x" in caught.value.expected


def test_the_headers_of_the_development_part_decide(tmp_path: Path) -> None:
    for i, mm in enumerate((1.0, 1.0, 2.0, 2.0, 2.0)):
        save(tmp_path / "images" / f"{i}.nii", np.ones((16, 16, 16), np.uint8), np.diag([mm, mm, mm, 1]))
        save(tmp_path / "labels" / f"{i}.nii", np.ones((16, 16, 16), np.uint8), np.diag([mm, mm, mm, 1]))
    cohort = load_cohort(f"nifti:{tmp_path}", classes="background,organ")
    assert suit_preprocess(cohort, image_px=96).spacing_mm == 2.0
    assert suit_preprocess(cohort, image_px=96, development=cohort.cases[:2]).spacing_mm == 1.0


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"training": None}, "lacks training"),
        ({"labels": None}, "lacks labels"),
        ({"labels": {"background": 0, "head": 1}}, "not numbers"),
        ({"labels": {"0": "background", "2": "tail"}}, r"\[0, 2\]"),
        ({"modality": {"0": "T1", "1": "T2"}}, "holds 1 modality"),
        ({"training": []}, "no list of pairs"),
        ({"training": ["./imagesTr/organ_000.nii.gz"]}, 'entry 0 of "training"'),
        ({"training": [{"image": "../x.nii.gz", "label": "../y.nii.gz"}]}, "outside its folder"),
    ],
)
def test_another_layout_is_refused_and_it_is_said_what_was_looked_for(
    tmp_path: Path, changed: dict[str, object], told: str
) -> None:
    with pytest.raises(CohortError, match=told) as caught:
        load_cohort(f"msd:{decathlon(tmp_path, **changed)}")
    assert caught.value.hint


def test_a_folder_without_dataset_json_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CohortError, match=r"dataset\.json"):
        load_cohort(f"msd:{tmp_path}")
    (tmp_path / "dataset.json").write_text("{")
    with pytest.raises(CohortError, match="is not JSON"):
        load_cohort(f"msd:{tmp_path}")
    with pytest.raises(InputError, match="is not a folder"):
        load_cohort(f"msd:{tmp_path / 'no'}")


def spoil_affine(folder: Path) -> str:
    path = folder / "imagesTr" / "organ_001.nii.gz"
    image = nibabel.load(path)
    image.header.set_sform(np.zeros((4, 4)), code=1)
    image.header["qform_code"], image.header["sform_code"] = 0, 1
    data = (
        bytearray(image.header.binaryblock)
        + bytes(4)
        + np.asarray(image.dataobj).astype(image.get_data_dtype()).tobytes("F")
    )
    import gzip

    path.write_bytes(gzip.compress(bytes(data)))
    return "singular affine"


def spoil_shape(folder: Path) -> str:
    save(folder / "labelsTr" / "organ_001.nii.gz", np.zeros((3, 4, 5), np.uint8))
    return r"organ_001\.nii\.gz has the shape"


def spoil_numbers(folder: Path) -> str:
    save(folder / "labelsTr" / "organ_001.nii.gz", np.full((16, 24, 16), 9, np.uint8))
    return "holds the label 9"


def spoil_place(folder: Path) -> str:
    numbers = VolumePhantom().volume(1)[1].transpose(2, 1, 0)
    save(folder / "labelsTr" / "organ_001.nii.gz", numbers, np.diag([1.0, 1, 2, 1]))
    return "mm apart"


def spoil_bytes(folder: Path) -> str:
    path = folder / "imagesTr" / "organ_001.nii.gz"
    path.write_bytes(path.read_bytes()[:-2000])
    return "is not a readable NIfTI"


def spoil_presence(folder: Path) -> str:
    (folder / "labelsTr" / "organ_001.nii.gz").unlink()
    return "No such file"


SPOILERS = [spoil_affine, spoil_shape, spoil_numbers, spoil_place, spoil_bytes, spoil_presence]


@pytest.mark.parametrize("spoil", SPOILERS, ids=lambda spoil: spoil.__name__)
def test_one_bad_pair_among_many_is_quarantined_with_its_reason(tmp_path: Path, spoil) -> None:
    import re

    told = spoil(decathlon(tmp_path))
    cohort = load_cohort(f"msd:{tmp_path}")
    assert [case.case_id for case in cohort.cases] == ["organ_000", "organ_002", "organ_003"]
    assert list(cohort.quarantined) == ["organ_001"]
    assert re.search(told, cohort.quarantined["organ_001"])
    assert "organ_001" in cohort.quarantined["organ_001"]


def test_where_every_pair_is_bad_the_first_reason_is_the_error(tmp_path: Path) -> None:
    decathlon(tmp_path)
    for i in range(4):
        (tmp_path / "labelsTr" / f"organ_{i:03d}.nii.gz").unlink()
    with pytest.raises(CohortError, match=r"organ_000.*No such file"):
        load_cohort(f"msd:{tmp_path}")


class TestNifti:
    def test_equal_names_are_pairs_and_the_lonely_are_quarantined(self, tmp_path: Path) -> None:
        for i in range(3):
            pair(tmp_path, f"v{i}", i)
        save(tmp_path / "images" / "alone.nii", np.zeros((2, 2, 2), np.uint8))
        save(tmp_path / "labels" / "lost.nii", np.zeros((2, 2, 2), np.uint8))
        cohort = load_cohort(f"nifti:{tmp_path}")
        assert [case.case_id for case in cohort.cases] == ["v0", "v1", "v2"]
        assert cohort.task.classes == ("background", "label 1", "label 2")
        assert set(cohort.quarantined) == {"images/alone", "labels/lost"}

    def test_a_table_gives_parts_patients_and_attributes(self, tmp_path: Path) -> None:
        lines = ["image,label,split,patient_id,sex"]
        for i in range(4):
            pair(tmp_path, f"v{i}", i)
            part = ("train", "val", "test", "train")[i]
            lines.append(f"images/v{i}.nii.gz,labels/v{i}.nii.gz,{part},p{i // 2},F")
        (tmp_path / "metadata.csv").write_text("\n".join(lines))
        (tmp_path / "labels.json").write_text('{"0": "background", "1": "head", "2": "tail"}')
        cohort = load_cohort(f"nifti:{tmp_path}")
        assert [case.part for case in cohort.cases] == ["development", "tuning", "test", "development"]
        assert [case.patient_id for case in cohort.cases] == ["p0", "p0", "p1", "p1"]
        assert cohort.cases[0].attribute("sex") == "F"
        assert cohort.task.classes == ("background", "head", "tail")
        assert load_cohort(f"nifti:{tmp_path}", classes="nothing,a,b").task.classes == ("nothing", "a", "b")

    def test_a_number_without_a_name_is_quarantined(self, tmp_path: Path) -> None:
        for i in range(3):
            pair(tmp_path, f"v{i}", i)
        save(tmp_path / "labels" / "v1.nii.gz", np.full((16, 24, 16), 5, np.uint8))
        cohort = load_cohort(f"nifti:{tmp_path}", classes="background,head,tail")
        assert "holds the label 5" in cohort.quarantined["v1"]

    def test_another_layout_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(CohortError, match="is not laid out as") as caught:
            load_cohort(f"nifti:{tmp_path}")
        assert "images/*.nii.gz" in caught.value.expected

    @pytest.mark.parametrize(
        "text", ["image,split\na,b\n", "image,label\nimages/v0.nii.gz,\n", "image,label,split\na.nii,b.nii,maybe\n"]
    )
    def test_a_bad_table_is_named_with_its_line(self, tmp_path: Path, text: str) -> None:
        pair(tmp_path, "v0", 0)
        (tmp_path / "metadata.csv").write_text(text)
        with pytest.raises(BedsideError, match=r"metadata\.csv"):
            load_cohort(f"nifti:{tmp_path}")

    def test_headers_alone_can_be_checked(self, tmp_path: Path) -> None:
        pair(tmp_path, "v0", 0)
        pair(tmp_path, "v1", 1)
        with pytest.raises(CohortError, match="names no labels"):
            load_cohort(f"nifti:{tmp_path}", check="header")
        assert len(load_cohort(f"nifti:{tmp_path}", check="header", classes="a,b,c").cases) == 2


def test_the_real_hippocampi_are_read(shared_data: Path) -> None:
    folder = shared_data / "mri_hippocampus_msd"
    if not folder.is_dir():
        pytest.skip(f"no real data: {folder} is not there")
    cohort = load_cohort(f"nifti:{folder}", check="header", classes="background,anterior,posterior")
    assert {part: sum(case.part == part for case in cohort.cases) for part in ("development", "tuning", "test")} == {
        "development": 182, "tuning": 26, "test": 52,
    }  # fmt: skip
    preprocess = suit_preprocess(cohort, image_px=96)
    assert preprocess.spec.shape == (1, 48, 56, 40)
    targets = targets_of(cohort.cases[:3], cohort.task, preprocess)
    listed = [(1324, 1624), (1550, 1803), (1832, 1866)]
    assert [tuple(np.bincount(t.ravel())[1:].tolist()) for t in targets] == listed


def test_one_stray_number_makes_no_empty_classes(refuses, tmp_path: Path) -> None:
    for i in range(4):
        pair(tmp_path, f"v{i}", i)
    path = tmp_path / "labels" / "v2.nii.gz"
    labels = np.asarray(nibabel.load(path).dataobj).copy()
    labels[0, 0, 0] = 9
    save(path, labels)
    cohort = load_cohort(f"nifti:{tmp_path}")
    assert cohort.task.classes == ("background", "label 1", "label 2")
    assert "label 9" in cohort.quarantined["v2"]
    for i in range(4):
        path = tmp_path / "labels" / f"v{i}.nii.gz"
        save(path, np.where(np.asarray(nibabel.load(path).dataobj) == 2, 4, 1).astype(np.uint8))
    with refuses(CohortError, "beyond a gap"):
        load_cohort(f"nifti:{tmp_path}")
