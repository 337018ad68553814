"""Which frames of a clip are seen, and what becomes of clips that are short, long, empty or still."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from bedside.base.errors import ImageError, ShapeError
from bedside.data.case import Case
from bedside.data.clip_sampling import frame_files, sampled_frames, spread_frames
from bedside.data.preprocess import Preprocess

CLIPS = Preprocess(n_channels=1, height_px=8, width_px=8, n_frames=4)


def ramp(n: int) -> np.ndarray:
    """Frames whose grey level is their number."""
    return np.repeat(np.arange(n, dtype=np.uint8), 64).reshape(n, 8, 8)


@given(st.integers(1, 500), st.integers(1, 40))
def test_frames_are_in_order_and_evenly_spread(n_available: int, n_wanted: int) -> None:
    """Against the definition: the middle of each of `n_wanted` equal pieces."""
    taken = spread_frames(n_available, n_wanted)
    middles = [int((i + 0.5) * n_available / n_wanted + 1e-9) for i in range(n_wanted)]
    assert taken.tolist() == middles
    counts = np.bincount(taken, minlength=n_available)
    assert counts.max() - counts[counts > 0].min() <= 1


def test_an_empty_clip_is_refused() -> None:
    with pytest.raises(ImageError, match="0"):
        spread_frames(0, 4)


def test_a_clip_in_memory_is_placed_frame_by_frame() -> None:
    case = Case(case_id="a", label=0, pixels=ramp(12)[..., None])
    placed = case.placed(CLIPS)
    assert placed.shape == CLIPS.spec.shape == (4, 1, 8, 8)
    assert placed[:, 0, 0, 0].tolist() == [1, 4, 7, 10]
    assert case.is_clip
    assert int(case.image()[0, 0]) == 6


def test_a_still_image_is_a_clip_that_stands_still() -> None:
    placed = Case(case_id="a", label=0, pixels=ramp(5)[3]).placed(CLIPS)
    assert placed.shape == (4, 1, 8, 8)
    assert (placed == 3).all()


def test_frames_in_files_are_the_same_as_in_one_file(tmp_path: Path) -> None:
    frames = ramp(10)
    for i, frame in enumerate(frames):
        Image.fromarray(frame).save(tmp_path / f"f{i:03d}.png")
    np.save(tmp_path / "whole.npy", frames)
    one_each, whole = frame_files(tmp_path), (tmp_path / "whole.npy",)
    assert len(one_each) == 10
    np.testing.assert_array_equal(np.stack(sampled_frames(one_each, 4)), np.stack(sampled_frames(whole, 4)))
    case = Case(case_id="a", label=0, frame_paths=one_each)
    np.testing.assert_array_equal(case.placed(CLIPS), CLIPS.clip_of(whole))


def test_a_folder_without_pictures_is_an_empty_clip(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="empty"):
        frame_files(tmp_path)


def test_a_preprocessing_of_images_reads_no_clip(tmp_path: Path) -> None:
    with pytest.raises(ShapeError):
        Preprocess(n_channels=1, height_px=8, width_px=8).clip_of((tmp_path / "a.npy",))


def test_frames_are_normalized_as_images_are() -> None:
    clip = np.random.default_rng(0).integers(0, 255, (4, 1, 8, 8), dtype=np.uint8)
    by_own = Preprocess(n_channels=1, height_px=8, width_px=8, n_frames=4, normalization="z_score")
    np.testing.assert_array_equal(by_own.normalize(clip), np.stack([by_own.normalize(frame) for frame in clip]))
