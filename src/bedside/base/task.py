"""What a model is asked, and the shape of what goes in and out."""

from dataclasses import dataclass, field
from typing import Literal

from bedside.base.errors import CohortError
from bedside.base.jsonform import OMIT_DEFAULT

TaskKind = Literal["classification", "ordinal", "multilabel", "segmentation", "detection"]

_ONE_IS_ENOUGH = ("multilabel", "detection")


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What a model is asked.

    Parameters
    ----------
    classes
        Names in the order of the model's outputs: classes of which a case has one (``classification``; in ``ordinal``
        from least to most), findings that it may have (``multilabel``), kinds of object (``detection``), or kinds of
        tissue, the first of which is the background (``segmentation``).
    positive
        Index of the class that a clinician looks for. With two classes the operating point is a threshold on its
        probability; with more the call is the most probable class and metrics are one class against the rest.
    """

    classes: tuple[str, ...]
    positive: int = 1
    kind: TaskKind = "classification"

    def __post_init__(self) -> None:
        if len(self.classes) < (1 if self.kind in _ONE_IS_ENOUGH else 2):
            raise CohortError(
                f"{len(self.classes)} class ({', '.join(self.classes) or 'none'}) is nothing to tell apart",
                expected="at least two classes",
                hint="add the other class, or check the label column",
            )
        if len(set(self.classes)) != len(self.classes):
            raise CohortError(
                f"a class name stands twice in {self.classes}", expected="distinct names", hint="rename one"
            )
        if not 0 <= self.positive < len(self.classes):
            raise CohortError(
                f"positive class {self.positive} is not in {self.classes}",
                expected=f"0 to {len(self.classes) - 1}",
                hint="see --positive",
            )

    @property
    def n_classes(self) -> int:
        """Number of classes, K."""
        return len(self.classes)

    @property
    def is_binary(self) -> bool:
        """Whether a case is in one of two classes."""
        return len(self.classes) == 2 and self.picks_one

    @property
    def picks_one(self) -> bool:
        """Whether each case as a whole is in one class."""
        return self.kind in ("classification", "ordinal")

    @property
    def positive_name(self) -> str:
        """Name of the class that is looked for."""
        return self.classes[self.positive]


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorSpec:
    """Shape and meaning of a model's input, float32.

    One image is ``(C, H, W)``, one clip of `n_frames` ``(T, C, H, W)``, one volume of `depth_px` ``(C, D, H, W)``.
    """

    n_channels: int
    height_px: int
    width_px: int
    n_frames: int | None = field(default=None, metadata=OMIT_DEFAULT)
    depth_px: int | None = field(default=None, metadata=OMIT_DEFAULT)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one case."""
        if self.n_frames is not None:
            return (self.n_frames, self.n_channels, self.height_px, self.width_px)
        if self.depth_px is not None:
            return (self.n_channels, self.depth_px, self.height_px, self.width_px)
        return (self.n_channels, self.height_px, self.width_px)

    @property
    def step_shape(self) -> tuple[int, ...]:
        """Shape of what a model file takes at a time: a clip is run frame by frame, everything else as a whole."""
        return self.shape if self.n_frames is None else self.shape[1:]

    @property
    def is_image(self) -> bool:
        """Whether the input is one image, neither clip nor volume."""
        return self.n_frames is None and self.depth_px is None
