"""PNG, JPEG, TIFF and BMP become uint8 pixels, or an error that says what to do."""

import struct
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bedside.base.errors import ImageError
from bedside.data.reading import MAX_PIXELS, read_image

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")

GREY = np.arange(12 * 10, dtype=np.uint8).reshape(12, 10)
COLOUR = np.stack([GREY, GREY[::-1], 255 - GREY], axis=-1)


def saved(path: Path, pixels: np.ndarray, mode: str | None = None, **options: object) -> Path:
    Image.fromarray(pixels, mode).save(path, **options)
    return path


@pytest.mark.parametrize("suffix", [".png", ".tif", ".bmp"])
@pytest.mark.parametrize("pixels", [GREY, COLOUR], ids=["grey", "colour"])
def test_lossless_files_come_back_to_the_last_bit(tmp_path: Path, suffix: str, pixels: np.ndarray) -> None:
    got = read_image(saved(tmp_path / f"image{suffix}", pixels))
    assert got.dtype == np.uint8
    np.testing.assert_array_equal(got, pixels)


@pytest.mark.parametrize("suffix", [".tif", ".TIFF", ".dat", ""])
def test_the_content_decides_not_the_suffix(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"image{suffix}"
    path.write_bytes(saved(tmp_path / "image.png", GREY).read_bytes())
    np.testing.assert_array_equal(read_image(path), GREY)


def test_jpeg_is_close(tmp_path: Path) -> None:
    smooth = np.linspace(0, 255, 64 * 64).reshape(64, 64).astype(np.uint8)
    got = read_image(saved(tmp_path / "a.jpg", smooth, quality=95))
    assert got.shape == (64, 64)
    assert np.abs(got.astype(int) - smooth).max() <= 4


def test_grey_stored_as_colour_is_grey(tmp_path: Path) -> None:
    np.testing.assert_array_equal(read_image(saved(tmp_path / "a.png", np.stack([GREY] * 3, axis=-1))), GREY)


def test_sixteen_bit_grey_keeps_its_order_and_uses_the_whole_range(tmp_path: Path) -> None:
    deep = np.linspace(1000, 3000, 120).reshape(12, 10).astype(np.uint16)
    got = read_image(saved(tmp_path / "a.png", deep))
    expected = np.round((deep - 1000.0) * 255 / 2000).astype(np.uint8)
    assert got.dtype == np.uint8
    np.testing.assert_array_equal(got, expected)


def test_float_tiff_is_scaled(tmp_path: Path) -> None:
    got = read_image(saved(tmp_path / "a.tif", np.array([[-1.0, 0.0], [0.5, 1.0]], np.float32)))
    np.testing.assert_array_equal(got, [[0, 128], [191, 255]])


def test_float_tiff_with_nan_is_refused(refuses, tmp_path: Path) -> None:
    path = saved(tmp_path / "a.tif", np.array([[np.nan, 0.0], [0.5, 1.0]], np.float32))
    with refuses(ImageError, "NaN", str(path)):
        read_image(path)


def test_black_and_white_is_grey(tmp_path: Path) -> None:
    Image.fromarray(GREY > 50).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), (GREY > 50) * np.uint8(255))


def test_transparency_is_laid_on_black(tmp_path: Path) -> None:
    rgba = np.array([[[255, 255, 255, 0], [255, 0, 0, 255], [200, 100, 50, 128]]], np.uint8)
    np.testing.assert_array_equal(
        read_image(saved(tmp_path / "a.png", rgba)), [[[0, 0, 0], [255, 0, 0], [100, 50, 25]]]
    )
    grey_alpha = np.array([[[255, 0], [200, 255]]], np.uint8)
    np.testing.assert_array_equal(read_image(saved(tmp_path / "b.png", grey_alpha, "LA")), [[0, 200]])


def test_a_transparent_palette_entry_is_black(tmp_path: Path) -> None:
    picture = Image.fromarray(np.array([[0, 1]], np.uint8), "P")
    picture.putpalette([255, 255, 255, 255, 0, 0])
    picture.save(tmp_path / "a.png", transparency=0)
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), [[[0, 0, 0], [255, 0, 0]]])


def test_a_zero_byte_file_is_refused(refuses, tmp_path: Path) -> None:
    for name in ("a.png", "a.jpg", "a.dcm", "a"):
        (tmp_path / name).write_bytes(b"")
        with refuses(ImageError, "0 bytes", name):
            read_image(tmp_path / name)


@pytest.mark.parametrize("name", ["notes.png", "notes.jpg", "notes.dcm", "notes"])
def test_a_text_file_is_refused_whatever_it_is_called(refuses, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("patient felt better\n" * 50)
    with refuses(ImageError, name):
        read_image(tmp_path / name)


def test_a_missing_file_and_a_folder_are_refused(refuses, tmp_path: Path) -> None:
    with refuses(ImageError, "No such file"):
        read_image(tmp_path / "absent.png")
    with refuses(ImageError, "directory"):
        read_image(tmp_path)


def png_claiming(width: int, height: int) -> bytes:
    """A PNG of some 60 bytes whose header promises a giant picture."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [10_001, 12_000, 60_000, 2**31 - 1])
def test_a_giant_is_refused_before_it_is_decoded(refuses, tmp_path: Path, side: int) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(png_claiming(side, side))
    with refuses(ImageError, f"{MAX_PIXELS:,}"):
        read_image(path)


def test_a_tiff_of_several_pages_is_not_silently_cut_to_one(refuses, tmp_path: Path) -> None:
    pages = [Image.fromarray(GREY), Image.fromarray(255 - GREY)]
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:])
    with refuses(ImageError, "2 frames"):
        read_image(tmp_path / "a.tif")


def encoded(format_: str) -> bytes:
    buffer = BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (24, 20, 3), np.uint8)
    Image.fromarray(noise).save(buffer, format_)
    return buffer.getvalue()


@pytest.mark.parametrize("format_", ["PNG", "JPEG", "TIFF", "BMP"])
def test_a_truncated_file_is_refused_wherever_it_ends(refuses, tmp_path: Path, format_: str) -> None:
    whole, path = encoded(format_), tmp_path / "cut"
    cut_in_pixels = len(whole) // 2
    path.write_bytes(whole[:cut_in_pixels])
    with refuses(ImageError, str(path)):
        read_image(path)
    for length in [*range(1, 120), *range(120, cut_in_pixels, 41)]:
        path.write_bytes(whole[:length])
        with pytest.raises(ImageError):
            read_image(path)


@pytest.mark.parametrize("format_", ["PNG", "JPEG", "TIFF", "BMP"])
def test_a_damaged_file_is_an_image_or_an_image_error(tmp_path: Path, format_: str) -> None:
    whole, path, rng = encoded(format_), tmp_path / "damaged", np.random.default_rng(1)
    for _ in range(400):
        damaged = bytearray(whole)
        for position in rng.integers(0, len(whole) if rng.random() < 0.5 else 200, rng.integers(1, 5)):
            damaged[position] = rng.integers(256)
        path.write_bytes(damaged)
        try:
            got = read_image(path)
        except ImageError:
            continue
        assert got.dtype == np.uint8
        assert got.ndim in (2, 3)
        assert got.size
