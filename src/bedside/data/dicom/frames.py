"""What the functional groups of an enhanced multi-frame object say about one frame (PS3.3 C.7.6.16)."""

from typing import Any

_TONE_GROUPS = ("PixelValueTransformationSequence", "FrameVOILUTSequence")
_TONE_TAGS = ("RescaleSlope", "RescaleIntercept", "RescaleType", "ModalityLUTSequence", "VOILUTSequence",
              "WindowCenter", "WindowWidth", "VOILUTFunction")  # fmt: skip
_PIXEL_TAGS = ("PhotometricInterpretation", "BitsStored", "BitsAllocated", "PixelRepresentation", "SamplesPerPixel",
               "PixelPaddingValue", "PixelPaddingRangeLimit")  # fmt: skip


def group_of(dataset: Any, frame: int, name: str) -> Any:
    """Return the one item of a functional group macro: the frame's own before the shared one; None without either."""
    per_frame = dataset.get("PerFrameFunctionalGroupsSequence")
    places = [per_frame[frame]] if per_frame and frame < len(per_frame) else []
    places += list(dataset.get("SharedFunctionalGroupsSequence") or [])[:1]
    for place in places:
        if macro := place.get(name):
            return macro[0]
    return None


def tone_header(dataset: Any, frame: int = 0) -> Any:
    """Return the dataset that holds the rescale and window of one frame.

    The instance itself where it has no functional groups; else a small one, filled from the frame's Pixel Value
    Transformation and Frame VOI LUT macros, and from the instance where they are silent.
    """
    if not dataset.get("PerFrameFunctionalGroupsSequence") and not dataset.get("SharedFunctionalGroupsSequence"):
        return dataset
    from pydicom.dataset import Dataset

    header = Dataset()
    header.file_meta = dataset.file_meta
    for source in (dataset, *(group_of(dataset, frame, name) for name in _TONE_GROUPS)):
        if source is None:
            continue
        for tag in _TONE_TAGS + _PIXEL_TAGS:
            if tag in source:
                header[tag] = source[tag]
    return header


def geometry_of(dataset: Any, frame: int = 0) -> tuple[list[float] | None, list[float] | None, list[float] | None]:
    """Return Image Position (3), Image Orientation (6) and Pixel Spacing (row, column) in mm; None where absent."""
    found = []
    for macro, tag in (
        ("PlanePositionSequence", "ImagePositionPatient"),
        ("PlaneOrientationSequence", "ImageOrientationPatient"),
        ("PixelMeasuresSequence", "PixelSpacing"),
    ):
        place = group_of(dataset, frame, macro)
        value = (place.get(tag) if place is not None else None) or dataset.get(tag)
        found.append([float(number) for number in value] if value else None)
    return found[0], found[1], found[2]


def spacing_of(dataset: Any, frame: int = 0) -> tuple[float, float] | None:
    """Row and column spacing in mm; None where the instance states none.

    Pixel Spacing (0028,0030); else, at the detector, Imager Pixel Spacing (0018,1164) or Nominal Scanned Pixel
    Spacing (0018,2010), which ignore magnification; else the physical deltas of an ultrasound region that is
    measured in centimetres (0018,6011).
    """
    spacing = geometry_of(dataset, frame)[2]
    for tag in ("ImagerPixelSpacing", "NominalScannedPixelSpacing"):
        if spacing is None and dataset.get(tag):
            spacing = [float(number) for number in dataset[tag].value]
    if spacing is None:
        spacing = _ultrasound_spacing(dataset)
    if spacing is None or len(spacing) != 2 or not all(0 < number < 1e4 for number in spacing):
        return None
    return spacing[0], spacing[1]


def _ultrasound_spacing(dataset: Any) -> list[float] | None:
    centimetres = 3  # Physical Units X/Y Direction (0018,6024), (0018,6026)
    for region in dataset.get("SequenceOfUltrasoundRegions") or []:
        units = region.get("PhysicalUnitsXDirection"), region.get("PhysicalUnitsYDirection")
        if units == (centimetres, centimetres) and region.get("PhysicalDeltaX") and region.get("PhysicalDeltaY"):
            return [10 * abs(float(region.PhysicalDeltaY)), 10 * abs(float(region.PhysicalDeltaX))]
    return None


def frame_times_ms(dataset: Any, n_frames: int) -> list[float]:
    """When each frame begins, in ms from the first; empty where the instance states no time.

    Frame Time Vector (0018,1065), else Frame Time (0018,1063), else Cine Rate (0018,0040) or Recommended Display
    Frame Rate (0008,2144).
    """
    vector = dataset.get("FrameTimeVector")
    if vector is not None and n_frames > 1 and len(vector) == n_frames:
        total, times = 0.0, []
        for i, step in enumerate(vector):
            total += float(step) if i else 0.0  # the first increment is 0 by PS3.3 C.7.6.5.1.2
            times.append(total)
        return times
    step = float(dataset.get("FrameTime") or 0)
    rate = float(dataset.get("CineRate") or dataset.get("RecommendedDisplayFrameRate") or 0)
    step = step or (1000 / rate if rate > 0 else 0.0)
    return [i * step for i in range(n_frames)] if step > 0 else []
