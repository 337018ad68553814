"""What happens to images in practice, one file a modality: `sample` throws the dice, a value changes the image."""

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, ClassVar, Literal, Protocol, get_args

from bedside.base.arrays import FloatArray
from bedside.base.errors import InputError
from bedside.base.seam import Seam

if TYPE_CHECKING:
    import numpy as np

Family = Literal["xray", "ultrasound", "mri", "ct", "camera", "general"]
FAMILIES: tuple[Family, ...] = get_args(Family)
SEVERITIES = (1, 2, 3, 4, 5)
"""From barely seen (1) to what a technician would send back (5)."""


class Change(Protocol):
    """A corruption already decided: a frozen value that can be logged and replayed."""

    def __call__(self, image: FloatArray) -> FloatArray:
        """Change one ``(C, H, W)`` float image in [0, 1]; what leaves that range is clipped by the caller."""
        ...


class Corruption(Protocol):
    """The distribution over one kind of change; a class with the class method `sample` is one."""

    families: ClassVar[tuple[Family, ...]]

    def sample(self, rng: "np.random.Generator", severity: int) -> Change:
        """Decide for one image; `severity` is 1 to 5, `rng` the caller's, never the global one."""
        ...


CORRUPTIONS: Seam[Corruption] = Seam(
    "bedside.corruptions",
    {
        "exposure": "bedside.data.corruptions.xray:Exposure",
        "scatter": "bedside.data.corruptions.xray:Scatter",
        "grid lines": "bedside.data.corruptions.xray:GridLines",
        "rotation": "bedside.data.corruptions.xray:Rotation",
        "marker": "bedside.data.corruptions.xray:Marker",
        "gain": "bedside.data.corruptions.ultrasound:Gain",
        "depth": "bedside.data.corruptions.ultrasound:Depth",
        "shadow": "bedside.data.corruptions.ultrasound:Shadow",
        "probe angle": "bedside.data.corruptions.ultrasound:ProbeAngle",
        "speckle": "bedside.data.corruptions.ultrasound:Speckle",
        "bias field": "bedside.data.corruptions.mri:BiasField",
        "ghosting": "bedside.data.corruptions.mri:Ghosting",
        "motion": "bedside.data.corruptions.mri:Motion",
        "rician noise": "bedside.data.corruptions.mri:RicianNoise",
        "dose noise": "bedside.data.corruptions.ct:DoseNoise",
        "streaks": "bedside.data.corruptions.ct:Streaks",
        "window error": "bedside.data.corruptions.ct:WindowError",
        "blur": "bedside.data.corruptions.camera:Blur",
        "glare": "bedside.data.corruptions.camera:Glare",
        "jpeg": "bedside.data.corruptions.camera:Jpeg",
        "colour cast": "bedside.data.corruptions.camera:ColourCast",
    },
)

_WORDS: dict[Family, frozenset[str]] = {
    "xray": frozenset({"xray", "ray", "radiograph", "radiography", "cr", "dx", "mammography", "mg", "cxr"}),
    "ultrasound": frozenset({"ultrasound", "us", "sonography", "echocardiography", "echo", "pocus"}),
    "mri": frozenset({"mri", "mr", "magnetic"}),
    "ct": frozenset({"ct", "tomography", "cbct"}),
    "camera": frozenset(
        {"dermoscopy", "endoscopy", "colonoscopy", "photo", "photography", "fundus", "histology", "microscopy",
         "pathology", "es", "xc", "gm", "sm", "op", "camera"}
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """The corruptions that belong to a modality.

    Parameters
    ----------
    fallback
        Why the general set stands in, or an empty string.
    """

    modality: str
    family: Family
    names: tuple[str, ...]
    fallback: str = ""


def suite_for(modality: str, family: Family | None = None) -> Suite:
    """Choose the corruptions of a cohort's modality, as its source writes it ("X-ray", "ultrasound (simulated)", ...).

    A modality that is unknown, or that no set is made for (OCT), gets the general set, and the suite says so.

    Parameters
    ----------
    family
        Overrules the choice by words.

    Examples
    --------
    >>> suite_for("X-ray").names
    ('exposure', 'grid lines', 'marker', 'rotation', 'scatter')
    >>> suite_for("OCT").fallback
    "no set of corruptions is made for the modality 'OCT'; the general set stands in"
    """
    if family is not None and family not in FAMILIES:
        raise InputError(f"no modality family called {family!r}", expected="one of " + ", ".join(FAMILIES))
    words = set(re.findall(r"[a-z]+", modality.lower()))
    chosen: Family | None = family or next((name for name, known in _WORDS.items() if words & known), None)
    lacking = f"no set of corruptions is made for the modality {modality!r}; the general set stands in"
    found: Family = chosen or "general"
    names = tuple(name for name, families in _families().items() if found in families)
    return Suite(modality=modality, family=found, names=names, fallback="" if chosen else lacking)


@cache
def _families() -> dict[str, tuple[Family, ...]]:
    """Families of every corruption, built in or installed, by name."""
    return {name: CORRUPTIONS.get(name).families for name in CORRUPTIONS.names()}


def strength(severity: int, steps: tuple[float, float, float, float, float]) -> float:
    """Strength of a severity.

    Raises
    ------
    InputError
        If the severity is not 1 to 5.
    """
    if severity not in SEVERITIES:
        raise InputError(f"a severity of {severity}", expected="1, 2, 3, 4 or 5", hint="see --severity")
    return steps[severity - 1]
