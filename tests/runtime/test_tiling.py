"""Tiles: they cover everything, blend smoothly, and vanish where one is enough."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bedside.base.errors import InputError, ShapeError
from bedside.runtime.tiling import Tiling, run_tiled


class Pointwise:
    """A model whose answer for a voxel depends on that voxel only: tiling must not change it."""

    def run(self, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        image = inputs["image"]
        return {"logits": np.concatenate([image, 1 - 2 * image], axis=1)}


class Bordered:
    """A model that is wrong at the border of what it sees."""

    def run(self, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        answer = np.full(inputs["image"].shape, 100, np.float32)
        answer[..., 1:-1, 1:-1, 1:-1] = 0
        return {"logits": answer}


def scaled(voxels: np.ndarray) -> np.ndarray:
    return voxels.astype(np.float32) / 255


def volume(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (1, *shape), dtype=np.uint8)


sides = st.integers(1, 20)


@settings(deadline=None, max_examples=60)
@given(st.tuples(sides, sides, sides), st.tuples(*[st.integers(1, 8)] * 3), st.sampled_from([0.0, 0.25, 0.5, 0.9]))
def test_a_pointwise_model_is_not_changed_by_tiles(shape: tuple, tile: tuple, overlap: float) -> None:
    voxels = volume(*shape)
    logits = run_tiled(Pointwise(), voxels, scaled, Tiling(tile=tile, overlap_frac=overlap))
    unit = scaled(voxels)
    np.testing.assert_allclose(logits, np.concatenate([unit, 1 - 2 * unit]), atol=1e-5)


@settings(deadline=None, max_examples=60)
@given(st.tuples(sides, sides, sides), st.tuples(*[st.integers(1, 8)] * 3), st.sampled_from([0.0, 0.5, 0.75]))
def test_neighbours_overlap_as_asked_and_the_last_ends_at_the_end(shape: tuple, tile: tuple, overlap: float) -> None:
    grown = tuple(max(pair) for pair in zip(shape, tile, strict=True))
    tiling = Tiling(tile=tile, overlap_frac=overlap)
    corners = np.array(list(tiling.corners(grown)))
    assert len(corners) == tiling.n_tiles(shape)
    for axis in range(3):
        starts = np.unique(corners[:, axis])
        assert starts[0] == 0
        assert starts[-1] == grown[axis] - tile[axis]
        assert (np.diff(starts) <= max(1, np.ceil(tile[axis] * (1 - overlap)))).all()


def test_one_tile_is_a_single_pass_to_the_bit() -> None:
    voxels = volume(6, 8, 4)
    once = Pointwise().run({"image": scaled(voxels)[None]})["logits"][0]
    np.testing.assert_array_equal(run_tiled(Pointwise(), voxels, scaled, Tiling(tile=(6, 8, 4))), once)


def test_one_voxel_stands_in_the_middle_of_its_tile() -> None:
    seen = []

    class Recorder(Pointwise):
        def run(self, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
            seen.append(inputs["image"].copy())
            return super().run(inputs)

    logits = run_tiled(Recorder(), np.full((1, 1, 1, 1), 255, np.uint8), scaled, Tiling(tile=(3, 5, 7)))
    assert logits.shape == (2, 1, 1, 1)
    assert np.argwhere(seen[0][0, 0]).tolist() == [[1, 2, 3]]


def test_what_a_model_says_at_the_border_of_a_tile_counts_least() -> None:
    blended = run_tiled(Bordered(), volume(24, 24, 24), scaled, Tiling(tile=(12, 12, 12), overlap_frac=0.5))
    assert np.abs(blended[0, 2:-2, 2:-2, 2:-2]).max() < 10
    assert blended[0, 0, 12, 12] == pytest.approx(100)


def test_weights_are_one_in_the_middle_and_positive_everywhere() -> None:
    weights = Tiling(tile=(9, 33, 65)).weights()
    assert weights[4, 16, 32] == 1
    assert weights.min() > 0
    np.testing.assert_array_equal(weights, weights[::-1, ::-1, ::-1])


def test_progress_is_told_tile_by_tile() -> None:
    ticks: list[tuple[int, int]] = []
    tiling = Tiling(tile=(4, 4, 4))
    run_tiled(Pointwise(), volume(8, 4, 6), scaled, tiling, tick=lambda done, total: ticks.append((done, total)))
    assert ticks == [(i + 1, 6) for i in range(6)]


def test_nonsense_is_refused() -> None:
    with pytest.raises(InputError):
        Tiling(tile=(4, 4, 0))
    with pytest.raises(InputError):
        Tiling(tile=(4, 4, 4), overlap_frac=1.0)
    with pytest.raises(ShapeError):
        run_tiled(Pointwise(), volume(4, 4, 4)[0], scaled, Tiling(tile=(4, 4, 4)))
