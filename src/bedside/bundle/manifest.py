"""The manifest: what a bundle is, what it asks for, and the digest of every file in it."""

from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

from pydantic import ConfigDict

from bedside.base.digest import Digest
from bedside.base.jsonform import json_schema
from bedside.base.task import Task
from bedside.data.preprocess import Preprocess
from bedside.runtime.artifact import Artifact
from bedside.verify.operating_point import OperatingPoint

SCHEMA_VERSION = 1

MEASURED_FILES = (
    "evidence/int8.json",
    "evidence/profile.json",
    "evidence/tiles.json",
    "evidence/trials.json",
    "model_card.md",
    "report.html",
    "report.json",
)
"""Files that hold measured times; they differ between two equal runs and stay out of the content digest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShippedModel:
    """One model file with the operating point that was locked on its own outputs."""

    artifact: Artifact
    point: OperatingPoint
    golden_tolerance_prob: float


@dataclass(frozen=True, slots=True, kw_only=True)
class IntendedUse:
    """For whom and for what; what the run cannot know is left to its owner."""

    purpose: str
    population: str = "TO DO (owner)"
    setting: str = "TO DO (owner)"
    user: str = "TO DO (owner)"
    limits: str = "Research use. Not for diagnosis. Not evaluated outside the cohort named here."


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """The head of a bundle.

    Parameters
    ----------
    models
        The first one is the one that the evidence is about.
    files
        SHA-256 of every file in the bundle but the manifest and its signature, by path.
    content_digest
        Digest of everything that a repeated run with the same seed reproduces.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    schema_version: int
    name: str
    bedside_version: str
    created: str
    task: Task
    preprocess: Preprocess
    models: tuple[ShippedModel, ...]
    intended_use: IntendedUse
    cohort: str
    cohort_digest: Digest
    is_phantom: bool
    content_digest: Digest
    files: dict[str, Digest] = field(default_factory=dict)


def manifest_schema() -> dict[str, Any]:
    """JSON Schema of the manifest, as it is kept in the package."""
    import json

    return json.loads((files("bedside.bundle") / "schema" / f"manifest-{SCHEMA_VERSION}.json").read_text())


def current_schema() -> dict[str, Any]:
    """JSON Schema of the manifest, made from the code; equal to `manifest_schema`."""
    return json_schema(Manifest)
