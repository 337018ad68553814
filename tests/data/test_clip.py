"""Clips: cine DICOM, GIF, TIFF pages, video, arrays."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bedside.base.errors import ImageError
from bedside.data.clip import read_clip

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:pydicom")

FRAMES = (np.arange(3)[:, None, None] * 40 + np.arange(6)[None, :, None] * 8 + np.arange(8)).astype(np.uint8)


def pictures() -> list[Image.Image]:
    return [Image.fromarray(frame) for frame in FRAMES]


def test_a_gif_has_frames_and_times(tmp_path: Path) -> None:
    first, *rest = pictures()
    first.save(tmp_path / "a.gif", save_all=True, append_images=rest, duration=[50, 70, 30])
    clip = read_clip(tmp_path / "a.gif")
    np.testing.assert_array_equal(clip.frames, FRAMES)
    np.testing.assert_array_equal(clip.times_ms, [0, 50, 120])
    assert clip.frame_ms == 60


def test_pages_of_a_tiff_are_frames_without_times(tmp_path: Path) -> None:
    first, *rest = pictures()
    first.save(tmp_path / "a.tif", save_all=True, append_images=rest)
    clip = read_clip(tmp_path / "a.tif")
    np.testing.assert_array_equal(clip.frames, FRAMES)
    assert clip.frame_ms is None


def test_a_cine_loop_shares_one_grey_scale(dicom_file) -> None:
    path = dicom_file(FRAMES, NumberOfFrames=3, FrameTime=33.3)
    clip = read_clip(path)
    assert clip.frames.shape == FRAMES.shape
    assert clip.frame_ms == pytest.approx(33.3)
    assert (np.diff(clip.frames.reshape(3, -1).mean(axis=1)) > 30).all(), "later frames are brighter"


def test_a_vector_of_times_is_summed(dicom_file) -> None:
    path = dicom_file(FRAMES, NumberOfFrames=3, FrameTimeVector=[0, 10, 25])
    np.testing.assert_array_equal(read_clip(path).times_ms, [0, 10, 35])


def test_a_colour_cine_loop_is_rgb(dicom_samples: Path) -> None:
    pytest.importorskip("pylibjpeg", reason="pip install 'pylibjpeg[all]'")
    clip = read_clip(dicom_samples / "us" / "examples_ybr_color.dcm")
    assert clip.frames.shape == (30, 240, 320, 3)
    assert clip.frame_ms == pytest.approx(33.333)


def test_arrays_are_clips(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", frames=FRAMES)
    np.testing.assert_array_equal(read_clip(tmp_path / "a.npz").frames, FRAMES)


def test_a_video_keeps_its_frames_in_order(tmp_path: Path) -> None:
    cv2 = pytest.importorskip("cv2", reason="pip install 'bedside[clips]'")
    path = tmp_path / "a.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), 20, (64, 48))
    for level in (20, 90, 160, 230):
        writer.write(np.full((48, 64, 3), level, np.uint8))
    writer.release()
    clip = read_clip(path)
    assert clip.frames.shape[:3] == (4, 48, 64)
    np.testing.assert_allclose(clip.frames.reshape(4, -1).mean(axis=1), [20, 90, 160, 230], atol=4)
    assert clip.frame_ms == pytest.approx(50)


def test_real_clips_are_read(shared_data: Path) -> None:
    pytest.importorskip("cv2", reason="pip install 'bedside[clips]'")
    path = sorted((shared_data / "us_lung_pocus" / "clips").glob("*.mp4"))[0]
    clip = read_clip(path)
    assert len(clip.frames) > 20
    assert clip.frames.std() > 10
    assert 10 < (clip.frame_ms or 0) < 100


def test_an_empty_or_damaged_clip_is_refused(refuses, tmp_path: Path) -> None:
    pytest.importorskip("cv2", reason="pip install 'bedside[clips]'")
    first, *rest = pictures()
    first.save(tmp_path / "whole.gif", save_all=True, append_images=rest)
    whole = (tmp_path / "whole.gif").read_bytes()
    (tmp_path / "cut.gif").write_bytes(whole[:40])
    (tmp_path / "empty.gif").touch()
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.mp4").write_text("no video " * 100)
    np.save(tmp_path / "empty.npy", np.empty((0, 4, 4), np.uint8))
    np.save(tmp_path / "flat.npy", np.zeros((4, 4), np.uint8))
    for name in ("cut.gif", "empty.gif", "empty.mp4", "text.mp4", "absent.mp4", "empty.npy", "flat.npy"):
        with refuses(ImageError, name):
            read_clip(tmp_path / name)
