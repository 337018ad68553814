"""What a model says of one image, clip or volume."""

from dataclasses import dataclass, field

from bedside.base.arrays import ByteArray

REFER = "refer"
"""What stands in the place of a class when the bundle's gate does not accept an image, or the call is too unsure."""

NOTHING = "none"
"""What stands there when none of several findings is called."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundBox:
    """One object: what it is called, how certain that is, and where it lies in the image."""

    name: str
    probability: float
    x0_px: float
    y0_px: float
    x1_px: float
    y1_px: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """What the model says of one image, clip or volume.

    Parameters
    ----------
    called
        Class that is called at the locked operating point, or ``refer``.
    is_positive
        None where the image is referred: neither yes nor no.
    refer
        Why the image is referred to a person, or an empty string.
    probabilities
        Of every class, temperature-scaled, in the order of `classes`.
    threshold_prob
        Of the class that is looked for; None with more than two classes.
    marks
        Names of the findings that are called, where there may be several.
    thresholds_prob
        Of each finding, where there may be several.
    boxes
        Objects found, in pixels of the image itself, the most certain first.
    mask
        Label numbers on the grid of the image itself, ``(H, W)`` or ``(D, H, W)``.
    measures
        Name, value and unit of what was measured, such as an area.
    classes_in_set
        Every class that cannot be ruled out at the bundle's coverage; it may be empty (none fits well). None where the
        bundle has no such rule.
    answered_by
        Name of the bundle whose answer stands, where there are two in a row.
    """

    file: str
    called: str
    is_positive: bool | None
    probabilities: tuple[float, ...]
    classes: tuple[str, ...]
    positive: str
    threshold_prob: float | None
    refer: str = ""
    marks: tuple[str, ...] = ()
    thresholds_prob: tuple[float, ...] = ()
    boxes: tuple[FoundBox, ...] = ()
    mask: ByteArray | None = field(default=None, repr=False, compare=False)
    measures: tuple[tuple[str, float, str], ...] = ()
    classes_in_set: tuple[str, ...] | None = None
    answered_by: str = ""

    @property
    def probability(self) -> float:
        """Probability of the class that is looked for."""
        return self.probabilities[self.classes.index(self.positive)]
