"""Installed packages and what they need, read from their own metadata (PEP 566, 610, 639)."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from typing import Any

from bedside.base.seam import Requirement, require

_NEEDS = (Requirement("packaging", "bedside[workshop]"),)
_SPDX = {  # "BSD License" names a family: no identifier follows from it, so it is given by name
    "MIT License": "MIT",
    "Apache Software License": "Apache-2.0",
    "ISC License (ISCL)": "ISC",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
    "Historical Permission Notice and Disclaimer (HPND)": "HPND",
    "The Unlicense (Unlicense)": "Unlicense",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """One installed distribution.

    Parameters
    ----------
    licences
        In CycloneDX's form, as the package states them.
    archive_sha256
        Of the archive that it was installed from, where the installer wrote it down (PEP 610).
    record_sha256
        Of its RECORD, which lists the digest of every installed file.
    needs
        Names of the packages that it needs here.
    """

    name: str
    version: str
    licences: tuple[dict[str, Any], ...] = ()
    archive_sha256: str = ""
    record_sha256: str = ""
    needs: tuple[str, ...] = field(default=())
    is_optional: bool = False

    @property
    def purl(self) -> str:
        """Package URL."""
        return f"pkg:pypi/{self.name}@{self.version}"


def closure(roots: Sequence[str], *, is_optional: bool = False) -> Mapping[str, Package]:
    """Follow the requirements of `roots` that hold on this machine, extras only where they are asked for.

    A package that is not installed is left out: it is not part of what runs here.

    Raises
    ------
    MissingPackageError
        If `packaging` is not installed.
    """
    require("writing the bill of materials", _NEEDS)
    from packaging.requirements import Requirement as Wanted

    found: dict[str, Package] = {}
    asked: dict[str, set[str]] = {}
    waiting = [Wanted(root) for root in roots]
    while waiting:
        wanted = waiting.pop()
        name = _canonical(wanted.name)
        if name in asked and wanted.extras <= asked[name]:
            continue
        asked[name] = asked.get(name, set()) | wanted.extras
        try:
            installed = distribution(wanted.name)
        except PackageNotFoundError:
            continue
        needs = _needs(installed, asked[name])
        found[name] = _package(name, installed, tuple(sorted(_canonical(n.name) for n in needs)), is_optional)
        waiting += needs
    return found


def _canonical(name: str) -> str:
    from packaging.utils import canonicalize_name

    return canonicalize_name(name)


def _needs(installed: Distribution, extras: set[str]) -> list[Any]:
    from packaging.requirements import Requirement as Wanted

    wanted = [Wanted(line) for line in installed.requires or ()]
    return [
        need
        for need in wanted
        if need.marker is None or any(need.marker.evaluate({"extra": extra}) for extra in ("", *sorted(extras)))
    ]


def _package(name: str, installed: Distribution, needs: tuple[str, ...], is_optional: bool) -> Package:
    record = installed.read_text("RECORD")
    return Package(
        name=name,
        version=installed.version,
        licences=_licences(installed),
        archive_sha256=_archive_sha256(installed),
        record_sha256=sha256(_lasting(record).encode()).hexdigest() if record else "",
        needs=tuple(dict.fromkeys(needs)),
        is_optional=is_optional,
    )


def _lasting(record: str) -> str:
    """Lines with a digest: compiled files have none, and come and go."""
    return "\n".join(sorted(line for line in record.splitlines() if ",sha256=" in line and ".dist-info/" not in line))


def _archive_sha256(installed: Distribution) -> str:
    text = installed.read_text("direct_url.json")
    hashes = json.loads(text).get("archive_info", {}).get("hashes", {}) if text else {}
    return str(hashes.get("sha256", ""))


def _licences(installed: Distribution) -> tuple[dict[str, Any], ...]:
    meta = installed.metadata
    if expressions := meta.get_all("License-Expression"):
        return ({"expression": expressions[0]},)
    heads = "License :: OSI Approved :: "
    named = [c.removeprefix(heads) for c in meta.get_all("Classifier") or () if c.startswith(heads)]
    if named:
        return tuple({"license": _license(name)} for name in named)
    stated = " ".join(meta.get_all("License") or ()).strip().splitlines()
    return ({"license": {"name": stated[0][:120]}},) if stated and stated[0] else ()


def _license(name: str) -> dict[str, str]:
    return {"id": _SPDX[name]} if name in _SPDX else {"name": name}
