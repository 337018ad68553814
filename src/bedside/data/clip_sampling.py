"""Which frames of a clip a model sees: as many as it was made for, evenly over the clip's time."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bedside.base.arrays import ByteArray, IntArray
from bedside.base.errors import ImageError


def spread_frames(n_available: int, n_wanted: int) -> IntArray:
    """Numbers of the frames to take, ``(n_wanted,)``, in order.

    The clip is cut into `n_wanted` pieces of equal length and the middle of each is taken. A clip with fewer frames
    gives some or all of them more than once, each about equally often: a still image is a clip that stands still.

    Raises
    ------
    ImageError
        If there is no frame, or none is wanted.

    Examples
    --------
    >>> spread_frames(100, 4).tolist()
    [12, 37, 62, 87]
    >>> spread_frames(2, 4).tolist()
    [0, 0, 1, 1]
    """
    if n_available < 1 or n_wanted < 1:
        raise ImageError(
            f"{n_wanted} frames of a clip of {n_available}",
            expected="one frame or more",
            hint="the clip is empty: record it again, or leave it out",
        )
    return (2 * np.arange(n_wanted) + 1) * n_available // (2 * n_wanted)


def frame_files(folder: Path) -> tuple[Path, ...]:
    """Pictures of a folder in the order of their names: a clip of one file a frame.

    Raises
    ------
    ImageError
        If there is none.
    """
    from bedside.data.reading import IMAGE_SUFFIXES

    paths = (path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    found = tuple(sorted(path for path in paths if path.suffix.lower() in IMAGE_SUFFIXES))
    if not found:
        raise ImageError(f"{folder} is an empty clip", expected="one picture a frame", hint="check the folder")
    return found


def sampled_frames(paths: Sequence[Path], n_frames: int) -> list[ByteArray]:
    """Read the frames that a model of `n_frames` sees, each ``(H, W)`` or ``(H, W, 3)`` uint8.

    Parameters
    ----------
    paths
        One clip file (video, GIF, multi-frame DICOM, array), or one file a frame in the order of time.

    Raises
    ------
    ImageError
        If there is no path, or a file cannot be read.
    """
    from bedside.data.clip import read_clip
    from bedside.data.reading import read_image

    if len(paths) == 1:
        frames = read_clip(paths[0]).frames
        return [frames[i] for i in spread_frames(len(frames), n_frames)]
    wanted = spread_frames(len(paths), n_frames)
    read = {i: read_image(paths[i]) for i in sorted(set(wanted.tolist()))}
    return [read[i] for i in wanted.tolist()]
