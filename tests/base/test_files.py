"""Files appear whole or not at all, also when the disk is full or the process is killed."""

import errno
import os
import stat
import subprocess
from pathlib import Path

import pytest

from bedside.base.errors import StorageError
from bedside.base.files import folder_in_the_making, sweep_leftovers, write_atomic

KILLED_WHILE_MAKING = """
import os, signal, sys
from pathlib import Path
from bedside.base.files import folder_in_the_making
with folder_in_the_making(Path(sys.argv[1])) as folder:
    (folder / "half").write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""

NO_FILE_OVER_4_KIB = """
import resource, sys
from pathlib import Path
from bedside.base.errors import StorageError
from bedside.base.files import folder_in_the_making, write_atomic
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
path = Path(sys.argv[1])
try:
    write_atomic(path, bytes(100_000))
except StorageError as error:
    print("file", error.exit_code)
try:
    with folder_in_the_making(path.with_name("folder")) as folder:
        (folder / "large").write_bytes(bytes(100_000))
except StorageError as error:
    print("folder", error.exit_code)
"""


def test_a_file_is_written_whole_with_its_folder(tmp_path: Path, contents) -> None:
    write_atomic(tmp_path / "new" / "deep" / "x.bin", b"1")
    write_atomic(tmp_path / "new" / "deep" / "x.bin", b"22")
    assert contents(tmp_path) == {"new/deep/x.bin": b"22"}


def test_others_may_read_what_was_written(tmp_path: Path) -> None:
    write_atomic(tmp_path / "file", b"x")
    with folder_in_the_making(tmp_path / "folder"):
        pass
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o644
    assert stat.S_IMODE((tmp_path / "folder").stat().st_mode) == 0o755


def test_a_full_disk_leaves_the_old_file_and_no_half_of_the_new_one(refuses, tiny_disk: Path, contents) -> None:
    path = tiny_disk / "value.json"
    write_atomic(path, b"old")
    with refuses(StorageError, "full", str(path)):
        write_atomic(path, bytes(1_000_000))
    assert contents(tiny_disk) == {"value.json": b"old"}


def test_a_full_disk_leaves_the_old_folder_and_no_half_of_the_new_one(refuses, tiny_disk: Path, contents) -> None:
    with folder_in_the_making(tiny_disk / "bundle") as folder:
        (folder / "a").write_bytes(b"old")
    with refuses(StorageError, "full"), folder_in_the_making(tiny_disk / "bundle") as folder:
        (folder / "a").write_bytes(b"new")
        (folder / "b").write_bytes(bytes(1_000_000))
    assert contents(tiny_disk) == {"bundle/a": b"old"}


def test_a_quota_is_a_full_disk_too(python, tmp_path: Path, contents) -> None:
    done = python(NO_FILE_OVER_4_KIB, tmp_path / "file")
    assert done.stdout.split() == ["file", "50", "folder", "50"], done.stderr
    assert contents(tmp_path) == {}
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_fills_up_at_the_last_moment_leaves_nothing(tmp_path: Path, monkeypatch) -> None:
    def no_room(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", no_room)
    with pytest.raises(StorageError):
        write_atomic(tmp_path / "file", b"x")
    with pytest.raises(StorageError), folder_in_the_making(tmp_path / "folder") as folder:
        (folder / "a").write_bytes(b"x")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["file/below", "x" * 300])
def test_a_place_that_cannot_be_written_is_a_storage_error(refuses, tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_bytes(b"")
    with refuses(StorageError, "cannot be written"):
        write_atomic(tmp_path / name, b"x")
    with refuses(StorageError, "cannot be written"), folder_in_the_making(tmp_path / name):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_read_only_file_system_is_a_storage_error(refuses, tiny_disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(tiny_disk)], check=True)
    with refuses(StorageError, "cannot be written"):
        write_atomic(tiny_disk / "x", b"x")
    with refuses(StorageError, "cannot be written"), folder_in_the_making(tiny_disk / "bundle"):
        pass


def test_an_error_inside_the_block_passes_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), folder_in_the_making(tmp_path / "folder") as folder:
        (folder / "a").write_bytes(b"x")
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def test_an_interrupt_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), folder_in_the_making(tmp_path / "folder"):
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_a_new_folder_replaces_the_old_one_entirely(tmp_path: Path, contents) -> None:
    for name in ("old", "new"):
        with folder_in_the_making(tmp_path / "folder") as folder:
            (folder / name).mkdir()
            (folder / name / "file").write_text(name)
    assert contents(tmp_path) == {"folder/new/file": b"new"}
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_when_the_last_rename_fails_the_old_folder_is_put_back(tmp_path: Path, monkeypatch, contents) -> None:
    with folder_in_the_making(tmp_path / "folder") as folder:
        (folder / "a").write_text("old")
    rename = Path.replace

    def fail_on_the_new_one(path: Path, target: Path) -> Path:
        if path.suffix == ".tmp":
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return rename(path, target)

    monkeypatch.setattr(Path, "replace", fail_on_the_new_one)
    with pytest.raises(OSError, match=os.strerror(errno.EIO)), folder_in_the_making(tmp_path / "folder") as folder:
        (folder / "a").write_text("new")
    assert contents(tmp_path) == {"folder/a": b"old"}


def test_a_killed_process_leaves_the_old_folder_and_its_scraps_are_swept(python, tmp_path: Path, contents) -> None:
    final = tmp_path / "folder"
    with folder_in_the_making(final) as folder:
        (folder / "a").write_text("old")
    killed = python(KILLED_WHILE_MAKING, final)
    assert killed.returncode < 0
    assert contents(final) == {"a": b"old"}
    assert len(list(tmp_path.iterdir())) == 2, "the test should have left scraps"
    (tmp_path / ".other.tmp").write_text("scrap of a file")
    (tmp_path / ".hidden").write_text("not ours")
    sweep_leftovers(tmp_path)
    assert contents(tmp_path) == {"folder/a": b"old", ".hidden": b"not ours"}
