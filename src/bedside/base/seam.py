"""Plugin seams: names are strings until one is asked for."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from typing import Generic, TypeVar, cast

from bedside.base.errors import MissingPackageError, PluginError

PortT = TypeVar("PortT")


@dataclass(frozen=True, slots=True)
class Requirement:
    """A package that a plugin needs: the module to look for and the pip argument that provides it."""

    module: str
    pip: str


@dataclass(frozen=True, slots=True)
class Seam(Generic[PortT]):
    """A named set of plugins; third parties add theirs through the entry-point group `group`."""

    group: str
    built_in: Mapping[str, str] = field(default_factory=dict)

    def _points(self) -> dict[str, EntryPoint]:
        points = {point.name: point for point in entry_points(group=self.group)}
        for label, target in self.built_in.items():
            points.setdefault(label, EntryPoint(label, target, self.group))
        return points

    def names(self) -> list[str]:
        """Names of every plugin, built in or installed."""
        return sorted(self._points())

    def get(self, name: str) -> PortT:
        """Import the one plugin called `name`, or say which names exist.

        Raises
        ------
        PluginError
            If there is none; the closest name is suggested, never assumed.
        """
        points = self._points()
        if name not in points:
            near = difflib.get_close_matches(name, points, n=1)
            raise PluginError(
                f"no plugin called {name!r} in the group {self.group!r}",
                expected="one of " + ", ".join(sorted(points)),
                hint=f"did you mean {near[0]!r}?" if near else "install the package that provides it",
            )
        return cast(PortT, points[name].load())


def missing(requirements: tuple[Requirement, ...]) -> list[str]:
    """List the pip arguments of what is not installed."""
    return [need.pip for need in requirements if _absent(need.module)]


def _absent(module: str) -> bool:
    try:
        return find_spec(module) is None
    except ModuleNotFoundError:
        return True


def require(what: str, requirements: tuple[Requirement, ...]) -> None:
    """Raise `MissingPackageError` with the pip line if anything is not installed."""
    if lacking := missing(requirements):
        raise MissingPackageError(
            f"{what} needs packages that are not installed",
            expected=", ".join(lacking),
            hint="pip install " + " ".join(f"'{name}'" for name in lacking),
        )
