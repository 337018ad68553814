"""Enhancement against independent implementations, and bit for bit against itself."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from bedside.base.digest import digest_array
from bedside.base.errors import InputError
from bedside.data.enhance.denoise import Bilateral, Median, NonLocalMeans
from bedside.data.enhance.diffusion import Srad
from bedside.data.enhance.histogram import Clahe, Equalize, StretchPercentiles
from bedside.data.enhance.luma import luma
from bedside.data.enhance.sector import SectorMask
from bedside.data.enhance.speckle import Lee
from bedside.data.enhance.steps import STEPS, steps_named
from bedside.data.enhance.tables import UNIT, falling_exponential
from bedside.data.phantom import Phantom
from bedside.data.reading import read_image

PHANTOM = Phantom(size_px=96).image(3, has_lesion=True)
REAL = {
    "xray": "dicom_samples/dx/nih_test1.dcm",
    "ct": "dicom_samples/ct/CT_small.dcm",
    "us": "dicom_samples/us/examples_rgb_color.dcm",
}

# SHA-256 of dtype, shape and bytes. A bundle in a clinic holds a model that expects exactly these.
GOLDEN = {
    "percentiles": "1b2a213338a5365ac60ad7f52e988edcf7fa3f3691832ab42e6deead1324d999",
    "equalize": "29ee3a9e1c89577dc934e2e06a82c6c6f8a12cbfa33c0715cc98b9b535d1c361",
    "clahe": "3074c783e1340161d05b4c0366a90fef8b9861911f85c7fb267998f39c7048b7",
    "median": "b9b9b7dd441a74a6fb451ef6812c451a3cd61055315892012f80ab11109b13f3",
    "bilateral": "a81569fcfc0710e0b395bf7203f68b7522c406930fa3aca7c90bb725847cb782",
    "non_local_means": "141e708d4e06d51aef6e14745cd1b6b1666ab80119000ce3cc539e05bfe938f6",
    "lee": "b10d922fee490dacd08d753f193db5bca9b38ed711362ca852b4f1a67a7b563b",
    "srad": "2305b5e9dcfff8de3e007622a83de2aebbe91c2a399202c7f2009d627500b3c7",
    "sector": "94ba3492c820e7375c8a9e56381b3de39592188a90d05efd9b9cb137af1807fe",
}
GOLDEN_REAL = {
    "xray": {
        "percentiles": "b62aa43021e57402",
        "equalize": "eb5779f9a5f5dd9d",
        "clahe": "f4f07ab9c883f1da",
        "median": "383f08adcd33b29a",
        "bilateral": "e3a48845409f91a7",
        "non_local_means": "c9d9e17bf89360b2",
        "lee": "b253b6d1c923ce36",
        "srad": "4728da309c0e2eec",
        "sector": "f0736d269048b8df",
    },
    "ct": {
        "percentiles": "aee00b5210cffa1a",
        "equalize": "8bee4fbfb78f972a",
        "clahe": "878a37dd58f935e7",
        "median": "2ef6eaaba8aa37bd",
        "bilateral": "bf633a4c513b730f",
        "non_local_means": "c72a53966108d9aa",
        "lee": "b84b425eeaa753ea",
        "srad": "476b5e8434e67b77",
        "sector": "e1c38729df11e8f0",
    },
    "us": {
        "percentiles": "f51b161119efc1d6",
        "equalize": "743134f47c2735a7",
        "clahe": "dfd553b813143984",
        "median": "5989d60564ddcad9",
        "bilateral": "b98f5a787dff0b05",
        "non_local_means": "dea9845b44e00764",
        "lee": "4fbedc1ff19bdef0",
        "srad": "6c4a459a2be6da0b",
        "sector": "36d0cb6b4dab163d",
    },
}


@pytest.mark.parametrize("name", STEPS)
def test_the_phantom_has_its_golden_digest(name: str) -> None:
    assert digest_array(STEPS[name]()(PHANTOM)) == GOLDEN[name]


@pytest.mark.parametrize("kind", REAL)
def test_real_images_have_their_golden_digests(shared_data: Path, kind: str) -> None:
    image = read_image(shared_data / REAL[kind])
    image = np.ascontiguousarray(image[:: max(1, len(image) // 128), :: max(1, len(image) // 128)])
    got = {name: digest_array(step()(image))[:16] for name, step in STEPS.items()}
    assert got == GOLDEN_REAL[kind]


@pytest.mark.parametrize("shape", [(64, 64), (96, 80), (61, 75)])
@pytest.mark.parametrize("clip_limit", [1.0, 2.0, 4.0])
def test_clahe_is_that_of_opencv(shape: tuple[int, int], clip_limit: float) -> None:
    cv2 = pytest.importorskip("cv2")
    image = np.ascontiguousarray(PHANTOM[: shape[0], : shape[1]])
    theirs = cv2.createCLAHE(clipLimit=clip_limit, tileGridSize=(8, 8)).apply(image)
    apart = np.abs(Clahe(tiles=8, clip_limit=clip_limit)(image).astype(int) - theirs)
    assert apart.max() <= 2, "a tie rounded up here and to even there, in two of the four tiles"
    assert (apart > 0).mean() < 0.2
    assert np.abs(Equalize()(image).astype(int) - theirs).max() > 20, "the comparison can fail"


def test_clahe_of_a_real_x_ray_is_that_of_opencv(shared_data: Path) -> None:
    cv2 = pytest.importorskip("cv2")
    image = np.ascontiguousarray(read_image(shared_data / REAL["xray"]))
    theirs = cv2.createCLAHE(clipLimit=2.0, tileGridSize=(8, 8)).apply(image)
    assert np.abs(Clahe()(image).astype(int) - theirs).max() <= 1


def test_equalizing_is_that_of_opencv() -> None:
    cv2 = pytest.importorskip("cv2")
    assert np.abs(Equalize()(PHANTOM).astype(int) - cv2.equalizeHist(PHANTOM)).max() <= 1


@pytest.mark.parametrize("size", [3, 5, 7])
def test_the_median_is_that_of_scipy(size: int) -> None:
    ndimage = pytest.importorskip("scipy.ndimage")
    theirs = ndimage.median_filter(PHANTOM, size=size, mode="nearest")
    np.testing.assert_array_equal(Median(size_px=size)(PHANTOM), theirs)


def test_the_bilateral_filter_is_that_of_opencv() -> None:
    cv2 = pytest.importorskip("cv2")
    theirs = cv2.bilateralFilter(PHANTOM, 7, sigmaColor=25, sigmaSpace=2, borderType=cv2.BORDER_REPLICATE)
    mine = Bilateral(radius_px=3, sigma_px=2, sigma_grey=25)(PHANTOM)
    assert np.abs(mine.astype(int) - theirs).max() <= 1


def test_non_local_means_is_near_that_of_opencv() -> None:
    """OpenCV rounds its weights more coarsely."""
    cv2 = pytest.importorskip("cv2")
    theirs = cv2.fastNlMeansDenoising(PHANTOM, None, h=20, templateWindowSize=5, searchWindowSize=11)
    mine = NonLocalMeans(strength=20, patch_radius_px=2, search_radius_px=5)(PHANTOM)
    inner = np.s_[8:-8, 8:-8]
    assert np.abs(mine.astype(int) - theirs)[inner].mean() < 1.5
    assert mine[inner].std() < PHANTOM[inner].std()


def test_lee_is_the_formula_pixel_by_pixel() -> None:
    got, padded = Lee(size_px=5, noise_ratio=0.3)(PHANTOM), np.pad(PHANTOM, 2, mode="edge").astype(float)
    for y, x in ((0, 0), (10, 20), (50, 7), (95, 95)):
        square = padded[y : y + 5, x : x + 5]
        weight = max(0.0, 1 - 0.3**2 * square.mean() ** 2 / max(square.var(), 1e-12))
        assert got[y, x] == round(square.mean() + weight * (PHANTOM[y, x] - square.mean()))


def test_lee_smooths_pure_speckle_and_keeps_an_edge() -> None:
    rng = np.random.default_rng(0)
    clean = np.where(np.arange(64) < 32, 60, 180) * np.ones((64, 1))
    noisy = np.clip(clean * (1 + 0.15 * rng.standard_normal((64, 64))), 0, 255).astype(np.uint8)
    got = Lee(size_px=7, noise_ratio=0.15)(noisy).astype(float)
    assert got[:, 8:24].std() < 0.5 * noisy[:, 8:24].std()
    assert got[:, 40:].mean() - got[:, :24].mean() > 100


def test_srad_is_the_scheme_of_the_paper_pixel_by_pixel() -> None:
    """Equations 31 to 34 of Yu and Acton, written for one pixel at a time."""
    settings = Srad(n_steps=1, noise_ratio=0.2, rate=0.8)
    grey = PHANTOM[:12, :12]
    field = grey.astype(float) + 1

    def at(y: int, x: int) -> float:
        return field[min(max(y, 0), 11), min(max(x, 0), 11)]

    def rate(y: int, x: int) -> float:
        y, x = min(y, 11), min(x, 11)
        around = [at(y - 1, x), at(y + 1, x), at(y, x - 1), at(y, x + 1)]
        gradient = sum((one - at(y, x)) ** 2 for one in around) / at(y, x) ** 2
        laplacian = (sum(around) - 4 * at(y, x)) / at(y, x)
        q2 = (gradient / 2 - laplacian**2 / 16) / (1 + laplacian / 4) ** 2
        return min(1.0, max(0.0, 1 / (1 + max((q2 - 0.04) / (0.04 * 1.04), 0))))

    for y, x in np.ndindex(12, 12):
        own = rate(y, x)
        flow = own * (at(y - 1, x) + at(y, x - 1) - 2 * at(y, x))
        flow += rate(y + 1, x) * (at(y + 1, x) - at(y, x)) + rate(y, x + 1) * (at(y, x + 1) - at(y, x))
        assert settings(grey)[y, x] == pytest.approx(at(y, x) - 1 + 0.8 / 4 * flow, abs=0.5001), (y, x)


def test_srad_smooths_pure_speckle_and_keeps_an_edge() -> None:
    rng = np.random.default_rng(0)
    clean = np.where(np.arange(64) < 32, 60, 180) * np.ones((64, 1))
    noisy = np.clip(clean * (1 + 0.15 * rng.standard_normal((64, 64))), 0, 255).astype(np.uint8)
    got = Srad(noise_ratio=0.2)(noisy).astype(float)
    assert got[:, 8:24].std() < 0.5 * noisy[:, 8:24].std()
    assert got[:, 36:].mean() - got[:, :28].mean() > 105
    assert got.mean() == pytest.approx(noisy.mean(), abs=2)


def test_percentiles_are_order_statistics() -> None:
    ramp = np.arange(100, dtype=np.uint8).reshape(10, 10) + 50
    got = StretchPercentiles(low_percent=10, high_percent=90)(ramp)
    assert (got == 0).sum() == 10
    assert (got == 255).sum() == 11
    assert np.abs(got.ravel()[9:90] - np.linspace(0, 255, 81)).max() <= 0.5


def scan(text: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """A curvilinear sector with dark lesions, and burned-in text beside it."""
    y, x = np.mgrid[0:400, 0:500]
    radius, angle = np.hypot(y + 60, x - 250), np.arctan2(x - 250, y + 60)
    sector = (radius > 120) & (radius < 400) & (np.abs(angle) < 0.6)
    image = np.where(sector, 90, 0).astype(np.uint8)
    image[200:230, 230:270] = 0
    if text:
        for row in range(10, 60, 10):
            image[row : row + 6, 10:90:4] = 255
            image[row, 10:90] = 255
        image[:, 480:482] = 200
    return image, sector


def test_a_sector_stays_and_text_beside_it_goes() -> None:
    image, sector = scan()
    got = SectorMask()(image)
    assert not got[:70, :100].any()
    assert not got[:, 478:].any()
    np.testing.assert_array_equal(got[sector], image[sector])
    inside = SectorMask().inside(image)
    assert inside[200:230, 230:270].all(), "a dark lesion is inside"
    assert inside.sum() < 1.25 * sector.sum()


def test_a_picture_without_a_sector_stays() -> None:
    for image in (np.zeros((50, 60), np.uint8), np.full((300, 300), 200, np.uint8), PHANTOM):
        np.testing.assert_array_equal(SectorMask()(image), image)


@settings(max_examples=20, deadline=None)
@given(
    name=st.sampled_from(sorted(STEPS)),
    image=st.one_of(
        arrays(np.uint8, st.tuples(st.integers(1, 24), st.integers(1, 24))),
        arrays(np.uint8, st.tuples(st.integers(1, 24), st.integers(1, 24), st.just(3))),
    ),
)
def test_any_picture_keeps_its_shape_and_is_left_alone(name: str, image: np.ndarray) -> None:
    before = image.copy()
    got = STEPS[name]()(image)
    assert got.shape == image.shape
    assert got.dtype == np.uint8
    np.testing.assert_array_equal(image, before)
    np.testing.assert_array_equal(got, STEPS[name]()(np.asfortranarray(image)))


@pytest.mark.parametrize("name", STEPS)
def test_a_flat_picture_stays_flat(name: str) -> None:
    got = STEPS[name]()(np.full((40, 40), 77, np.uint8))
    assert got.min() == got.max()
    if name not in ("clahe",):
        assert got[0, 0] == 77


@pytest.mark.parametrize("name", ["percentiles", "equalize", "clahe"])
def test_contrast_of_colour_moves_the_luma_and_little_else(name: str) -> None:
    colour = np.stack([PHANTOM // 2 + 30, PHANTOM // 2 + 10, PHANTOM // 2], axis=-1)
    got = STEPS[name]()(colour)
    unclipped = (got.min(axis=2) > 0) & (got.max(axis=2) < 255)
    assert unclipped.mean() > 0.3
    np.testing.assert_array_equal((got[..., 0].astype(int) - got[..., 2])[unclipped], 30)
    assert np.abs(luma(got).astype(int) - STEPS[name]()(luma(colour)))[unclipped].max() <= 1


def test_the_exponential_is_right_to_half_a_step() -> None:
    table = falling_exponential(50.0, 400)
    assert np.abs(table - UNIT * np.exp(-np.arange(400) / 50)).max() <= 0.5 + 1e-6


def test_steps_are_spelled_and_refused(refuses) -> None:
    assert steps_named("sector, clahe:tiles=4:clip_limit=3") == (SectorMask(), Clahe(tiles=4, clip_limit=3.0))
    assert steps_named("") == ()
    for nonsense in ("clhae", "clahe:tile=4", "clahe:tiles=many", "median:size_px=4", "lee:noise_ratio=9"):
        with refuses(InputError):
            steps_named(nonsense)
