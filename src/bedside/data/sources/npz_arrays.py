"""Arrays in an npz, read with care: what may be damaged, hostile, or of another type is refused by name."""

from pathlib import Path

import numpy as np

from bedside.base.arrays import ByteArray
from bedside.base.errors import CohortError


def open_npz(path: Path) -> np.lib.npyio.NpzFile:
    """Open an npz; objects in it are never unpickled."""
    try:
        archive = np.load(path, allow_pickle=False)
    except Exception as error:  # numpy and zipfile raise whatever the damage breaks
        raise malformed(f"{path} is not a readable npz: {error}", "a complete npz without Python objects") from None
    if not isinstance(archive, np.lib.npyio.NpzFile):
        raise malformed(f"{path} holds one bare array", "an npz, which holds arrays by name")
    return archive


def malformed(
    message: str, expected: str, hint: str = "write it again with numpy.savez, or download it again"
) -> CohortError:
    """The error of a file whose arrays are not what they should be."""
    return CohortError(message, expected=expected, hint=hint)


def array_of(archive: np.lib.npyio.NpzFile, key: str, path: Path) -> np.ndarray:
    """One array by name."""
    if key not in archive:
        raise malformed(f"{path} has no array {key!r}", f"arrays; it has {', '.join(archive.files) or 'none'}")
    try:
        return archive[key]
    except Exception as error:
        raise malformed(f"{path}: {key} cannot be read ({error})", "plain arrays, no Python objects") from None


def as_bytes(images: np.ndarray, key: str, path: Path) -> ByteArray:
    """Numbers of 0 to 255 as bytes; anything else is refused."""
    if not np.issubdtype(images.dtype, np.integer) and not np.issubdtype(images.dtype, np.floating):
        raise malformed(f"{path}: {key} is of type {images.dtype}", "uint8")
    if not np.isfinite(images).all():
        raise malformed(f"{path}: {key} holds NaN or infinity", "finite pixels")
    if images.min() < 0 or images.max() > 255:
        raise malformed(f"{path}: {key} lies in [{images.min()}, {images.max()}]", "0 to 255")
    return np.round(images).astype(np.uint8)
