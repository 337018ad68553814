"""From pixels to the model's input: one value, used in training, in verification and at the bedside."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from bedside.base.arrays import ByteArray, FloatArray
from bedside.base.errors import ShapeError
from bedside.base.jsonform import OMIT_DEFAULT
from bedside.base.task import TensorSpec
from bedside.data.clip_sampling import sampled_frames
from bedside.data.enhance.steps import Step
from bedside.data.fitting_in import Fit, check_picture, fitted, pasted, respaced, with_channels
from bedside.data.modalities import Modalities
from bedside.data.normalizing import Normalization, by_its_own
from bedside.data.preprocess_limits import check_limits
from bedside.data.preprocess_volumes import placing_for, respaced_modalities
from bedside.data.reading import no_spacing, read_image, read_spaced
from bedside.data.volume_placing import Placing, read_grey, read_greys
from bedside.data.window import PercentileWindow, Window

Spacing = tuple[float, ...]
Spacing3 = tuple[float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Preprocess:
    """Window, enhance, resize, set the channels, and normalize.

    The fields from `window` on are left out of the JSON form while they have their defaults, so that a bundle that
    uses none of them is written, digested and read as it always was.

    Parameters
    ----------
    n_channels
        1 or 3; grey is repeated, colour is reduced by the ITU-R 601 luma. Of volumes: the number of modalities taken.
    fit
        ``letterbox`` keeps the aspect ratio and pads with black, ``squash`` does not keep it, ``crop`` takes the
        largest centred square, ``foreground`` cuts the dark border off and letterboxes the rest.
    mean, std
        One number each, in 0-255 units. 127 and 128 are those of EfficientNet-Lite.
    window
        From measured values (HU for CT) to grey, for DICOM and 16-bit files; None takes what the file says.
    spacing_mm
        Resample to square pixels of this size, then crop or pad about the centre; `fit` has no say then. Images
        without a spacing are refused. Of volumes one number for cubes, or three: z,y,x, that is along D, H and W.
    enhance
        Steps on the uint8 picture, in order, before any geometry.
    depth_px
        Makes the model one of volumes, ``(D, H, W)`` in canonical order. They are resampled to `spacing_mm`, where it
        is set, and cropped or padded about the centre; `fit` has no say, and there are no steps to enhance them.
        Without a window, black and white are the percentiles 0.5 and 99.5 of the volume.
    normalization
        ``fixed`` is ``(x - mean) / std``; ``z_score`` takes mean and standard deviation of the image itself, ``unit``
        maps its own range to 0-1. Of a volume each modality has its own.
    n_frames
        Frames of a clip that the model sees, see `bedside.data.clip_sampling.spread_frames`; each is placed and
        normalized as an image is. None for models of single images.
    modalities
        What a volume's file holds along a fourth axis, and which of it are the model's channels; a file of another
        number is refused. None where files have three axes.
    """

    n_channels: int
    height_px: int
    width_px: int
    fit: Fit = "letterbox"
    mean: float = 127.0
    std: float = 128.0
    window: Window | PercentileWindow | None = field(default=None, metadata=OMIT_DEFAULT)
    spacing_mm: float | Spacing3 | None = field(default=None, metadata=OMIT_DEFAULT)
    enhance: tuple[Step, ...] = field(default=(), metadata=OMIT_DEFAULT)
    normalization: Normalization = field(default="fixed", metadata=OMIT_DEFAULT)
    n_frames: int | None = field(default=None, metadata=OMIT_DEFAULT)
    depth_px: int | None = field(default=None, metadata=OMIT_DEFAULT)
    modalities: Modalities | None = field(default=None, metadata=OMIT_DEFAULT)

    def __post_init__(self) -> None:
        check_limits(self)

    @property
    def spec(self) -> TensorSpec:
        """Shape of the result."""
        return TensorSpec(
            n_channels=self.n_channels,
            height_px=self.height_px,
            width_px=self.width_px,
            n_frames=self.n_frames,
            depth_px=self.depth_px,
        )

    @property
    def own_spacing_mm(self) -> Spacing | None:
        """Spacing of an image that needs no resampling; None where the preprocessing does not resample to one."""
        if self.spacing_mm is None or isinstance(self.spacing_mm, tuple):
            return self.spacing_mm
        return (self.spacing_mm,) * (2 if self.depth_px is None else 3)

    def __call__(self, image: ByteArray, spacing_mm: Spacing | None = None) -> FloatArray:
        """Turn ``(H, W)`` or ``(H, W, 3)`` uint8 pixels, or ``(D, H, W)`` voxels, into a ``(C, ...)`` float32 input.

        Raises
        ------
        ShapeError
            If the image has another rank, another number of channels or another dtype.
        ImageError
            If the preprocessing resamples to a spacing and the image's own is not given.
        """
        return self.normalize(self.geometry(image, spacing_mm))

    def from_file(self, path: Path, frame: int | None = None) -> FloatArray:
        """Read a file and turn it into a ``(C, H, W)`` float32 input.

        Raises
        ------
        ImageError
            If it cannot be read, or lacks the values or the spacing that this preprocessing needs.
        """
        return self.normalize(self.pixels_of(path, frame))

    def pixels_of(self, path: Path, frame: int | None = None) -> ByteArray:
        """Read a file and place it: ``(C, H, W)`` uint8, before the normalization."""
        return self.geometry(*self.read(path, frame))

    def read(self, path: Path, frame: int | None = None) -> tuple[ByteArray, Spacing | None]:
        """Read a file as this preprocessing wants it: pixels, and their spacing where it resamples to one.

        Raises
        ------
        ImageError
            If it cannot be read, or lacks the values or the spacing that this preprocessing needs.
        """
        if self.depth_px is not None:
            return read_greys(path, self.modalities, self.window) if self.modalities else read_grey(path, self.window)
        if self.spacing_mm is None:
            return read_image(path, window=self.window, frame=frame), None
        return read_spaced(path, window=self.window, frame=frame)

    def geometry(self, image: ByteArray, spacing_mm: Spacing | None = None) -> ByteArray:
        """Enhance, resize and set the channels only: ``(C, H, W)`` or ``(C, D, H, W)`` uint8."""
        if self.depth_px is not None:
            return self.placing(image.shape[-3:], spacing_mm).cut(self.respaced_volume(image, spacing_mm))
        check_picture(image)
        for step in self.enhance:
            image = step(image)
        return with_channels(self._place(image, spacing_mm), self.n_channels)

    def respaced_volume(self, voxels: ByteArray, spacing_mm: Spacing | None) -> ByteArray:
        """Bring a volume to the model's voxel size, not yet cut to its grid: ``(C, D, H, W)`` uint8.

        Parameters
        ----------
        voxels
            From `read`: ``(D, H, W)``, or ``(C, D, H, W)`` with several modalities.

        Raises
        ------
        ShapeError
            If it is no volume, or one of another number of modalities.
        """
        return respaced_modalities(self, voxels, spacing_mm)

    def clip(self, frames: Sequence[ByteArray]) -> ByteArray:
        """Place each of the frames that were sampled: ``(T, C, H, W)`` uint8, before the normalization."""
        return np.stack([self.geometry(frame) for frame in frames])

    def clip_of(self, paths: Sequence[Path]) -> ByteArray:
        """Read a clip (one clip file, or one file a frame), sample and place it: ``(T, C, H, W)`` uint8.

        Raises
        ------
        ImageError
            If it cannot be read or is empty.
        ShapeError
            If this preprocessing is that of a model of single images, or resamples or windows, which clips do not do.
        """
        if self.n_frames is None or self.spacing_mm is not None or self.window is not None:
            raise ShapeError(
                "a clip is read by a preprocessing of single images, or one with a window or a spacing",
                expected="n_frames, and neither window nor spacing_mm",
                hint="correct the preprocessing",
            )
        return self.clip(sampled_frames(paths, self.n_frames))

    def placing(self, shape: tuple[int, ...], spacing_mm: Spacing | None) -> Placing:
        """How a volume of `shape` ``(D, H, W)`` and this model's grid lie to each other.

        Raises
        ------
        ShapeError
            If this is no preprocessing of volumes, or that is no shape of one.
        ImageError
            If a spacing is needed and not given.
        """
        return placing_for(self, shape, spacing_mm)

    def normalize(self, pixels: ByteArray) -> FloatArray:
        """Scale 0-255 pixels of any shape to the model's range, float32.

        The last three axes are what has statistics of its own: an image ``(C, H, W)``, one modality ``(D, H, W)``.
        """
        if self.normalization != "fixed":
            return by_its_own(pixels, self.normalization, n_axes=3)
        scaled = pixels.astype(np.float32)
        scaled -= np.float32(self.mean)
        scaled *= np.float32(1.0 / self.std)
        return scaled

    def _place(self, image: ByteArray, spacing_mm: Spacing | None) -> ByteArray:
        if (own := self.own_spacing_mm) is not None:
            if spacing_mm is None:
                raise no_spacing("an image")
            return pasted(respaced(image, (spacing_mm[0], spacing_mm[1]), own[0]), self.height_px, self.width_px)
        return fitted(image, self.fit, self.height_px, self.width_px)
