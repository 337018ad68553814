"""A window: which of the measured values lie between black and white."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from bedside.base.arrays import ByteArray
from bedside.base.errors import InputError

VoiFunction = Literal["LINEAR", "LINEAR_EXACT", "SIGMOID"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The VOI functions of DICOM PS3.3 C.11.2.1.2 and C.11.2.1.3, from measured values to 0-255.

    Parameters
    ----------
    centre, width
        In the unit of the values: HU for CT, the stored value where a file states no unit.
    function
        ``LINEAR`` is the standard's default (black at centre - 0.5 - (width - 1) / 2); ``LINEAR_EXACT`` has neither
        half; ``SIGMOID`` has no sharp ends.
    """

    centre: float
    width: float
    function: VoiFunction = "LINEAR"

    def __post_init__(self) -> None:
        least = 1 if self.function == "LINEAR" else 0
        if not (np.isfinite(self.centre) and np.isfinite(self.width) and self.width >= least and self.width > 0):
            raise InputError(
                f"a {self.function} window of centre {self.centre} and width {self.width}",
                expected=f"finite numbers, a width {'of 1 or more' if least else 'above 0'}",
                hint="correct the window, or name a preset: " + ", ".join(CT_WINDOWS),
            )

    def __call__(self, values: np.ndarray) -> ByteArray:
        """Turn values of any shape into uint8 of the same shape."""
        shifted = values.astype(np.float64)
        if self.function == "SIGMOID":
            unit = 1 / (1 + np.exp(-4 * (shifted - self.centre) / self.width))
        elif self.function == "LINEAR_EXACT":
            unit = (shifted - self.centre) / self.width + 0.5
        elif self.width == 1:
            unit = (shifted > self.centre - 0.5).astype(np.float64)
        else:
            unit = (shifted - (self.centre - 0.5)) / (self.width - 1) + 0.5
        return np.round(np.clip(unit, 0, 1) * 255).astype(np.uint8)


@dataclass(frozen=True, slots=True, kw_only=True)
class PercentileWindow:
    """Black and white at two percentiles of the image's own values (order statistics, nothing is interpolated)."""

    low_percent: float
    high_percent: float

    def __post_init__(self) -> None:
        if not 0 <= self.low_percent < self.high_percent <= 100:
            raise InputError(
                f"a window from percentile {self.low_percent} to {self.high_percent}",
                expected="0 <= low < high <= 100",
                hint="correct the window",
            )

    def __call__(self, values: np.ndarray) -> ByteArray:
        """Turn values of any shape into uint8 of the same shape; a range of nothing gives 0."""
        flat = values.astype(np.float64).ravel()
        places = [int(percent / 100 * (flat.size - 1)) for percent in (self.low_percent, self.high_percent)]
        low, high = np.partition(flat, places)[places].tolist()
        if high <= low:
            return np.zeros(values.shape, np.uint8)
        unit = (np.clip(values.astype(np.float64), low, high) - low) * (255.0 / (high - low))
        return np.round(unit).astype(np.uint8)


AnyWindow = Window | PercentileWindow

CT_WINDOWS = {
    "lung": Window(centre=-600, width=1500),
    "bone": Window(centre=400, width=1800),
    "brain": Window(centre=40, width=80),
    "soft tissue": Window(centre=50, width=400),
}
"""Usual windows for CT, in HU (Hounsfield units); they mean nothing for other modalities."""


def window_named(name: str) -> Window:
    """Return a CT preset, or the window that ``CENTRE,WIDTH`` spells.

    Raises
    ------
    InputError
        If it is neither.

    Examples
    --------
    >>> window_named("lung").width
    1500
    >>> window_named("40,80").centre
    40.0
    """
    if preset := CT_WINDOWS.get(name.replace("_", " ").replace("-", " ") if "," not in name else name):
        return preset
    centre, _, width = name.partition(",")
    try:
        numbers = float(centre), float(width)
    except ValueError:
        raise InputError(
            f"no window called {name!r}",
            expected="CENTRE,WIDTH or one of " + ", ".join(CT_WINDOWS),
            hint="name it, such as lung or -600,1500",
        ) from None
    return Window(centre=numbers[0], width=numbers[1])
