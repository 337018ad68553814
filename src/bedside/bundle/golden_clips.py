"""Golden clips: as long as the model's input, longer, shorter, and a still; none shows a patient."""

from io import BytesIO

import numpy as np

from bedside.base.arrays import ByteArray
from bedside.data.phantom_clip import ClipPhantom

_SIDE_PX = 32


def golden_clips(n_frames: int) -> list[tuple[str, ByteArray]]:
    """Named clips, ``(T, H, W)`` uint8: both directions, other lengths than the model's, and no motion at all."""
    lengths = [n_frames, n_frames, 2 * n_frames + 3, max(2, n_frames // 2)]
    made = [
        (f"clip{i}.npy", ClipPhantom(size_px=_SIDE_PX, n_frames=n).clip(i, goes_down=bool(i % 2)))
        for i, n in enumerate(lengths)
    ]
    return [*made, ("still.npy", made[0][1][:1]), ("black.npy", np.zeros((2, 30, 40), np.uint8))]


def as_npy(clip: ByteArray) -> bytes:
    """Encode ``(T, H, W)`` pixels."""
    buffer = BytesIO()
    np.save(buffer, clip, allow_pickle=False)
    return buffer.getvalue()
