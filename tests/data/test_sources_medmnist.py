"""MedMNIST: the official file or none."""

import hashlib
import shutil
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import numpy as np
import pytest

from bedside.base.errors import CohortError, InputError, StorageError
from bedside.base.task import Task
from bedside.data.sources import load_cohort, medmnist
from bedside.data.sources.medmnist import find_or_fetch, read_npz
from bedside.data.sources.medmnist_tasks import question

TASK = Task(classes=("no", "yes"))


def sound_arrays() -> dict[str, np.ndarray]:
    rng, arrays = np.random.default_rng(0), {}
    for part in ("train", "val", "test"):
        arrays[f"{part}_images"] = rng.integers(0, 256, (6, 5, 4), np.uint8)
        arrays[f"{part}_labels"] = np.arange(6, dtype=np.uint8).reshape(6, 1) % 2
    return arrays


def read(path: Path, **changed: np.ndarray | None):
    arrays = {**sound_arrays(), **changed}
    np.savez(path, **{name: array for name, array in arrays.items() if array is not None})
    return read_npz(path, name="made", task=TASK, source="test:made")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "made.npz"


def test_the_official_files_are_found_and_checked(medmnist_here: Path) -> None:
    cohort = load_cohort("medmnist:pneumoniamnist")
    assert cohort.counts() == {
        "development": {"normal": 1214, "pneumonia": 3494},
        "tuning": {"normal": 135, "pneumonia": 389},
        "test": {"normal": 234, "pneumonia": 390},
    }
    assert cohort.task.positive_name == "pneumonia"
    assert cohort.licence == "CC BY 4.0"
    with np.load(medmnist_here / "pneumoniamnist.npz") as archive:
        np.testing.assert_array_equal(cohort.cases[-1].image(), archive["test_images"][-1])
        assert [case.label for case in cohort.cases[:50]] == archive["train_labels"][:50, 0].tolist()


def test_the_class_that_is_looked_for_can_be_named(medmnist_here: Path, refuses) -> None:
    assert load_cohort("medmnist:breastmnist").task.positive_name == "malignant"
    assert load_cohort("medmnist:breastmnist", positive="normal or benign").task.positive == 1
    with refuses(InputError, "'cat'", "malignant, normal or benign"):
        load_cohort("medmnist:breastmnist", positive="cat")


def test_a_file_with_another_md5_is_refused(medmnist_here: Path, tmp_path: Path, monkeypatch, refuses) -> None:
    shutil.copy(medmnist_here / "breastmnist.npz", tmp_path / "breastmnist.npz")
    with (tmp_path / "breastmnist.npz").open("r+b") as stream:
        stream.seek(1000)
        stream.write(b"\0")
    monkeypatch.setenv("BEDSIDE_DATA", str(tmp_path))
    with refuses(InputError, medmnist.SETS["breastmnist"].md5, "breastmnist.npz"):
        load_cohort("medmnist:breastmnist")


def test_an_unknown_set_is_refused(refuses) -> None:
    with refuses(InputError, "breastmist", "breastmnist"):
        load_cohort("medmnist:breastmist")


class Site:
    """A web server on this machine that answers with a fixed file."""

    def __init__(self, body: bytes) -> None:
        site, self.n_asked = self, 0

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.n_asked += 1
                self.send_response(200)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.address = f"http://127.0.0.1:{self.server.server_port}/{{name}}.npz"


