"""What a model says of one image, clip or volume."""

from dataclasses import dataclass, field

from bedside.base.arrays import ByteArray

REFER = "refer"
"""What stands in the place of a class when the bundle's gate does not accept an image, or the call is too unsure."""

NOTHING = "none"
"""What stands there when none of several findings is called."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundBox:
    """One object: what it is called, how certain that is, and where it lies in the image.

    `spacing_mm` are the row and column spacing of the image; None where its file states none.
    """

    name: str
    probability: float
    x0_px: float
    y0_px: float
    x1_px: float
    y1_px: float
    spacing_mm: tuple[float, float] | None = None

    @property
    def area_px(self) -> float:
        """Area of the box in pixels of the image."""
        return (self.x1_px - self.x0_px) * (self.y1_px - self.y0_px)

    @property
    def area_mm2(self) -> float | None:
        """Area of the box; None where the size of a pixel is not known."""
        return None if self.spacing_mm is None else self.area_px * self.spacing_mm[0] * self.spacing_mm[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlined:
    """How much of one kind of tissue was outlined, and in how many pieces.

    Parameters
    ----------
    n_cells
        Pixels, or voxels of a volume.
    n_findings
        Pieces that nowhere touch each other, not even at a corner.
    size
        In mm² or, of a volume, in mL; None where the size of a cell is not known.
    diameter_px, diameter_mm
        Longest line between two points on the edge of one piece, of volumes within an axial plane (and in mm only);
        None where nothing is outlined, and in mm where the size of a cell is not known.
    """

    name: str
    is_volume: bool
    n_cells: int
    n_findings: int
    size: float | None = None
    diameter_px: float | None = None
    diameter_mm: float | None = None

    def measures(self) -> tuple[tuple[str, float, str], ...]:
        """Name, value and unit of each, in mm where that is known."""
        what, unit, cell = ("volume", "mL", "voxels") if self.is_volume else ("area", "mm²", "px")
        size, unit = (float(self.n_cells), cell) if self.size is None else (self.size, unit)
        rows = [
            (f"{what} of {self.name}", size, unit),
            (f"findings of {self.name}", float(self.n_findings), ""),
        ]
        if self.diameter_mm is not None:
            rows.append((f"diameter of {self.name}", self.diameter_mm, "mm"))
        elif self.diameter_px is not None:
            rows.append((f"diameter of {self.name}", self.diameter_px, "px"))
        return tuple(rows)


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
    outlined
        What was measured of each kind of tissue but the background; empty where the image is referred.
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
    outlined: tuple[Outlined, ...] = ()
    classes_in_set: tuple[str, ...] | None = None
    answered_by: str = ""

    @property
    def probability(self) -> float:
        """Probability of the class that is looked for."""
        return self.probabilities[self.classes.index(self.positive)]

    @property
    def measures(self) -> tuple[tuple[str, float, str], ...]:
        """Name, value and unit of what was measured, such as an area."""
        return tuple(row for outlined in self.outlined for row in outlined.measures())
