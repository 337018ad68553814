"""Boxes as sources find them: checked against the picture, clipped, or set aside with the reason."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from bedside.base.errors import BedsideError, CohortError
from bedside.data.boxes import Box
from bedside.data.case import Case, Part
from bedside.data.headers import read_header

LEAST_SIDE_PX = 1.0
"""A box that is thinner than this, after it was clipped, shows nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """A box as it stands in a file: label, corners in pixels, and where it stands (``boxes.csv line 7``)."""

    label: int
    x0_px: float
    y0_px: float
    x1_px: float
    y1_px: float
    where: str


@dataclass(slots=True)
class Gathering:
    """Cases and what was set aside, while a source reads; it ends as a cohort."""

    cases: list[Case] = field(default_factory=list)
    quarantined: dict[str, str] = field(default_factory=dict)

    def set_aside(self, name: str, reason: str) -> None:
        """Keep a reason under a name that no case and no other reason has."""
        n = sum(1 for known in self.quarantined if known.partition(" #")[0] == name)
        self.quarantined[f"{name} #{n + 1}" if n else name] = reason

    def add(
        self,
        case_id: str,
        path: Path,
        drawn: Iterable[Drawn],
        *,
        part: Part | None = None,
        patient_id: str | None = None,
        group: str | None = None,
        attributes: tuple[tuple[str, str], ...] = (),
        stated: tuple[int, int] | None = None,
    ) -> None:
        """Add one image with its boxes; an image without any is a case too.

        The picture's own header says how large it is; a file that cannot be read, or that is not as large as its
        annotation states (`stated`, height and width), is set aside. Boxes are clipped to the picture; what is left
        thinner than `LEAST_SIDE_PX`, or was not right way round, is set aside, box by box.
        """
        try:
            header = read_header(path)
        except (BedsideError, OSError) as error:
            self.set_aside(case_id, getattr(error, "message", str(error)))
            return
        size = (header.height or 0, header.width or 0)
        if stated is not None and min(stated) > 0 and stated != size:
            told, own = (f"{width} x {height}" for height, width in (stated, size))
            self.set_aside(case_id, f"its annotation says {told} px, the picture is {own} px")
            return
        kept = []
        for box in drawn:
            found, reason = clipped(box, size)
            if found is None:
                self.set_aside(f"{case_id}: {box.where}", reason)
            else:
                kept.append(found)
        self.cases.append(
            Case(
                case_id=case_id,
                label=0,
                path=path,
                boxes=tuple(kept),
                part=part,
                patient_id=patient_id,
                group=group,
                attributes=attributes,
            )
        )


def clipped(box: Drawn, size: tuple[int, int]) -> tuple[Box | None, str]:
    """The part of a box that lies in a picture of `size` (height, width), or None and the reason."""
    corners = (box.x0_px, box.y0_px, box.x1_px, box.y1_px)
    shown = ", ".join(f"{corner:g}" for corner in corners)
    if not all(abs(corner) < 1e9 for corner in corners):
        return None, f"its corners are {shown}"
    if box.x1_px <= box.x0_px or box.y1_px <= box.y0_px:
        return None, f"the box {shown} has no area"
    height, width = size
    x0, x1 = (min(max(x, 0.0), float(width)) for x in (box.x0_px, box.x1_px))
    y0, y1 = (min(max(y, 0.0), float(height)) for y in (box.y0_px, box.y1_px))
    if x1 <= x0 or y1 <= y0:
        return None, f"the box {shown} lies outside the picture of {width} x {height} px"
    if min(x1 - x0, y1 - y0) < LEAST_SIDE_PX:
        return None, f"of the box {shown} less than {LEAST_SIDE_PX:g} px is inside the picture"
    return Box(label=box.label, x0_px=x0, y0_px=y0, x1_px=x1, y1_px=y1), ""


def number(text: object) -> float:
    """Read a coordinate; NaN where it is none, so that the box is set aside with what stood there."""
    try:
        return float(str(text))
    except ValueError:
        return float("nan")


def positive_object(classes: tuple[str, ...], asked: str | None) -> int:
    """Index of the kind of object that was asked for; the first where none was.

    Raises
    ------
    CohortError
        If there is none of that name.
    """
    if asked is not None and asked not in classes:
        raise CohortError(f"no object called {asked!r}", expected="one of " + ", ".join(classes), hint="see --positive")
    return classes.index(asked) if asked is not None else 0


def held_out(parts: dict[str, Part]) -> dict[str, Part]:
    """Let the lists of a data set be parts: where there is no test list, the one called ``val`` is the held-out one.

    Public detection sets publish figures on it; tuning cases are then drawn from development.
    """
    if "test" in parts.values() or "tuning" not in parts.values():
        return parts
    return {name: "test" if part == "tuning" else part for name, part in parts.items()}
