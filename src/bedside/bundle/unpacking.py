"""Unpack a bundle in one file: no path out of the folder, no links, no bombs."""

import atexit
import shutil
import stat
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from bedside.base.errors import BedsideError, BundleError
from bedside.base.files import storage_errors

MAX_BYTES = 2 * 1024**3
MAX_FILES = 10_000
MAX_RATIO = 200
_MAX_NAME_BYTES = 255
_AGAIN = "get the bundle again"


def unpack(path: Path) -> Path:
    """Extract into a temporary folder that goes when the process ends, or at once where the file is refused.

    Raises
    ------
    BundleError
        If the file is damaged or hostile.
    StorageError
        If there is no room for it.
    """
    with storage_errors(Path(tempfile.gettempdir())):
        folder = Path(tempfile.mkdtemp(prefix="bedside-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    try:
        _extract_all(path, folder)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return folder


def check_name(name: str, shown: Path) -> None:
    """Refuse a path that could lead out of the bundle."""
    pure = PurePosixPath(name)
    if pure.is_absolute() or ".." in pure.parts or "\\" in name or not name or ":" in name:
        raise BundleError(f"{shown} holds the hostile path {name!r}", expected="paths inside the bundle", hint=_AGAIN)


def _extract_all(path: Path, folder: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            _check_archive(archive.infolist(), path)
            with storage_errors(folder):
                for item in archive.infolist():
                    _extract(archive, item, folder)
    except BedsideError:
        raise
    except Exception as error:  # zipfile and zlib raise whatever the damage breaks
        raise BundleError(
            f"{path} is not a readable bundle: {error}", expected="a .bedside file", hint=_AGAIN
        ) from None


def _check_archive(items: Sequence[zipfile.ZipInfo], path: Path) -> None:
    if len(items) > MAX_FILES:
        raise BundleError(f"{path} holds {len(items)} files", expected=f"at most {MAX_FILES}", hint=_AGAIN)
    for item in items:
        check_name(item.filename, path)
        if stat.S_ISLNK(item.external_attr >> 16):
            raise BundleError(f"{path} holds the link {item.filename!r}", expected="plain files", hint=_AGAIN)
    _check_clashes(items, path)
    unpacked, packed = sum(i.file_size for i in items), max(1, sum(i.compress_size for i in items))
    if unpacked > MAX_BYTES or (unpacked > 1024**2 and unpacked / packed > MAX_RATIO):
        raise BundleError(
            f"{path} would unpack to {unpacked:,} bytes from {packed:,}",
            expected=f"at most {MAX_BYTES:,} bytes and a ratio of {MAX_RATIO}",
            hint=_AGAIN,
        )


def _check_clashes(items: Sequence[zipfile.ZipInfo], path: Path) -> None:
    """Names that stand twice, lie below a file, or are too long for a disk."""
    names = [PurePosixPath(item.filename) for item in items]
    files = {name for name, item in zip(names, items, strict=True) if not item.is_dir()}
    is_too_long = any(len(part.encode()) > _MAX_NAME_BYTES for name in names for part in name.parts)
    if len(set(names)) < len(names) or any(parent in files for name in names for parent in name.parents) or is_too_long:
        raise BundleError(f"{path} holds names that no folder can hold", expected="each name once", hint=_AGAIN)


def _extract(archive: zipfile.ZipFile, item: zipfile.ZipInfo, folder: Path) -> None:
    """Write one member; zipfile reads no more of it than its header promised, and checks its sum."""
    if item.is_dir():
        return
    target = folder / item.filename
    target.parent.mkdir(parents=True, exist_ok=True)
    with archive.open(item) as source, target.open("wb") as sink:
        shutil.copyfileobj(source, sink, 1 << 20)
