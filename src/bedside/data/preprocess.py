"""From pixels to the model's input: one value, used in training, in verification and at the bedside."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from bedside.base.arrays import ByteArray, FloatArray
from bedside.base.errors import ShapeError
from bedside.base.task import TensorSpec

_LUMA_PER_MILLE = np.array([299, 587, 114], np.int32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Preprocess:
    """Resize, set the channels, and normalize as ``(x - mean) / std`` on the 0-255 scale.

    Parameters
    ----------
    n_channels
        1 or 3; grey is repeated, colour is reduced by the ITU-R 601 luma.
    fit
        ``letterbox`` keeps the aspect ratio and pads with black, ``squash`` does not keep it, ``crop`` takes the
        largest centred square.
    mean, std
        One number each, in 0-255 units. 127 and 128 are those of EfficientNet-Lite.
    """

    n_channels: int
    height_px: int
    width_px: int
    fit: Literal["letterbox", "squash", "crop"] = "letterbox"
    mean: float = 127.0
    std: float = 128.0

    def __post_init__(self) -> None:
        if self.n_channels not in (1, 3) or min(self.height_px, self.width_px) < 1 or not self.std > 0:
            raise ShapeError(
                f"a model input of {self.spec.shape} with a standard deviation of {self.std}",
                expected="1 or 3 channels, a height and width of 1 or more, a standard deviation above 0",
                hint="correct the preprocessing",
            )

    @property
    def spec(self) -> TensorSpec:
        """Shape of the result."""
        return TensorSpec(n_channels=self.n_channels, height_px=self.height_px, width_px=self.width_px)

    def __call__(self, image: ByteArray) -> FloatArray:
        """Turn ``(H, W)`` or ``(H, W, 3)`` uint8 pixels into a ``(C, H, W)`` float32 input.

        Raises
        ------
        ShapeError
            If the image has another rank, another number of channels or another dtype.
        """
        return self.normalize(self.geometry(image))

    def geometry(self, image: ByteArray) -> ByteArray:
        """Resize and set the channels only: ``(C, H, W)`` uint8."""
        is_picture = image.ndim == 2 or (image.ndim == 3 and image.shape[2] == 3)
        if image.dtype != np.uint8 or not is_picture or not image.size:
            raise ShapeError(
                f"an image of shape {image.shape} and type {image.dtype}",
                expected="(H, W) or (H, W, 3), uint8, not empty",
                hint="read it with bedside.data.reading.read_image",
            )
        placed = self._place(image)
        if placed.ndim == 2:
            return np.broadcast_to(placed, (self.n_channels, *placed.shape))
        if self.n_channels == 1:
            luma = placed.astype(np.int32) @ _LUMA_PER_MILLE  # whole numbers, so that every machine agrees
            return ((luma + 500) // 1000).astype(np.uint8)[None]
        return placed.transpose(2, 0, 1)

    def normalize(self, pixels: ByteArray) -> FloatArray:
        """Scale 0-255 pixels of any shape to the model's range, float32."""
        scaled = pixels.astype(np.float32)
        scaled -= np.float32(self.mean)
        scaled *= np.float32(1.0 / self.std)
        return scaled

    def _place(self, image: ByteArray) -> ByteArray:
        if image.shape[:2] == (self.height_px, self.width_px):
            return image
        if self.fit == "crop":
            image = _centre_square(image)
        if self.fit != "letterbox":
            return _resize(image, self.height_px, self.width_px)
        factor = min(self.height_px / image.shape[0], self.width_px / image.shape[1])
        height = max(1, round(image.shape[0] * factor))
        width = max(1, round(image.shape[1] * factor))
        canvas = np.zeros((self.height_px, self.width_px, *image.shape[2:]), np.uint8)
        top, left = (self.height_px - height) // 2, (self.width_px - width) // 2
        canvas[top : top + height, left : left + width] = _resize(image, height, width)
        return canvas


def _centre_square(image: ByteArray) -> ByteArray:
    side = min(image.shape[:2])
    top, left = (image.shape[0] - side) // 2, (image.shape[1] - side) // 2
    return image[top : top + side, left : left + side]


def _resize(image: ByteArray, height_px: int, width_px: int) -> ByteArray:
    """Bilinear with antialiasing (Pillow), the one resize of the whole house."""
    from PIL import Image

    if image.shape[:2] == (height_px, width_px):
        return image
    picture = Image.fromarray(np.ascontiguousarray(image))
    return np.asarray(picture.resize((width_px, height_px), Image.Resampling.BILINEAR))
