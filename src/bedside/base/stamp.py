"""Lineage: which stop made what, from what."""

import platform
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from bedside.base.digest import Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """One stop's mark in the lineage of a bundle."""

    stop: str
    digest: Digest
    parents: tuple[Digest, ...] = ()
    note: str = ""


def versions_of(packages: tuple[str, ...]) -> dict[str, str]:
    """Installed versions of `packages`, and of Python; absent ones are left out."""
    found = {"python": platform.python_version()}
    for name in packages:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
