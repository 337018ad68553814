"""From stored values to measured values (modality transform), and on to grey (VOI transform): PS3.3 C.11."""

from pathlib import Path
from typing import Any

import numpy as np

from bedside.base.arrays import ByteArray, FloatArray
from bedside.data.dicom.opening import refusal, tag_name
from bedside.data.dicom.padding import Padding
from bedside.data.window import AnyWindow, PercentileWindow

_TABLE_LIMIT = 1 << 16


def measured(path: Path, header: Any, stored: np.ndarray) -> FloatArray:
    """Apply the Modality LUT (0028,3000) or Rescale Slope and Intercept: float32 of the same shape.

    HU for CT; for other modalities the unit is the Rescale Type (0028,1054), or none.

    Raises
    ------
    ImageError
        For a slope of zero, numbers that are not finite, or an incomplete LUT.
    """
    check_tone(path, header)
    return np.asarray(_modality(stored, header), np.float32)


def _modality(stored: np.ndarray, header: Any) -> np.ndarray:
    """Where only one of slope and intercept is stated, the other is 1 or 0; an empty one counts as absent."""
    if header.get("ModalityLUTSequence"):
        from pydicom.pixels.processing import apply_modality_lut

        return apply_modality_lut(stored, header)
    slope, intercept = header.get("RescaleSlope"), header.get("RescaleIntercept")
    if slope is None and intercept is None:
        return stored
    return stored.astype(np.float64) * float(1 if slope is None else slope) + float(intercept or 0)


def check_tone(path: Path, header: Any) -> None:
    """Refuse a rescale or window that cannot be computed, naming the tag."""
    for name in ("RescaleSlope", "RescaleIntercept"):
        if header.get(name) is not None and not np.isfinite(float(header[name].value)):
            raise refusal(path, f"{tag_name(name)} is {header[name].value}", expected="a finite number")
    for table in header.get("ModalityLUTSequence") or ():
        if lacking := [name for name in ("LUTDescriptor", "LUTData") if table.get(name) is None]:
            where = tag_name("ModalityLUTSequence")
            raise refusal(path, f"{where} has no {tag_name(lacking[0])}", expected="a whole table (PS3.3 C.11.1)")
    slope = header.get("RescaleSlope")
    if slope is not None and not header.get("ModalityLUTSequence") and float(slope) == 0:
        raise refusal(
            path, f"{tag_name('RescaleSlope')} is 0: every pixel would be the same", expected="a slope other than 0"
        )
    width = header.get("WindowWidth")
    if width is not None and not header.get("VOILUTSequence"):
        first = float(width[0] if header["WindowWidth"].VM > 1 else width)
        if not first > 0:
            raise refusal(
                path,
                f"{tag_name('WindowWidth')} is {first:g}",
                expected="a width above 0",
                hint="pass a window of yours",
            )


def shown(path: Path, header: Any, stored: np.ndarray, window: AnyWindow | None = None) -> ByteArray:
    """Grey as it is meant to be seen: uint8 of the same shape, MONOCHROME1 inverted.

    Without `window` the file's own VOI LUT Sequence (0028,3010), else its first Window Center and Width, else nothing
    is applied, and the result is scaled to 0-255 by its own range. With `window` the measured values pass through
    it, and nothing is scaled: two images of one window are comparable. Pixels of the Pixel Padding Value (0028,0120)
    are no image (PS3.3 C.7.5.1.1.2): they stay out of that range and become black.
    """
    check_tone(path, header)
    is_quick = _suits_a_table(stored) and not isinstance(window, PercentileWindow)
    is_inverted = str(header.PhotometricInterpretation) == "MONOCHROME1"
    padding = Padding.of(header, black=255 if is_inverted else 0)
    grey = (_by_table if is_quick else _by_pixel)(header, stored, window, padding)
    return 255 - grey if is_inverted else grey


def _suits_a_table(stored: np.ndarray) -> bool:
    return np.issubdtype(stored.dtype, np.integer) and stored.dtype.itemsize <= 2 and stored.size > _TABLE_LIMIT


def _by_pixel(header: Any, stored: np.ndarray, window: AnyWindow | None, padding: Padding) -> ByteArray:
    outside = padding.holds(stored)
    if window is not None:
        return padding.painted(window(_modality(stored, header)), outside)
    values = np.asarray(_voi(_modality(stored, header), header), np.float64)
    return padding.painted(scaled(values, *_range(values, ~outside)), outside)


def _range(values: FloatArray, counts: np.ndarray) -> tuple[float, float]:
    """Ends of the values that count; of all, where none does."""
    chosen = values if counts.all() or not counts.any() else values[counts]
    return float(chosen.min()), float(chosen.max())


def _by_table(header: Any, stored: np.ndarray, window: AnyWindow | None, padding: Padding) -> ByteArray:
    """Transform each value that can occur once, and look the pixels up: the same numbers, several times faster."""
    low, high = int(stored.min()), int(stored.max())
    can_occur = np.arange(low, high + 1, dtype=np.int32).astype(stored.dtype)
    row = stored - stored.dtype.type(low) if low else stored
    row = row.view(np.uint16 if stored.dtype.itemsize == 2 else np.uint8)
    outside = padding.holds(can_occur)
    if window is not None:
        return np.take(padding.painted(window(_modality(can_occur, header)), outside), row)
    values = np.asarray(_voi(_modality(can_occur, header), header), np.float64)
    ends = _range_of_those_that_occur(values, row, outside)
    return np.take(padding.painted(scaled(values, *ends), outside), row)


def _range_of_those_that_occur(values: FloatArray, row: np.ndarray, outside: np.ndarray) -> tuple[float, float]:
    steps = np.diff(values)
    if not outside.any() and ((steps >= 0).all() or (steps <= 0).all()):
        return float(values.min()), float(values.max())  # monotone: the ends are pixels
    occurs = np.zeros(len(values), bool)
    occurs[row.ravel()] = True
    inside = occurs & ~outside
    return _range(values, inside if inside.any() else occurs)


def _voi(values: np.ndarray, header: Any) -> np.ndarray:
    from pydicom.pixels.processing import apply_voi_lut

    return apply_voi_lut(values, header)


def scaled(values: FloatArray, low: float, high: float) -> ByteArray:
    """Scale finite float64 values to 0-255 by a range; a range of nothing gives 0."""
    if not (np.isfinite(low) and np.isfinite(high) and np.isfinite(values).all()):
        raise ValueError("pixels hold NaN or infinity")
    if high <= low:
        return np.zeros(values.shape, np.uint8)
    return np.round((np.clip(values, low, high) - low) * (255.0 / (high - low))).astype(np.uint8)
