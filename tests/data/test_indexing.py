"""The index of many files."""

import sqlite3
import subprocess
import sys
import time
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bedside.base.digest import digest_file
from bedside.base.errors import InputError, StorageError
from bedside.data import indexing
from bedside.data.indexing import build_index, quarantined


@pytest.fixture
def files(tmp_path: Path, slice_file) -> Path:
    folder = tmp_path / "files"
    for i in range(20):
        path = folder / f"{i % 3}" / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((6, 4 + i), i, np.uint8)).save(path)
    Image.fromarray(np.zeros((5, 5, 3), np.uint8)).save(folder / "c.jpg")
    slice_file("s.dcm", 0, np.zeros((3, 7), np.int16), PatientID="Some^Name").rename(folder / "s.dcm")
    (folder / "notes.txt").write_text("none")
    (folder / "empty.png").touch()
    (folder / ".hidden.png").write_text("x")
    return folder


def rows(index: Path) -> dict[str, tuple]:
    with sqlite3.connect(index) as store:
        return {row[0]: row[1:] for row in store.execute("SELECT * FROM files")}


@pytest.mark.parametrize("processes", [1, 2])
def test_every_file_is_in_it_once_or_quarantined(files: Path, tmp_path: Path, processes: int, monkeypatch) -> None:
    monkeypatch.setattr(indexing, "_BATCH", 7)
    index = tmp_path / "index.sqlite"
    report = build_index(files, index, processes=processes)
    assert (report.n_files, report.n_read, report.n_quarantined) == (24, 24, 2)
    found = rows(index)
    assert len(found) == 24
    assert found["1/4.png"][2:7] == ("png", 6, 8, 1, 1)
    assert found["c.jpg"][2:6] == ("jpeg", 5, 5, 3)
    assert found["s.dcm"][2:8] == ("dicom", 3, 7, 1, 1, "CT")
    assert found["1/4.png"][10] == digest_file(files / "1" / "4.png")
    assert "Name" not in str(found)
    assert {path for path, _ in quarantined(index)} == {"notes.txt", "empty.png"}


def test_a_second_run_reads_what_changed_only(files: Path, tmp_path: Path) -> None:
    index = tmp_path / "index.sqlite"
    build_index(files, index, processes=1)
    (files / "c.jpg").unlink()
    Image.fromarray(np.zeros((9, 9), np.uint8)).save(files / "0" / "0.png")
    report = build_index(files, index, processes=1)
    assert (report.n_read, report.n_unchanged, report.n_gone) == (1, 22, 1)
    assert rows(index)["0/0.png"][3:5] == (9, 9)


def test_a_run_that_was_stopped_goes_on(files: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(indexing, "_BATCH", 5)
    index = tmp_path / "index.sqlite"

    def stop(done: int) -> None:
        if done >= 10:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_index(files, index, processes=1, tick=stop)
    report = build_index(files, index, processes=1)
    assert report.n_unchanged == 10
    assert report.n_files == 24
    assert report.n_gone == 0


def test_an_index_of_another_folder_is_refused(files: Path, tmp_path: Path, refuses) -> None:
    build_index(files, tmp_path / "index.sqlite", processes=1)
    with refuses(InputError, "is the index of"):
        build_index(files / "0", tmp_path / "index.sqlite", processes=1)
    with refuses(InputError, "not a folder"):
        build_index(files / "absent", tmp_path / "other.sqlite", processes=1)
    (tmp_path / "text.sqlite").write_text("no database at all " * 100)
    with refuses(StorageError, "text.sqlite"):
        build_index(files, tmp_path / "text.sqlite", processes=1)


KILLED = """
import sys
from pathlib import Path
from bedside.data.indexing import build_index

def told(done):
    print(done, flush=True)

if __name__ == "__main__":
    build_index(Path(sys.argv[1]), Path(sys.argv[2]), processes=2, tick=told)
"""


def test_a_run_that_was_killed_goes_on_and_leaves_no_reader_behind(tmp_path: Path) -> None:
    many, index, program = tmp_path / "many", tmp_path / "index.sqlite", tmp_path / "program.py"
    many.mkdir()
    buffer = BytesIO()
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(buffer, "PNG")
    for i in range(6000):
        (many / f"{i}.png").write_bytes(buffer.getvalue())
    program.write_text(KILLED)
    with subprocess.Popen([sys.executable, program, many, index], stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        n_done = int(run.stdout.readline())
        readers = _children(run.pid)
        run.kill()
    assert readers
    report = build_index(many, index, processes=1)
    assert n_done <= report.n_unchanged < report.n_files == 6000
    assert (report.n_gone, report.n_quarantined) == (0, 0)
    until = time.monotonic() + 10
    while any(_is_alive(pid) for pid in readers) and time.monotonic() < until:
        time.sleep(0.05)
    assert not any(_is_alive(pid) for pid in readers)


def _children(pid: int) -> list[int]:
    """Readers of a run: its children that are no resource tracker."""
    listed = Path(f"/proc/{pid}/task/{pid}/children")
    if not listed.is_file():
        pytest.skip("children are looked up in /proc")
    found = [int(word) for word in listed.read_text().split()]
    return [child for child in found if b"resource_tracker" not in Path(f"/proc/{child}/cmdline").read_bytes()]


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_links_that_lead_nowhere_are_named(files: Path, tmp_path: Path) -> None:
    (files / "gone.png").symlink_to(tmp_path / "no-such.png")
    (files / "elsewhere").symlink_to(files / "0", target_is_directory=True)
    build_index(files, tmp_path / "index.sqlite", processes=1)
    reasons = dict(quarantined(tmp_path / "index.sqlite"))
    assert "No such file" in reasons["gone.png"]
    assert "directory" in reasons["elsewhere"]
