"""What is searched over: axes of choices, some of which exist only beside certain others."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from bedside.base.digest import Digest, digest_value
from bedside.base.errors import InputError
from bedside.compress.recipe import Option

Point = dict[str, Option]
"""One choice of each axis that exists there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """One decision.

    Parameters
    ----------
    choices
        What can be chosen; where `ordered`, neighbours are alike (widths, sizes), so that a sampler may interpolate.
    only
        Other axes and those of their choices beside which this one exists; empty for always.
    """

    name: str
    choices: tuple[Option, ...]
    ordered: bool = True
    only: dict[str, tuple[Option, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.choices or len(set(self.choices)) < len(self.choices):
            raise InputError(f"the axis {self.name} has the choices {self.choices}", expected="one or more, none twice",
                             hint="leave the axis out, or drop the copies")  # fmt: skip

    def exists(self, point: Point) -> bool:
        """Whether the axis is there beside what has been chosen already."""
        return all(point.get(name) in allowed for name, allowed in self.only.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchSpace:
    """Axes in the order in which they are decided; a condition names earlier axes only."""

    axes: tuple[Axis, ...]

    def __post_init__(self) -> None:
        known: set[str] = set()
        for axis in self.axes:
            if axis.name in known or not set(axis.only) <= known:
                raise InputError(
                    f"the axis {axis.name} stands twice or depends on a later one", expected="each axis once, in order",
                    hint="reorder the axes",
                )  # fmt: skip
            known.add(axis.name)

    def digest(self) -> Digest:
        """Digest of every axis: another space is another search."""
        return digest_value(self)

    def walk(self, choose: Callable[[Axis], Option]) -> Point:
        """Decide every axis that exists, in order."""
        point: Point = {}
        for axis in self.axes:
            if axis.exists(point):
                point[axis.name] = choose(axis)
        return point

    def n_points(self) -> int:
        """How many points there are."""
        counts: dict[tuple[tuple[str, Option], ...], int] = {(): 1}
        asked = {name for axis in self.axes for name in axis.only}
        for axis in self.axes:
            grown: dict[tuple[tuple[str, Option], ...], int] = {}
            for known, count in counts.items():
                found = [(axis.name, choice) for choice in axis.choices] if axis.exists(dict(known)) else [None]
                for one in found:
                    key = (*known, one) if one is not None and axis.name in asked else known
                    grown[key] = grown.get(key, 0) + count
            counts = grown
        return sum(counts.values())

    def label(self, point: Point) -> str:
        """Show a point in few characters, such as ``family=fire width=0.5``."""
        return " ".join(f"{name}={value}" for name, value in point.items())


def sampled(space: SearchSpace, n: int, *, seed: int = 0) -> list[Point]:
    """Draw points: the first and the last choice of every axis, and `n` at random."""
    rng = np.random.default_rng(seed)
    ends = [space.walk(lambda axis, place=place: axis.choices[place]) for place in (0, -1)]
    return ends + [space.walk(lambda axis: axis.choices[int(rng.integers(len(axis.choices)))]) for _ in range(n)]
