"""Distortions for training that need a field or a codec: elastic, speckle, motion blur, JPEG."""

from dataclasses import dataclass
from io import BytesIO

import numpy as np

from bedside.base.arrays import ByteArray, FloatArray, IntArray
from bedside.data.mask_moves import nearest

_CONTROL_POINTS = 6
_PER_IMAGE = ("elastic", "speckle", "blur", "blur_deg", "jpeg", "seeds")


@dataclass(frozen=True, slots=True)
class DistortDraw:
    """Decisions for n images, already made; a zero leaves an image as it is.

    Parameters
    ----------
    elastic
        ``(n,)``: largest displacement as a fraction of the side (Simard et al., ICDAR 2003, on a coarse grid).
    speckle
        ``(n,)``: standard deviation of multiplicative noise, smoothed over two pixels.
    blur, blur_deg
        ``(n,)``: length of the motion as a fraction of the side, and its direction.
    jpeg
        ``(n,)``: quality 1 to 95; 0 does not compress.
    seeds
        ``(n,)``: seed of each image's fields, so that a part of a batch is changed as the whole would be.
    """

    elastic: FloatArray
    speckle: FloatArray
    blur: FloatArray
    blur_deg: FloatArray
    jpeg: IntArray
    seeds: IntArray

    def __call__(self, images: ByteArray) -> ByteArray:
        """Change ``(n, C, H, W)`` uint8 images into new ones of the same shape."""
        return np.stack([self._one(image, i) for i, image in enumerate(images)])

    def on_masks(self, masks: ByteArray) -> ByteArray:
        """Bend label masks ``(n, H, W)`` uint8 along the elastic fields of their images, nearest neighbour."""
        if not (self.elastic > 0).any():
            return masks
        return np.stack([self._bent(mask, i) for i, mask in enumerate(masks)])

    def _bent(self, mask: ByteArray, i: int) -> ByteArray:
        if self.elastic[i] <= 0:
            return mask
        rng = np.random.default_rng(int(self.seeds[i]))  # the field is the first thing that the image draws
        return nearest(mask, *_elastic_places(mask.shape, float(self.elastic[i]), rng))

    def pick(self, rows: IntArray) -> "DistortDraw":
        """Keep the decisions for some of the images; `rows` is ``(m,)``."""
        return DistortDraw(**{name: getattr(self, name)[rows] for name in _PER_IMAGE})

    def _one(self, image: ByteArray, i: int) -> ByteArray:
        rng = np.random.default_rng(int(self.seeds[i]))
        if self.elastic[i] > 0:
            image = _elastic(image, float(self.elastic[i]), rng)
        if self.speckle[i] > 0:
            image = _speckled(image, float(self.speckle[i]), rng)
        if self.blur[i] > 0:
            image = _moved(image, float(self.blur[i]), float(self.blur_deg[i]))
        return _compressed(image, int(self.jpeg[i])) if self.jpeg[i] > 0 else image


@dataclass(frozen=True, slots=True, kw_only=True)
class Distort:
    """The distribution over distortions; strengths are the largest, drawn evenly from zero."""

    elastic_prob: float = 0.0
    elastic_frac: float = 0.04
    speckle_prob: float = 0.0
    speckle_frac: float = 0.2
    blur_prob: float = 0.0
    blur_frac: float = 0.05
    jpeg_prob: float = 0.0
    jpeg_quality: int = 40

    def sample(self, rng: np.random.Generator, n: int) -> DistortDraw:
        """Decide for `n` images; `rng` is the caller's, never the global one."""

        def strength(prob: float, most: float) -> FloatArray:
            return rng.uniform(0, most, n) * (rng.random(n) < prob)

        return DistortDraw(
            elastic=strength(self.elastic_prob, self.elastic_frac),
            speckle=strength(self.speckle_prob, self.speckle_frac),
            blur=strength(self.blur_prob, self.blur_frac),
            blur_deg=rng.uniform(0, 180, n),
            jpeg=rng.integers(self.jpeg_quality, 96, n) * (rng.random(n) < self.jpeg_prob),
            seeds=rng.integers(2**63, size=n),
        )


