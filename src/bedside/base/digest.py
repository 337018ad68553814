"""SHA-256 digests of bytes, files, arrays and values."""

import hashlib
from pathlib import Path
from typing import NewType

import numpy as np
from numpy.typing import NDArray

from bedside.base.jsonform import to_json

Digest = NewType("Digest", str)
"""Lower-case hexadecimal SHA-256, 64 characters."""


def digest_bytes(data: bytes) -> Digest:
    """Digest of a byte string."""
    return Digest(hashlib.sha256(data).hexdigest())


def digest_file(path: Path) -> Digest:
    """Digest of a file, read in blocks."""
    with path.open("rb") as stream:
        return Digest(hashlib.file_digest(stream, "sha256").hexdigest())


def digest_array(array: NDArray[np.generic]) -> Digest:
    """Digest of an array: its dtype, shape and C-ordered bytes."""
    header = f"{array.dtype.str}{array.shape}".encode()
    return digest_bytes(header + np.ascontiguousarray(array).tobytes())


def digest_value(value: object) -> Digest:
    """Digest of a value's canonical JSON form."""
    return digest_bytes(to_json(value))


def digest_many(parts: list[str]) -> Digest:
    """Digest of an ordered list of digests or words."""
    return digest_bytes("\n".join(parts).encode())
