"""Volumes of any size through a model of one size: overlapping tiles, blended by a Gaussian."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from math import ceil, prod

import numpy as np

from bedside.base.arrays import ByteArray, FloatArray
from bedside.base.errors import InputError, ShapeError
from bedside.runtime.session import INPUT, OUTPUT, Session
from bedside.runtime.skipping import Skipping

Shape3 = tuple[int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tiling:
    """How tiles lie over a volume (Isensee et al., "nnU-Net", Nat. Methods 18:203, 2021).

    Parameters
    ----------
    tile
        ``(D, H, W)``: the size that the model takes.
    overlap_frac
        Share of a tile that neighbours at least have in common, in [0, 1); nnU-Net's is a half.
    sigma_frac
        Standard deviation of the blending weight, as a share of the tile's side; nnU-Net's is an eighth. What a model
        says near the border of a tile, where it sees least, counts least.
    """

    tile: Shape3
    overlap_frac: float = 0.5
    sigma_frac: float = 0.125

    def __post_init__(self) -> None:
        if min(self.tile) < 1 or not 0 <= self.overlap_frac < 1 or not self.sigma_frac > 0:
            raise InputError(
                f"tiles of {self.tile} with an overlap of {self.overlap_frac} and a sigma of {self.sigma_frac}",
                expected="sides of 1 or more, an overlap from 0 to below 1, a sigma above 0", hint="correct the tiling",
            )  # fmt: skip

    def corners(self, shape: Shape3) -> Iterator[Shape3]:
        """Yield the first voxel of each tile over a volume of `shape`, which is at least one tile large."""
        yield from product(*(self._starts(n, side) for n, side in zip(shape, self.tile, strict=True)))  # type: ignore[misc]

    def places(self, shape: Shape3) -> Iterator[tuple[slice, ...]]:
        """Yield each tile over a volume of `shape`, which is at least one tile large, as slices of its three axes."""
        for corner in self.corners(shape):
            yield tuple(slice(start, start + side) for start, side in zip(corner, self.tile, strict=True))

    def n_tiles(self, shape: Shape3) -> int:
        """Number of tiles over a volume of `shape` ``(D, H, W)``."""
        grown = (max(n, side) for n, side in zip(shape, self.tile, strict=True))
        return prod(len(self._starts(n, side)) for n, side in zip(grown, self.tile, strict=True))

    def weights(self) -> FloatArray:
        """Blending weight of each voxel of a tile, ``(D, H, W)`` float32: 1 in the middle, above 0 everywhere."""
        lines = []
        for side in self.tile:
            place = np.arange(side) - (side - 1) / 2
            lines.append(np.exp(-0.5 * (place / (self.sigma_frac * side)) ** 2))
        weight = lines[0][:, None, None] * lines[1][:, None] * lines[2]
        return np.maximum(weight, 1e-4).astype(np.float32)

    def _starts(self, n: int, side: int) -> list[int]:
        step = max(1.0, side * (1 - self.overlap_frac))
        n_steps = ceil((n - side) / step) + 1
        return [round(i * (n - side) / max(1, n_steps - 1)) for i in range(n_steps)]


def run_tiled(
    session: Session,
    voxels: ByteArray,
    normalize: Callable[[ByteArray], FloatArray],
    tiling: Tiling,
    *,
    skipping: Skipping | None = None,
    tick: Callable[[int, int], None] = lambda done, total: None,
) -> FloatArray:
    """Logits ``(K, D, H, W)`` of one volume ``(C, D, H, W)`` uint8 of any size.

    A volume smaller than a tile is padded with black about its centre, as the preprocessing pads it. Where one tile
    covers all, the result is that of a single pass, to the bit. Memory is that of the volume and its logits, whatever
    the number of tiles.

    Parameters
    ----------
    normalize
        The preprocessing's own `normalize`; it is given one tile at a time.
    skipping
        Which tiles are not run and answer background; None runs every tile. Where it skips none, the result is the
        same to the bit.
    tick
        Called after each tile, run or skipped, with the number that is done and the number of all.

    Raises
    ------
    ShapeError
        If the volume has not four axes or is empty, or `skipping` is of another number of classes than the model.
    """
    if voxels.ndim != 4 or not voxels.size:
        raise ShapeError(f"a volume of shape {voxels.shape}", expected="(C, D, H, W), not empty", hint="add the axis C")
    grown, kept = padded(voxels, tiling)
    blended = _blend(session, grown, normalize, tiling, skipping, tick)
    return np.ascontiguousarray(blended[(slice(None), *kept)])


def padded(voxels: ByteArray, tiling: Tiling) -> tuple[ByteArray, tuple[slice, ...]]:
    """Pad a volume ``(C, D, H, W)`` with 0 to at least one tile, and say where it lies in the result."""
    lacks = [max(0, side - n) for n, side in zip(voxels.shape[1:], tiling.tile, strict=True)]
    kept = tuple(slice(lack // 2, lack // 2 + n) for n, lack in zip(voxels.shape[1:], lacks, strict=True))
    return np.pad(voxels, [(0, 0), *((lack // 2, lack - lack // 2) for lack in lacks)]), kept


def _blend(
    session: Session,
    voxels: ByteArray,
    normalize: Callable[[ByteArray], FloatArray],
    tiling: Tiling,
    skipping: Skipping | None,
    tick: Callable[[int, int], None],
) -> FloatArray:
    shape: Shape3 = voxels.shape[1:]  # type: ignore[assignment]
    n_tiles = tiling.n_tiles(shape)
    weight, total = tiling.weights(), np.zeros(shape, np.float32)
    logits: FloatArray | None = None
    for done, place in enumerate(tiling.places(shape), start=1):
        tile = voxels[(slice(None), *place)]
        if skipping is not None and skipping.skips(tile):
            tick(done, n_tiles)
            continue
        answer = session.run({INPUT: normalize(tile)[None]})[OUTPUT][0]
        if skipping is not None:
            answer = skipping.checked(answer)
        tick(done, n_tiles)
        if n_tiles == 1:
            return answer
        if logits is None:
            logits = np.zeros((len(answer), *shape), np.float32)
        logits[(slice(None), *place)] += answer * weight
        total[place] += weight
    return _averaged(logits, total, skipping)


def _averaged(logits: FloatArray | None, total: FloatArray, skipping: Skipping | None) -> FloatArray:
    """Weighted mean where a tile was run, background where none was."""
    if skipping is None:
        if logits is None:
            raise AssertionError("a volume has at least one tile")
        logits /= total
        return logits
    if logits is None:
        return skipping.answer(total.shape)
    dark = total == 0
    np.divide(logits, total, out=logits, where=~dark)
    if dark.any():
        logits[:, dark] = skipping.answer((1,))
    return logits
