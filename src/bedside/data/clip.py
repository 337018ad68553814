"""A clip: frames in time, from a cine DICOM, a GIF, an MP4 or an array."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from bedside.base.arrays import ByteArray, FloatArray
from bedside.base.errors import BedsideError, ImageError
from bedside.base.seam import Requirement, require
from bedside.data.dicom.opening import MAX_PIXELS

VIDEO_SUFFIXES = frozenset({".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm"})
_MAX_CLIP_PIXELS = 20 * MAX_PIXELS
_NEEDS = (Requirement("cv2", "bedside[clips]"),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """Frames in the order of time.

    Parameters
    ----------
    frames
        ``(T, H, W)`` or ``(T, H, W, 3)`` uint8; all frames share one grey scale.
    times_ms
        ``(T,)`` when each frame begins, from the first; empty where the file states no time.
    """

    frames: ByteArray = field(repr=False)
    times_ms: FloatArray = field(repr=False)
    source: str = ""

    def __post_init__(self) -> None:
        is_clip = self.frames.ndim == 3 or (self.frames.ndim == 4 and self.frames.shape[3] == 3)
        if not is_clip or not self.frames.size or self.frames.dtype != np.uint8:
            raise ImageError(
                f"{self.source or 'a clip'} has frames of shape {self.frames.shape} and type {self.frames.dtype}",
                expected="(T, H, W) or (T, H, W, 3) uint8, T of 1 or more: the clip is empty or no clip",
                hint="record it again, or leave it out",
            )

    @property
    def frame_ms(self) -> float | None:
        """Median time from frame to frame; None where the file states no time."""
        return float(np.median(np.diff(self.times_ms))) if len(self.times_ms) > 1 else None


def read_clip(path: Path) -> Clip:
    """Read a clip: multi-frame DICOM, GIF (or another animated picture, or a TIFF of pages), MP4, npy or npz.

    Raises
    ------
    ImageError
        If it is damaged, empty or too large.
    MissingPackageError
        If a video needs a package that is not installed.
    """
    from bedside.data.reading import kind_of_file

    if path.suffix.lower() in VIDEO_SUFFIXES:
        return _read_video(path)
    kind = kind_of_file(path)
    if kind == "dicom":
        return _read_cine(path)
    return _read_array_clip(path) if kind == "array" else _read_animation(path)


def _refuse_long(path: Path, n_pixels: int) -> None:
    if n_pixels > _MAX_CLIP_PIXELS:
        raise ImageError(f"{path} has {n_pixels:,} pixels", expected=f"at most {_MAX_CLIP_PIXELS:,}", hint="cut it")


def _read_cine(path: Path) -> Clip:
    from bedside.data.dicom.decoding import decode
    from bedside.data.dicom.frames import frame_times_ms
    from bedside.data.dicom.opening import check_image, n_frames_of, read_dataset
    from bedside.data.dicom.picture import damage, rendered

    dataset = read_dataset(path)
    with damage(path):
        check_image(path, dataset)
        n_frames = n_frames_of(dataset)
        _refuse_long(path, n_frames * int(dataset.Rows) * int(dataset.Columns))
        stored = decode(path, dataset)
        frames = rendered(path, dataset, stored if n_frames > 1 else stored[None], 0, None)
        return Clip(frames=frames, times_ms=np.array(frame_times_ms(dataset, n_frames)), source=str(path))


def _read_array_clip(path: Path) -> Clip:
    from bedside.data.raster import read_array, to_bytes

    values = read_array(path)
    frames = values if values.dtype == np.uint8 else to_bytes(values.astype(np.float64))
    return Clip(frames=frames, times_ms=np.empty(0), source=str(path))


def _read_animation(path: Path) -> Clip:
    from PIL import Image, ImageSequence, UnidentifiedImageError

    from bedside.data.raster import picture_bytes

    try:
        with Image.open(path) as picture:
            _refuse_long(path, picture.width * picture.height * getattr(picture, "n_frames", 1))
            frames, lasts_ms = [], []
            for frame in ImageSequence.Iterator(picture):
                lasts_ms.append(float(frame.info.get("duration", 0)))
                frames.append(picture_bytes(frame.copy()))
    except BedsideError:
        raise
    except UnidentifiedImageError:
        raise ImageError(
            f"{path} is not a clip that we read",
            expected="MP4, MOV, AVI, MKV, WebM, GIF, multi-frame DICOM, npy or npz",
            hint="convert it to MP4",
        ) from None
    except Exception as error:  # Pillow's decoders raise whatever a damaged value breaks
        raise ImageError(
            f"{path} is not a readable clip: {error}",
            expected="a complete GIF, TIFF or animated PNG",
            hint="copy it again",
        ) from None
    timed = len(frames) > 1 and min(lasts_ms[:-1]) > 0
    times = np.concatenate([[0.0], np.cumsum(lasts_ms[:-1])]) if timed else np.empty(0)
    return Clip(frames=_of_one_kind(frames), times_ms=times, source=str(path))


def _of_one_kind(frames: list[ByteArray]) -> ByteArray:
    """Stack frames, of which some may be grey and others coloured."""
    if not frames:
        return np.empty((0, 0, 0), np.uint8)
    if any(frame.ndim == 3 for frame in frames):
        frames = [frame if frame.ndim == 3 else np.repeat(frame[..., None], 3, axis=2) for frame in frames]
    return np.stack(frames)


def _read_video(path: Path) -> Clip:
    """Decode with OpenCV's FFmpeg; its LGPL libraries come inside the wheel."""
    require(f"reading {path.suffix} clips", _NEEDS)
    # FFmpeg would print what it dislikes in a file; the error that we raise names the file.
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
    import cv2

    if not path.is_file() or not path.stat().st_size:
        raise ImageError(f"{path} is missing or empty", expected="a video file", hint="check the path")
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
    try:
        frames, times = _captured(path, cv2, capture)
    finally:
        capture.release()
    if not frames:
        raise ImageError(
            f"{path} is an empty clip, or not a video that we read",
            expected="one frame or more",
            hint="convert it to MP4",
        )
    steady = np.asarray(times) if len(times) == 1 or (np.diff(times) > 0).all() else np.empty(0)
    return Clip(frames=_of_one_kind(frames), times_ms=steady - steady[:1], source=str(path))


def _captured(path: Path, cv2: Any, capture: Any) -> tuple[list[ByteArray], list[float]]:
    frames: list[ByteArray] = []
    times: list[float] = []
    n_pixels = 0
    while True:
        got, frame = capture.read()
        if not got:
            return frames, times
        times.append(float(capture.get(cv2.CAP_PROP_POS_MSEC)))
        rgb = frame[..., ::-1]
        is_grey = bool((rgb[..., 0] == rgb[..., 1]).all() and (rgb[..., 1] == rgb[..., 2]).all())
        frames.append(np.ascontiguousarray(rgb[..., 0] if is_grey else rgb))
        n_pixels += rgb.shape[0] * rgb.shape[1]
        _refuse_long(path, n_pixels)
