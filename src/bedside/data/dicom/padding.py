"""Pixels that fill an image up to a rectangle, and are none of it (PS3.3 C.7.5.1.1.2)."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from bedside.base.arrays import BoolArray, ByteArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Padding:
    """Stored values from `low` to `high` are padding; `black` is what stands for them before MONOCHROME1 is inverted.

    Nothing is padding where `low` is None.
    """

    low: int | None
    high: int
    black: int

    @classmethod
    def of(cls, header: Any, *, black: int) -> "Padding":
        """Read Pixel Padding Value (0028,0120) and Pixel Padding Range Limit (0028,0121)."""
        value = header.get("PixelPaddingValue")
        if value is None:
            return cls(low=None, high=0, black=black)
        limit = header.get("PixelPaddingRangeLimit")
        signed = bool(header.get("PixelRepresentation"))
        ends = sorted(_as_stored(int(end), signed=signed) for end in (value, value if limit is None else limit))
        return cls(low=ends[0], high=ends[1], black=black)

    def holds(self, stored: np.ndarray) -> BoolArray:
        """Which stored values are padding, of the same shape."""
        if self.low is None or stored.dtype.kind not in "iu":
            return np.zeros(stored.shape, bool)
        return (stored >= self.low) & (stored <= self.high)

    def painted(self, grey: ByteArray, outside: BoolArray) -> ByteArray:
        """The picture with its padding black."""
        return np.where(outside, np.uint8(self.black), grey) if outside.any() else grey


def _as_stored(value: int, *, signed: bool) -> int:
    """The tag's value as pixels have it: some writers give a negative number as an unsigned one, or the reverse."""
    value &= 0xFFFF
    return value - 0x10000 if signed and value >= 0x8000 else value
