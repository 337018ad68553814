"""Files appear whole or not at all."""

import contextlib
import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bedside.base.errors import StorageError

_DISK_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_NO_PLACE = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST, errno.EISDIR, errno.ENAMETOOLONG}


@contextlib.contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turn the operating system's refusals to write into a `StorageError`."""
    try:
        yield
    except OSError as error:
        if error.errno in _DISK_FULL:
            raise StorageError(
                f"the disk that holds {path} is full", expected="room to write", hint="free some space, then --resume"
            ) from error
        if error.errno in _NO_PLACE:
            raise StorageError(
                f"{path} cannot be written: {error.strerror}", expected="a writable folder", hint="choose another --out"
            ) from error
        raise


def write_atomic(path: Path, data: bytes) -> None:
    """Write a temporary file beside `path`, fsync it, and rename it into place."""
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
            Path(name).chmod(0o644)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)


@contextlib.contextmanager
def folder_in_the_making(final: Path) -> Iterator[Path]:
    """Yield a temporary folder that becomes `final` (replacing it) when the block ends well, and vanishes otherwise."""
    with storage_errors(final):
        final.parent.mkdir(parents=True, exist_ok=True)
        making = Path(tempfile.mkdtemp(prefix=f".{final.name}.", suffix=".tmp", dir=final.parent))
        making.chmod(0o755)
        try:
            yield making
            _sync_tree(making)
            _swap(making, final)
        except BaseException:
            shutil.rmtree(making, ignore_errors=True)
            raise
        _sync_folder(final.parent)


def _swap(making: Path, final: Path) -> None:
    if not final.exists():
        making.replace(final)
        return
    old = making.with_suffix(".old")
    final.replace(old)
    try:
        making.replace(final)
    except OSError:
        old.replace(final)
        raise
    shutil.rmtree(old, ignore_errors=True)


def sweep_leftovers(folder: Path) -> None:
    """Remove what a killed run left under its temporary name."""
    for pattern in (".*.tmp", ".*.old"):
        for path in folder.glob(pattern):
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)


def _sync_tree(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as stream:
                os.fsync(stream.fileno())


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
