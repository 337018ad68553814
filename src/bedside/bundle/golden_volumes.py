"""Golden volumes: phantoms and edge cases, kept as PNG pictures of all slices, one below the other."""

import numpy as np

from bedside.base.arrays import ByteArray
from bedside.base.errors import GoldenError
from bedside.data.phantom_volume import VolumePhantom

Shape3 = tuple[int, int, int]


def golden_volumes(shape: Shape3, n_channels: int = 1) -> list[tuple[str, ByteArray]]:
    """Named volumes, all of the model's depth: two phantoms of its size, two of others, two edge cases.

    They are ``(D, H, W)``, or ``(C, D, H, W)`` of phantoms that differ where there are several modalities.
    """
    depth, height, width = shape
    sizes = [shape, shape, (depth, height + 6, max(1, width - 5)), (depth, max(1, height - 5), width + 6)]
    made = [(f"volume{i}.png", _phantom(size, i, n_channels)) for i, size in enumerate(sizes)]
    edge = shape if n_channels == 1 else (n_channels, *shape)
    return [*made, ("black.png", np.zeros(edge, np.uint8)), ("white.png", np.full(edge, 255, np.uint8))]


def _phantom(shape: Shape3, index: int, n_channels: int) -> ByteArray:
    if n_channels == 1:
        return VolumePhantom(shape=shape).volume(index)[0]
    return np.stack([VolumePhantom(shape=shape, seed=k).volume(index)[0] for k in range(n_channels)])


def as_slices(volume: ByteArray) -> ByteArray:
    """Put the slices of ``(..., D, H, W)`` one below the other: ``(... * D * H, W)``."""
    return volume.reshape(-1, volume.shape[-1])


def from_slices(picture: ByteArray, depth_px: int, n_channels: int = 1) -> ByteArray:
    """Undo `as_slices`.

    Raises
    ------
    GoldenError
        If the picture cannot be of so many slices.
    """
    n_slices = depth_px * n_channels
    if picture.ndim != 2 or picture.shape[0] % n_slices:
        raise GoldenError(
            f"a golden picture of {picture.shape} is not one of {n_slices} slices",
            expected="grey slices, one below the other", hint="get the bundle again",
        )  # fmt: skip
    slices = picture.reshape(n_slices, -1, picture.shape[1])
    return slices if n_channels == 1 else slices.reshape(n_channels, depth_px, *slices.shape[1:])
