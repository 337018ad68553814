"""Pieces of masks and their longest diameter, against SciPy and against a search over all pairs of points."""

import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial.distance import pdist

from bedside.serve.outline_measures import outlined
from bedside.serve.pieces import longest_diameter, pieces, runs_of

SHAPES = ((1, 1), (7, 9), (40, 60), (5, 20, 30), (1, 8, 8), (9, 1, 5))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("share_frac", [0.0, 0.02, 0.2, 0.4, 0.6, 1.0])
def test_pieces_are_scipys(shape: tuple[int, ...], share_frac: float) -> None:
    for seed in range(5):
        mask = np.random.default_rng(seed).random(shape) < share_frac
        theirs, n_theirs = ndimage.label(mask, np.ones((3,) * mask.ndim))  # type: ignore[misc]
        runs = runs_of(mask)
        ours = pieces(runs)
        assert len(np.unique(ours)) == n_theirs
        sizes = np.bincount(ours, weights=runs.end - runs.start)
        assert sorted(sizes.tolist()) == sorted(np.bincount(theirs.ravel())[1:].tolist())


def slow_diameter(mask: np.ndarray, spacing: tuple[float, float]) -> float:
    """All middles of sides of all cells of each piece of each plane, two by two."""
    longest = 0.0
    for plane in mask if mask.ndim == 3 else mask[None]:
        labels, n = ndimage.label(plane, np.ones((3, 3)))  # type: ignore[misc]
        for piece in range(1, n + 1):
            cells = np.argwhere(labels == piece)
            points = np.concatenate([cells + step for step in ((0.5, 0), (-0.5, 0), (0, 0.5), (0, -0.5))])
            longest = max(longest, float(pdist(points * spacing).max()))
    return longest


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("spacing", [(1.0, 1.0), (0.3, 2.0)])
def test_the_diameter_is_that_of_a_search_over_all_pairs(shape: tuple[int, ...], spacing: tuple[float, float]) -> None:
    for seed, share_frac in enumerate((0.0, 0.05, 0.3, 0.5)):
        mask = np.random.default_rng(seed).random(shape) < share_frac
        assert longest_diameter(runs_of(mask), spacing) == pytest.approx(slow_diameter(mask, spacing))


def test_a_disc_is_as_long_as_its_diameter_and_a_cell_as_a_cell() -> None:
    y, x = np.ogrid[:101, :101]
    disc = (y - 50) ** 2 + (x - 50) ** 2 <= 40**2
    (found,) = outlined(disc.astype(np.uint8), ("background", "lesion"), (0.5, 0.5))
    assert found.n_findings == 1
    assert found.diameter_px == pytest.approx(81)
    assert found.diameter_mm == pytest.approx(40.5)
    assert found.size == pytest.approx(np.pi * 20.25**2, rel=0.03)
    cell = np.zeros((4, 4), np.uint8)
    cell[2, 1] = 1
    assert outlined(cell, ("background", "lesion"), None)[0].diameter_px == 1


def test_of_volumes_the_diameter_lies_in_an_axial_plane_and_sizes_are_in_ml() -> None:
    mask = np.zeros((30, 20, 20), np.uint8)
    mask[:, 5, 5] = 1  # a rod along the body: long, but one cell wide in every plane
    mask[3, 10, 8:18] = 2
    mask[9, 10, 8:12] = 2
    rod, bars = outlined(mask, ("background", "rod", "bars"), (3.0, 1.0, 0.5))
    assert (rod.n_findings, rod.diameter_mm, rod.diameter_px) == (1, 1.0, None)
    assert (rod.size, rod.n_cells) == (pytest.approx(30 * 1.5 / 1000), 30)
    assert (bars.n_findings, bars.diameter_mm) == (2, 5.0)
