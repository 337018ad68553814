"""Which images show one picture: thumbnails that correlate and difference hashes that agree."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from bedside.base.arrays import BoolArray, ByteArray, FloatArray
from bedside.base.digest import digest_array
from bedside.data.case import Case
from bedside.data.preprocess import Preprocess

SAME_CORRELATION = 0.97
"""Two thumbnails at least this correlated may show one image."""

SAME_HASH_BITS = 32
"""... and do, if their 256-bit difference hashes differ in at most this many bits."""

_THUMBNAIL = Preprocess(n_channels=1, height_px=32, width_px=32, fit="squash")
_HASH = Preprocess(n_channels=1, height_px=16, width_px=17, fit="squash")
_BLOCK = 2048


@dataclass(frozen=True, slots=True)
class Look:
    """What is kept of an image while all are compared."""

    case: Case
    exact: str
    thumbnail: FloatArray
    bits: BoolArray


def look_at(case: Case, image: ByteArray) -> Look:
    """Keep of an image what comparing it needs."""
    small = _THUMBNAIL.geometry(image).astype(np.float32).ravel()
    small -= small.mean()
    steps = _HASH.geometry(image)[0].astype(np.int16)
    return Look(
        case=case,
        exact=digest_array(image),
        thumbnail=small / (np.linalg.norm(small) + 1e-6),
        bits=(steps[:, 1:] > steps[:, :-1]).ravel(),
    )


def near_duplicates(looks: Sequence[Look]) -> Iterator[tuple[int, int]]:
    """Pairs whose thumbnails correlate and whose difference hashes agree, but whose pixels differ."""
    if not looks:
        return
    thumbnails = np.stack([look.thumbnail for look in looks])
    for start in range(0, len(looks), _BLOCK):
        rows = thumbnails[start : start + _BLOCK]
        for other in range(start, len(looks), _BLOCK):
            close = rows @ thumbnails[other : other + _BLOCK].T >= SAME_CORRELATION
            for i, j in zip(*np.nonzero(close), strict=True):
                a, b = start + int(i), other + int(j)
                if a < b and looks[a].exact != looks[b].exact and _hashes_agree(looks[a], looks[b]):
                    yield a, b


def _hashes_agree(a: Look, b: Look) -> bool:
    return int((a.bits != b.bits).sum()) <= SAME_HASH_BITS
