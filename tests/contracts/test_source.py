"""The built-in sources keep the promises of every source."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

sys.path.insert(0, str(Path(__file__).parent))

from box_folders import box_tables, coco_folder, rsna_folder, voc_folder
from source_contract import SourceContract

from bedside.data.phantom_volume import CLASSES, VolumePhantom


def picture(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (12, 10), np.uint8)).save(path)


class TestPhantom(SourceContract):
    @pytest.fixture
    def options(self) -> dict[str, str]:
        return {"n": "12"}

    @pytest.fixture
    def source(self) -> str:
        return "phantom:ultrasound"


class TestFolder(SourceContract):
    @pytest.fixture
    def source(self, tmp_path: Path) -> str:
        for i in range(8):
            picture(tmp_path / ("ill" if i % 2 else "normal") / f"{i}.png", i)
        return f"folder:{tmp_path}"


class TestNpz(SourceContract):
    @pytest.fixture
    def source(self, tmp_path: Path) -> str:
        rng = np.random.default_rng(0)
        np.savez(
            tmp_path / "set.npz", images=rng.integers(0, 256, (12, 10, 8), np.uint8), labels=np.arange(12) % 2,
            patient_id=np.arange(12) // 2, split=np.repeat(["train", "val", "test"], 4),
        )  # fmt: skip
        return f"npz:{tmp_path / 'set.npz'}"


class TestMedmnist(SourceContract):
    @pytest.fixture
    def source(self, medmnist_here: Path) -> str:
        return "medmnist:breastmnist"

    def test_parts_are_known_and_patients_are_in_one_of_them(self) -> None:
        pytest.skip("MedMNIST names no patients")


class TestCxr14(SourceContract):
    @pytest.fixture
    def source(self, tmp_path: Path) -> str:
        lines = ["Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position"]
        for i in range(12):
            lines.append(f"{i:08d}_000.png,{'Mass|Effusion' if i % 3 == 0 else 'No Finding'},0,{i // 2},50,F,PA")
            if i < 11:
                picture(tmp_path / f"images_00{i % 2 + 1}" / "images" / f"{i:08d}_000.png", i)
        (tmp_path / "Data_Entry_2017.csv").write_text("\n".join(lines))
        names = [f"{i:08d}_000.png" for i in range(12)]
        (tmp_path / "train_val_list.txt").write_text("\n".join(names[:8]))
        (tmp_path / "test_list.txt").write_text("\n".join(names[8:]))
        return f"nih-cxr14:{tmp_path}"


class TestChexpert(SourceContract):
    @pytest.fixture
    def source(self, tmp_path: Path) -> str:
        for table, patients in (("train.csv", range(8)), ("valid.csv", range(8, 12)), ("test.csv", range(12, 16))):
            lines = ["Path,Sex,Age,Frontal/Lateral,AP/PA,Pleural Effusion"]
            for p in patients:
                name = f"{table[:-4]}/patient{p:05d}/study1/view1_frontal.jpg"
                picture(tmp_path / name, p)
                lines.append(f"CheXpert-v1.0-small/{name},Male,60,Frontal,AP,{('1.0', '', '0.0', '-1.0')[p % 4]}")
            (tmp_path / table).write_text("\n".join(lines))
        return f"chexpert:{tmp_path}"


class TestBoxes(SourceContract):
    @pytest.fixture
    def source(self, tmp_path: Path) -> str:
        return f"boxes:{box_tables(tmp_path)}"


class TestCoco(SourceContract):
    @pytest.fixture
    def source(self, tmp_path: Path) -> str:
        return f"coco:{coco_folder(tmp_path)}"


class TestVoc(SourceContract):
    @pytest.fixture
    def source(self, tmp_path: Path) -> str:
        return f"voc:{voc_folder(tmp_path)}"


class TestRsnaPneumonia(SourceContract):
    @pytest.fixture
    def source(self, tmp_path: Path) -> str:
        return f"rsna-pneumonia:{rsna_folder(tmp_path)}"


class TestFociPhantom(SourceContract):
    @pytest.fixture
    def options(self) -> dict[str, str]:
        return {"n": "12"}

    @pytest.fixture
    def source(self) -> str:
        return "phantom:detection"


def volumes(folder: Path, images: str, labels: str, n: int = 4) -> None:
    """Phantom volumes and their label maps as NIfTI."""
    nibabel = pytest.importorskip("nibabel", reason="pip install 'bedside[nifti]'")
    for i in range(n):
        for part, values in zip((images, labels), VolumePhantom().volume(i), strict=True):
            (folder / part).mkdir(exist_ok=True)
            nibabel.save(nibabel.Nifti1Image(values, np.eye(4)), folder / part / f"v{i}.nii.gz")


class TestNifti(SourceContract):
    @pytest.fixture
    def source(self, tmp_path: Path) -> str:
        volumes(tmp_path, "images", "labels")
        (tmp_path / "labels" / "v3.nii.gz").unlink()
        return f"nifti:{tmp_path}"


class TestMsd(SourceContract):
    @pytest.fixture
    def source(self, tmp_path: Path) -> str:
        volumes(tmp_path, "imagesTr", "labelsTr")
        pairs = [{"image": f"./imagesTr/v{i}.nii.gz", "label": f"./labelsTr/v{i}.nii.gz"} for i in range(5)]
        described = {"training": pairs, "labels": dict(enumerate(CLASSES)), "modality": {"0": "MRI"}}
        (tmp_path / "dataset.json").write_text(json.dumps(described))
        return f"msd:{tmp_path}"


class TestVolumePhantom(SourceContract):
    @pytest.fixture
    def options(self) -> dict[str, str]:
        return {"n": "8"}

    @pytest.fixture
    def source(self) -> str:
        return "phantom:volume"
