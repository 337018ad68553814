"""Randomized input sampling for explanation (RISE; Petsiuk, Das and Saenko, BMVC 2018, section 3)."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from bedside.base.arrays import FloatArray
from bedside.runtime.session import Session, logits
from bedside.verify.content import content_box
from bedside.verify.operating_point import OperatingPoint

_BLOCK = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Rise:
    """Hide random soft patches and average the masks, each weighted by the probability that it leaves.

    The map is ``S(x) = sum_i p_i m_i(x) / sum_i m_i(x)``, scaled to [0, 1]. The paper divides by the *expected* number
    of masks that show a place; dividing by the actual number takes the noise of uneven cover out. A hidden place takes
    the image's mean, as in occlusion, where the paper has black; the bars of a letterbox are left alone.

    Parameters
    ----------
    n_masks, n_cells
        Masks drawn, and cells of their coarse grid along a side.
    shown_prob
        Chance that a cell is shown.
    seed
        Two models under one seed see the same masks, so that their maps differ by the models alone.
    """

    n_masks: int = 400
    n_cells: int = 7
    shown_prob: float = 0.5
    seed: int = 0

    def __call__(self, session: Session, image: FloatArray, point: OperatingPoint, class_index: int) -> FloatArray:
        """Map one preprocessed ``(C, H, W)`` image; returns ``(H, W)`` in [0, 1], all zero if no mask matters."""
        box = content_box(image)
        inner = image[:, *box]
        fill, spread = inner.mean(axis=(1, 2), keepdims=True), []
        total, cover = np.zeros(inner.shape[1:]), np.zeros(inner.shape[1:])
        for masks in self.masks(*inner.shape[1:]):
            hidden = np.repeat(image[None], len(masks), axis=0).astype(np.float32)
            hidden[:, :, *box] = masks[:, None] * inner[None] + (1 - masks[:, None]) * fill[None]
            found = point.probabilities(logits(session, hidden))[:, class_index]
            total += np.tensordot(found, masks, axes=1)
            cover += masks.sum(axis=0)
            spread.append(found)
        heat, whole = total / np.maximum(cover, 1e-9), np.zeros(image.shape[1:])
        low, high = float(heat.min()), float(heat.max())
        if np.ptp(np.concatenate(spread)) > 1e-6 and high - low > 1e-9:
            whole[box] = (heat - low) / (high - low)
        return whole

    def masks(self, height: int, width: int) -> Iterator[FloatArray]:
        """Yield the masks in blocks ``(b, height, width)``, 0 hidden to 1 shown, each shifted by less than a cell."""
        rng = np.random.default_rng(self.seed)
        cell_y, cell_x = -(-height // self.n_cells), -(-width // self.n_cells)
        rise_y, rise_x = _ramps(self.n_cells + 2, cell_y), _ramps(self.n_cells + 2, cell_x)
        for start in range(0, self.n_masks, _BLOCK):
            n = min(_BLOCK, self.n_masks - start)
            grids = (rng.random((n, self.n_cells + 2, self.n_cells + 2)) < self.shown_prob).astype(np.float32)
            tops, lefts = rng.integers(cell_y, size=n), rng.integers(cell_x, size=n)
            yield np.stack(
                [
                    rise_y[top : top + height] @ grid @ rise_x[left : left + width].T
                    for grid, top, left in zip(grids, tops, lefts, strict=True)
                ]
            )


def _ramps(n_nodes: int, cell_px: int) -> FloatArray:
    """Weights of linear interpolation from `n_nodes` to the pixels between them, ``((n_nodes - 1) * cell_px, n)``."""
    at = np.arange((n_nodes - 1) * cell_px) / cell_px
    return np.maximum(0, 1 - np.abs(at[:, None] - np.arange(n_nodes)[None])).astype(np.float32)


RISE = Rise()
