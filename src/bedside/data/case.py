"""A case: one image, clip or volume with what the reference standard says of it."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from bedside.base.arrays import BoolArray, ByteArray
from bedside.base.digest import Digest
from bedside.base.errors import CohortError
from bedside.base.task import Task
from bedside.data.boxes import Box
from bedside.data.case_digest import digest_case
from bedside.data.clip_sampling import sampled_frames, spread_frames
from bedside.data.nifti import is_nifti
from bedside.data.preprocess import Preprocess
from bedside.data.raster_labels import FULL, read_mask_values
from bedside.data.reading import read_image
from bedside.data.volume_placing import read_grey, three_views

Part = Literal["development", "tuning", "test"]
PARTS: tuple[Part, ...] = ("development", "tuning", "test")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One labelled image, clip or volume, from memory (`pixels`) or from files (`path`, `frame_paths`).

    Parameters
    ----------
    case_id
        Unique in its cohort; never a patient's name.
    label
        Index into the task's classes, where the case as a whole is in one; 0 where the task asks something else.
    patient_id
        The unit of independence; None where the source knows none, and then the case counts as its own patient.
    group
        A looser tie than the patient (near-duplicates, one clip, one site); groups are never split either.
    part
        The part that the source assigns, if any.
    pixels
        ``(H, W)`` or ``(H, W, 3)`` uint8; of a volume ``(D, H, W)``, of a clip ``(T, H, W, 1)`` or ``(T, H, W, 3)``.
    frame
        Which frame of a multi-frame file, from 0; None where the file has one. Of a volume of several modalities: the
        one that it is shown by; a model takes those that its preprocessing names.
    mask_path
        Where somebody drew the lesion, if anybody did: an 8-bit image of the same size, see `mask`; for a volume a
        NIfTI file of label numbers.
    mask_pixels
        The same from memory: label numbers ``(H, W)`` or ``(D, H, W)`` uint8.
    mask_counts_objects
        Whether the numbers in the mask tell objects apart (nuclei 1, 2, 3, ...), which are all of one class.
    marks
        Of every class 1 if the case has it, 0 if not, -1 if nobody knows; for tasks of several labels, and for label
        maps whose source has looked into them.
    boxes
        Objects in the image, in its own pixels.
    frame_paths
        Of a clip: its file, or its frames in their order where each lies in a file of its own.
    attributes
        What else the source knows (age, sex, site, view, device): pairs of column and value, for subgroup metrics.
    """

    case_id: str
    label: int
    patient_id: str | None = None
    group: str | None = None
    part: Part | None = None
    path: Path | None = None
    pixels: ByteArray | None = field(default=None, repr=False, compare=False)
    frame: int | None = None
    mask_path: Path | None = None
    mask_pixels: ByteArray | None = field(default=None, repr=False, compare=False)
    mask_counts_objects: bool = False
    attributes: tuple[tuple[str, str], ...] = ()
    marks: tuple[int, ...] = ()
    boxes: tuple[Box, ...] = ()
    frame_paths: tuple[Path, ...] = ()

    def attribute(self, column: str) -> str | None:
        """Value of an attribute; None where the source does not know it."""
        return dict(self.attributes).get(column) or None

    def holds(self, task: Task) -> tuple[int, ...]:
        """Indices of the classes that the case counts for: its own one, every finding it has, every kind of object.

        A label map counts for the background where it holds nothing else.
        """
        if task.kind == "multilabel":
            return tuple(k for k, mark in enumerate(self.marks) if mark == 1)
        if task.kind == "segmentation" and self.marks:
            return tuple(k for k, mark in enumerate(self.marks) if mark == 1 and k > 0) or (0,)
        if task.kind == "detection":
            return tuple(sorted({box.label for box in self.boxes}))
        return (self.label,)

    @property
    def is_clip(self) -> bool:
        """Whether the case is a clip: it has frame files, or pixels with an axis of time."""
        return bool(self.frame_paths) if self.pixels is None else self.pixels.ndim == 4

    @property
    def is_volume(self) -> bool:
        """Whether it is a volume: voxels in memory, a NIfTI file, or a folder that holds a series."""
        if self.pixels is not None:
            return self.pixels.ndim == 3 and self.pixels.shape[2] != 3
        return self.path is not None and (is_nifti(self.path) or self.path.is_dir())

    def image(self) -> ByteArray:
        """Pixels as ``(H, W)`` or ``(H, W, 3)`` uint8.

        Of a clip the frame in the middle; of a volume its three middle planes, side by side.

        Raises
        ------
        ImageError
            If the file cannot be read.
        """
        if self.is_clip:
            return self._frames(1)[0]
        if self.is_volume:
            return three_views(read_grey(self._file(), channel=self.frame)[0] if self.pixels is None else self.pixels)
        if self.pixels is not None:
            return self.pixels
        return read_image(self._file(), frame=self.frame)

    def own_shape(self) -> tuple[int, ...]:
        """``(H, W)``, or ``(D, H, W)`` of a volume, before any preprocessing."""
        if not self.is_volume:
            return self.image().shape[:2]
        return (read_grey(self._file(), channel=self.frame)[0] if self.pixels is None else self.pixels).shape

    def placed(self, preprocess: Preprocess) -> ByteArray:
        """Pixels as the model's input has them before the normalization: ``(*spec.shape)`` uint8.

        Raises
        ------
        ImageError
            If the file cannot be read, or lacks the values or the spacing that the preprocessing needs.
        CohortError
            If the preprocessing has a window and the pixels came from memory: they were windowed by their source.
        """
        if preprocess.n_frames is not None:
            return self._clip(preprocess, preprocess.n_frames)
        if self.pixels is None:
            return preprocess.pixels_of(self._file(), self.frame)
        if preprocess.window is not None:
            raise CohortError(
                f"case {self.case_id} has pixels of 8 bits and no file: a window has no measured values to work on",
                expected="a source of DICOM or 16-bit files",
                hint="leave the window out",
            )
        return preprocess.geometry(self.pixels)

    def seen(self, preprocess: Preprocess) -> ByteArray:
        """Pixels as the preprocessing reads them, before it changes them; what an acceptance gate looks at.

        Of a clip it is the frame in the middle.
        """
        if self.is_clip:
            return self.image()
        return self.pixels if self.pixels is not None else preprocess.read(self._file(), self.frame)[0]

    def _clip(self, preprocess: Preprocess, n_frames: int) -> ByteArray:
        if self.pixels is None:
            return preprocess.clip_of(self.frame_paths or (self._file(),))
        return preprocess.clip(self._frames(n_frames))

    def _frames(self, n_frames: int) -> list[ByteArray]:
        if self.pixels is None:
            return sampled_frames(self.frame_paths, n_frames)
        frames = self.pixels if self.is_clip else self.pixels[None]
        chosen = (frames[i] for i in spread_frames(len(frames), n_frames))
        return [frame[..., 0] if frame.shape[2:] == (1,) else frame for frame in chosen]

    def _file(self) -> Path:
        if self.path is None:
            raise CohortError(
                f"case {self.case_id} has neither pixels nor a file", expected="one of them", hint="check its source"
            )
        return self.path

    def mask(self) -> BoolArray | None:
        """Where the lesion lies, ``(H, W)``, all False where there is none; None where nobody drew it.

        Masks are stored as 0 and 255, or as small label numbers. In the first kind a pixel belongs to the lesion from
        128 on, so that the noise of a JPEG does not count; in the second every label but 0 does.

        Raises
        ------
        ImageError
            If the file cannot be read.
        """
        values = self.mask_pixels if self.mask_path is None else read_mask_values(self.mask_path)
        if values is None:
            return None
        return values >= FULL if values.max() >= FULL and not self.mask_counts_objects else values > 0

    @property
    def ties(self) -> tuple[str, ...]:
        """What ties it to other cases: its group and its patient; the case itself where neither is known."""
        known = {"group": self.group, "patient": self.patient_id}
        return tuple(f"{kind}:{name}" for kind, name in known.items() if name is not None) or (f"case:{self.case_id}",)

    def digest(self) -> Digest:
        """Digest of the image, of its mask if it has one, and of all that is known about it."""
        return digest_case(self)
