"""The place that an instance states for a slice, and slices that claim one place."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bedside.base.digest import digest_array
from bedside.base.errors import ImageError
from bedside.data.dicom.frames import geometry_of
from bedside.data.dicom.geometry import Order, Slice
from bedside.data.dicom.opening import refusal, tag_name

_PLACE_TAGS = ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing")


def place_of(path: Path, dataset: Any, frame: int = 0) -> Slice:
    """Return where a slice lies.

    Raises
    ------
    ImageError
        If position, orientation or spacing lack or make no sense, naming the tag.
    """
    values = geometry_of(dataset, frame)
    for tag, value, n in zip(_PLACE_TAGS, values, (3, 6, 2), strict=True):
        if value is None or len(value) != n or not np.isfinite(value).all():
            raise refusal(
                path,
                f"{tag_name(tag)} is {'missing' if value is None else value}",
                expected=f"{n} finite numbers: a volume needs the place and size of every slice",
                hint="read it as single pictures, or export the series with its geometry",
            )
    position, orientation, spacing = (tuple(value or ()) for value in values)
    if min(spacing) <= 0:
        raise refusal(path, f"{tag_name('PixelSpacing')} is {spacing}", expected="two positive sizes in mm")
    return Slice(name=path.name, frame=frame, position=position, orientation=orientation, spacing_mm=spacing)


def check_duplicates(slices: Sequence[Slice], pixels: Sequence[np.ndarray], order: Order) -> tuple[str, ...]:
    """Name slices that repeat another; two different ones at one place are two volumes (echoes, times), not one."""
    repeated: list[str] = []
    for group in order.together:
        digests = {digest_array(pixels[row]) for row in group}
        if len(digests) > 1:
            names = ", ".join(
                f"{slices[row].name}" + (f" frame {slices[row].frame}" if slices[row].frame else "")
                for row in group[:4]
            )
            raise ImageError(
                f"{len(group)} different slices lie at one Image Position (0020,0032): {names}",
                expected="one slice a place; this is a mixed series (several echoes, phases or times)",
                hint="separate them by Echo Time, Temporal Position or Acquisition Number first",
            )
        repeated += [slices[row].name for row in group[1:]]
    return tuple(repeated)