def _elastic(image: ByteArray, most_frac: float, rng: np.random.Generator) -> ByteArray:
    """Move pixels along a smooth random field; the corners of the field lie on a coarse grid."""
    return _sampled(image, *_elastic_places(image.shape[1:], most_frac, rng))


def _elastic_places(size: tuple[int, ...], most_frac: float, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """Where each pixel of the result comes from, rows and columns ``(H, W)``."""
    height, width = size
    field = rng.uniform(-1, 1, (2, _CONTROL_POINTS, _CONTROL_POINTS)) * most_frac
    rows, columns = _spread(height), _spread(width)
    y = np.arange(height)[:, None] + (rows @ field[0] @ columns.T) * height
    x = np.arange(width)[None, :] + (rows @ field[1] @ columns.T) * width
    return y, x


def _spread(n: int) -> FloatArray:
    """Linear interpolation from the control points to `n` pixels, as a matrix."""
    place = np.linspace(0, _CONTROL_POINTS - 1, n)
    return np.maximum(0, 1 - np.abs(place[:, None] - np.arange(_CONTROL_POINTS)))


def _sampled(image: ByteArray, y: FloatArray, x: FloatArray) -> ByteArray:
    """Bilinear sampling, the border repeated outwards."""
    y, x = np.clip(y, 0, image.shape[1] - 1), np.clip(x, 0, image.shape[2] - 1)
    top, left = np.floor(y).astype(int), np.floor(x).astype(int)
    bottom, right = np.minimum(top + 1, image.shape[1] - 1), np.minimum(left + 1, image.shape[2] - 1)
    fy, fx = y - top, x - left
    above = image[:, top, left] * (1 - fx) + image[:, top, right] * fx
    below = image[:, bottom, left] * (1 - fx) + image[:, bottom, right] * fx
    return np.round(above * (1 - fy) + below * fy).astype(np.uint8)


def _speckled(image: ByteArray, deviation: float, rng: np.random.Generator) -> ByteArray:
    """Multiply by noise of mean 1 that neighbours share in part, as the point spread of a scanner has it."""
    noise = rng.standard_normal((image.shape[1] + 1, image.shape[2] + 1))
    shared = (noise[1:, 1:] + noise[:-1, 1:] + noise[1:, :-1] + noise[:-1, :-1]) / 2
    return np.round(np.clip(image * (1 + deviation * shared), 0, 255)).astype(np.uint8)


def _moved(image: ByteArray, length_frac: float, direction_deg: float) -> ByteArray:
    """Average along a line: patient or probe moved while the image was taken."""
    length = length_frac * max(image.shape[1:])
    n = max(2, int(np.ceil(length)) + 1)
    steps = np.linspace(-length / 2, length / 2, n)
    angle = np.deg2rad(direction_deg)
    rows, columns = np.arange(image.shape[1])[:, None], np.arange(image.shape[2])[None, :]
    total = np.zeros(image.shape, np.float64)
    for step in steps:
        y, x = np.broadcast_arrays(rows + step * np.sin(angle), columns + step * np.cos(angle))
        total += _sampled(image, y, x)
    return np.round(total / n).astype(np.uint8)


def _compressed(image: ByteArray, quality: int) -> ByteArray:
    """There and back through JPEG; three channels as one colour picture, others one by one."""
    from PIL import Image

    def there_and_back(pixels: ByteArray) -> ByteArray:
        buffer = BytesIO()
        Image.fromarray(np.ascontiguousarray(pixels)).save(buffer, "JPEG", quality=quality)
        with Image.open(buffer) as picture:
            return np.asarray(picture)

    if image.shape[0] == 3:
        return there_and_back(image.transpose(1, 2, 0)).transpose(2, 0, 1)
    return np.stack([there_and_back(channel) for channel in image])
