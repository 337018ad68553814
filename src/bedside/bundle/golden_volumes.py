"""Golden volumes: phantoms and edge cases, kept as PNG pictures of all slices, one below the other."""

import numpy as np

from bedside.base.arrays import ByteArray
from bedside.base.errors import GoldenError
from bedside.data.phantom_volume import VolumePhantom

Shape3 = tuple[int, int, int]


def golden_volumes(shape: Shape3) -> list[tuple[str, ByteArray]]:
    """Named volumes, all of the model's depth: two phantoms of its size, two of others, two edge cases."""
    depth, height, width = shape
    sizes = [shape, shape, (depth, height + 6, max(1, width - 5)), (depth, max(1, height - 5), width + 6)]
    made = [(f"volume{i}.png", VolumePhantom(shape=size).volume(i)[0]) for i, size in enumerate(sizes)]
    return [*made, ("black.png", np.zeros(shape, np.uint8)), ("white.png", np.full(shape, 255, np.uint8))]


def as_slices(volume: ByteArray) -> ByteArray:
    """Put the slices of ``(D, H, W)`` one below the other: ``(D * H, W)``."""
    return volume.reshape(-1, volume.shape[2])


def from_slices(picture: ByteArray, depth_px: int) -> ByteArray:
    """Undo `as_slices`.

    Raises
    ------
    GoldenError
        If the picture cannot be of so many slices.
    """
    if picture.ndim != 2 or picture.shape[0] % depth_px:
        raise GoldenError(
            f"a golden picture of {picture.shape} is not one of {depth_px} slices",
            expected="grey slices, one below the other", hint="get the bundle again",
        )  # fmt: skip
    return picture.reshape(depth_px, -1, picture.shape[1])
