"""What is known of an official set of MedMNIST."""

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class MedmnistSet:
    """One official set.

    Parameters
    ----------
    md5
        Of the file with 28 px.
    larger
        MD5 of the files with 64, 128 and 224 px, by their side.
    positive
        The class that is looked for where none is named.
    task
        The question of the set; a multi-label or ordinal one is asked here as a classification.
    """

    md5: str
    classes: tuple[str, ...]
    positive: int
    modality: str
    may_flip: bool = False
    larger: dict[int, str] = field(default_factory=dict)
    task: Literal["binary", "multi-class", "multi-label", "ordinal"] = "multi-class"
    licence: str = "CC BY 4.0"
