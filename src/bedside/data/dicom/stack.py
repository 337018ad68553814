"""An enhanced multi-frame instance becomes a volume through its functional groups."""

from pathlib import Path

import numpy as np

from bedside.data.dicom.decoding import decode
from bedside.data.dicom.frames import group_of, tone_header
from bedside.data.dicom.geometry import affine_of, check_planes, ordered
from bedside.data.dicom.opening import check_image, n_frames_of, read_dataset
from bedside.data.dicom.picture import damage, refuse_colour
from bedside.data.dicom.placing import check_duplicates, place_of
from bedside.data.dicom.tone import measured
from bedside.data.volume import SeriesReport, Volume, made_canonical


def read_stack(path: Path) -> Volume:
    """Read a multi-frame (or single-frame) instance as a volume; each frame has its own place and rescale.

    Raises
    ------
    ImageError
        As `read_series`; a cine loop has no place a frame, and is read by `read_clip`.
    """
    dataset = read_dataset(path)
    with damage(path):
        check_image(path, dataset)
        refuse_colour(path, dataset)
        n_frames = n_frames_of(dataset)
        slices = [place_of(path, dataset, frame) for frame in range(n_frames)]
        check_planes(slices, str(path))
        order = ordered(slices)
        stored = decode(path, dataset).reshape(n_frames, int(dataset.Rows), int(dataset.Columns))
        pixels = [measured(path, tone_header(dataset, frame), stored[frame]) for frame in range(n_frames)]
        repeated = check_duplicates(slices, pixels, order)
        measures = group_of(dataset, 0, "PixelMeasuresSequence")
        place = measures if measures is not None else dataset
        affine, notes = affine_of(slices, order, float(place.get("SliceThickness") or 1.0))
        return made_canonical(
            np.stack([pixels[row] for row in order.rows]),
            affine,
            modality=str(dataset.get("Modality", "")),
            source=str(path),
            report=SeriesReport(n_files=1, gaps_mm=order.gaps_mm, duplicates=repeated, notes=notes),
        )
