"""What a model is asked, and the shape of what goes in and out."""

from dataclasses import dataclass
from typing import Literal

from bedside.base.errors import CohortError


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A classification question.

    Parameters
    ----------
    classes
        Names in the order of the model's outputs.
    positive
        Index of the class that a clinician looks for. With two classes the operating point is a threshold on its
        probability; with more the call is the most probable class and metrics are one class against the rest.
    """

    classes: tuple[str, ...]
    positive: int = 1
    kind: Literal["classification"] = "classification"

    def __post_init__(self) -> None:
        if len(self.classes) < 2:
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
        """Whether there are two classes."""
        return len(self.classes) == 2

    @property
    def positive_name(self) -> str:
        """Name of the class that is looked for."""
        return self.classes[self.positive]


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorSpec:
    """Shape and meaning of a model's input: one image is ``(C, H, W)`` float32."""

    n_channels: int
    height_px: int
    width_px: int

    @property
    def shape(self) -> tuple[int, int, int]:
        """``(C, H, W)``."""
        return (self.n_channels, self.height_px, self.width_px)