@pytest.fixture
def nothing_at_hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No data folder, and an empty cache."""
    (tmp_path / "in" / "here").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "in" / "here")
    monkeypatch.delenv("BEDSIDE_DATA", raising=False)
    monkeypatch.setenv("BEDSIDE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "medmnist"


def test_a_download_is_checked_and_kept(nothing_at_hand: Path, monkeypatch) -> None:
    site, md5 = Site(b"the official file"), hashlib.md5(b"the official file").hexdigest()
    monkeypatch.setattr(medmnist, "OFFICIAL", site.address)
    paths = [find_or_fetch("somemnist", md5) for _ in range(2)]
    assert paths == [nothing_at_hand / "somemnist.npz"] * 2
    assert paths[0].read_bytes() == b"the official file"
    assert site.n_asked == 1


def test_a_download_that_is_not_the_official_file_is_not_kept(nothing_at_hand: Path, monkeypatch, refuses) -> None:
    monkeypatch.setattr(medmnist, "OFFICIAL", Site(b"<html>captive portal</html>").address)
    with refuses(InputError, "the download"):
        find_or_fetch("somemnist", "0" * 32)
    assert not nothing_at_hand.exists()


def test_a_full_disk_keeps_no_half_of_a_download(tiny_disk: Path, monkeypatch, refuses) -> None:
    body = bytes(400_000)
    monkeypatch.setenv("BEDSIDE_DATA", "/nonexistent")
    monkeypatch.setenv("BEDSIDE_CACHE", str(tiny_disk))
    monkeypatch.setattr(medmnist, "OFFICIAL", Site(body).address)
    with refuses(StorageError, "full"):
        find_or_fetch("somemnist", hashlib.md5(body).hexdigest())
    assert not [path for path in tiny_disk.rglob("*") if path.is_file()]


def test_without_a_network_the_way_out_is_said(nothing_at_hand: Path, monkeypatch, refuses) -> None:
    monkeypatch.setattr(medmnist, "OFFICIAL", "http://127.0.0.1:9/{name}.npz")
    with refuses(InputError, "BEDSIDE_DATA", "could not be downloaded"):
        load_cohort("medmnist:breastmnist")
    assert not nothing_at_hand.exists()


def test_a_sound_npz_is_read(path: Path) -> None:
    cohort = read(path)
    assert len(cohort.cases) == 18
    assert {case.part for case in cohort.cases} == {"development", "tuning", "test"}
    np.testing.assert_array_equal(cohort.cases[7].image(), sound_arrays()["val_images"][1])


def test_colour_and_whole_floats_are_read(path: Path) -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (6, 5, 4, 3), np.uint8)
    assert read(path, test_images=rgb).cases[-1].image().shape == (5, 4, 3)
    floats = sound_arrays()["val_images"].astype(np.float64)
    np.testing.assert_array_equal(read(path, val_images=floats).cases[7].image(), sound_arrays()["val_images"][1])


@pytest.mark.parametrize("key", list(sound_arrays()))
def test_a_missing_key_is_refused(refuses, path: Path, key: str) -> None:
    with refuses(CohortError, repr(key)):
        read(path, **{key: None})


FLOATS = sound_arrays()["train_images"].astype(np.float32)


@pytest.mark.parametrize(
    ("key", "array"),
    [
        ("train_images", np.array([{"a": 1}] * 6, object)),
        ("train_labels", np.array([[0], [1], [None], [0], [1], [0]], object)),
        ("train_images", np.where(np.arange(4) == 2, np.nan, FLOATS).astype(np.float32)),
        ("train_images", np.where(np.arange(4) == 2, np.inf, FLOATS).astype(np.float32)),
        ("train_images", FLOATS - 300),
        ("train_images", FLOATS * 1000),
        ("train_images", FLOATS.astype(np.complex64)),
        ("train_images", np.array(["image"] * 6)),
        ("train_images", FLOATS > 3),
        ("train_images", np.zeros((6, 5, 4, 2), np.uint8)),
        ("train_images", np.zeros((6, 5, 4, 1), np.uint8)),
        ("train_images", np.zeros((6, 5, 4, 4), np.uint8)),
        ("train_images", np.zeros((6, 5), np.uint8)),
        ("train_images", np.zeros((6, 0, 4), np.uint8)),
        ("train_images", np.zeros((6, 5, 4, 3, 3), np.uint8)),
        ("train_images", np.uint8(3)),
        ("train_images", np.zeros((7, 5, 4), np.uint8)),
        ("train_images", np.zeros((0, 5, 4), np.uint8)),
        ("train_images", np.zeros((0, 5, 4), np.float32)),
        ("train_labels", np.array([0.0, 1, 0, 1, np.nan, 1]).reshape(6, 1)),
        ("train_labels", np.zeros((6, 2), np.uint8)),
        ("train_labels", np.zeros((5, 1), np.uint8)),
        ("train_labels", np.zeros((0, 1), np.uint8)),
        ("train_labels", np.uint8(1)),
        ("train_labels", np.array(["yes"] * 6)),
    ],
)
def test_a_malformed_array_is_refused(refuses, path: Path, key: str, array: np.ndarray) -> None:
    with refuses(CohortError, "train_"):
        read(path, **{key: array})


@pytest.mark.parametrize("label", [2, 255, -1])
def test_a_label_outside_the_list_is_refused(refuses, path: Path, label: int) -> None:
    labels = np.array([0, 1, 0, label, 1, 0]).reshape(6, 1)
    with refuses(CohortError, "outside the list", "train/00003", "0 to 1 (no, yes)"):
        read(path, train_labels=labels)


def test_one_class_only_is_refused(refuses, path: Path) -> None:
    zeros = {f"{part}_labels": np.zeros((6, 1), np.uint8) for part in ("train", "val", "test")}
    with refuses(CohortError, "one class only"):
        read(path, **zeros)


def test_one_case_of_a_class_is_refused(refuses, path: Path) -> None:
    labels = {f"{part}_labels": np.zeros((6, 1), np.uint8) for part in ("train", "val", "test")}
    labels["test_labels"][0] = 1
    with refuses(CohortError, "'yes' has 1 patients"):
        read(path, **labels)


def test_a_damaged_archive_is_refused_wherever_it_is_cut_or_changed(refuses, path: Path) -> None:
    np.savez_compressed(path, **sound_arrays())
    whole, rng = path.read_bytes(), np.random.default_rng(0)

    def attempt(content: bytes) -> None:
        path.write_bytes(content)
        try:
            read_npz(path, name="made", task=TASK, source="test:made")
        except CohortError as error:
            assert error.expected, error
            assert error.hint, error

    for content in (b"", b"PK\x03\x04", b"hello", whole[: len(whole) // 2], b"\x80\x04K\x01."):
        with refuses(CohortError, str(path)):
            path.write_bytes(content)
            read_npz(path, name="made", task=TASK, source="test:made")
    for position in rng.integers(0, len(whole), 400):
        attempt(whole[:position] + bytes([rng.integers(256)]) + whole[position + 1 :])


def test_a_bare_array_is_refused(refuses, path: Path) -> None:
    with path.open("wb") as stream:
        np.save(stream, np.zeros(3))
    with refuses(CohortError, "bare array"):
        read_npz(path, name="made", task=TASK, source="test:made")


def small_npz(path: Path, n_columns: int, n_classes: int) -> Path:
    """30 tiny images a part with random labels, every class in each."""
    rng, arrays = np.random.default_rng(0), {}
    for part in ("train", "val", "test"):
        arrays[f"{part}_images"] = rng.integers(0, 256, (30, 8, 8)).astype(np.uint8)
        labels = (np.arange(30)[:, None] + np.arange(n_columns)) % n_classes
        arrays[f"{part}_labels"] = labels.astype(np.uint8)
    np.savez(path, **arrays)
    return path


def test_chest_x_rays_have_fourteen_findings_or_one(tmp_path: Path, refuses) -> None:
    known = medmnist.SETS["chestmnist"]
    path = small_npz(tmp_path / "chest.npz", 14, 2)
    task = question(known, {})
    assert (task.kind, task.classes) == ("multilabel", known.classes)
    cohort = medmnist.read_npz(path, name="chestmnist", task=task, source="made", known=known)
    with np.load(path) as archive:
        assert [case.marks for case in cohort.cases[:30]] == [tuple(row) for row in archive["train_labels"].tolist()]
        for options, finding in (({"positive": "mass"}, "mass"), ({"task": "classification"}, "pneumonia")):
            task = question(known, options)
            assert task.classes == (f"no {finding}", finding)
            one = medmnist.read_npz(path, name="chestmnist", task=task, source="made", known=known)
            column = archive["train_labels"][:, known.classes.index(finding)]
            assert [case.label for case in one.cases[:30]] == column.tolist()
    with refuses(CohortError, "(30, 14)"):
        few = small_npz(tmp_path / "few.npz", 3, 2)
        medmnist.read_npz(few, name="chestmnist", task=question(known, {}), source="made", known=known)


def test_retinopathy_is_graded_or_classified(tmp_path: Path, refuses) -> None:
    known = medmnist.SETS["retinamnist"]
    path = small_npz(tmp_path / "retina.npz", 1, 5)
    task = question(known, {"positive": "moderate"})
    assert (task.kind, task.positive) == ("ordinal", 2)
    assert len(medmnist.read_npz(path, name="retinamnist", task=task, source="made", known=known).cases) == 90
    assert question(known, {"task": "classification"}).kind == "classification"
    with refuses(InputError, "task=rank"):
        question(known, {"task": "rank"})
