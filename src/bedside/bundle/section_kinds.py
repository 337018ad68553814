"""The kinds of the values that sections put into ``report.json``, for its schema; a plugin's section is left open."""

from typing import Any

from bedside.base.jsonform import json_schema
from bedside.verify.abstention import AbstentionEvidence
from bedside.verify.gaze import ExplanationReport
from bedside.verify.int8_tries import Int8Reports
from bedside.verify.outliers import GateEvidence
from bedside.verify.robustness import Robustness
from bedside.verify.shortcuts import ShortcutReport
from bedside.verify.subgroup_evidence import SubgroupEvidence
from bedside.verify.tile_evidence import TileEvidence
from bedside.verify.usefulness import Usefulness
from bedside.verify.volume_robustness import VolumeRobustness

SECTION_KINDS: dict[str, type] = {
    "usefulness": Usefulness,
    "subgroups": SubgroupEvidence,
    "abstention": AbstentionEvidence,
    "gaze": ExplanationReport,
    "robustness": Robustness,
    "gate": GateEvidence,
    "int8": Int8Reports,
    "shortcuts": ShortcutReport,
    "tiles": TileEvidence,
    "spoilt-volumes": VolumeRobustness,
}
"""By the anchor of the section."""


def with_sections(schema: dict[str, Any]) -> dict[str, Any]:
    """Say in the schema of the report what the sections of `SECTION_KINDS` hold; others are left open."""
    made = {**schema, "$defs": dict(schema["$defs"]), "properties": dict(schema["properties"])}
    known = {}
    for anchor, kind in SECTION_KINDS.items():
        own = json_schema(kind)
        made["$defs"] |= {name: value for name, value in own.pop("$defs", {}).items() if name not in made["$defs"]}
        own.pop("$schema")
        made["$defs"][kind.__name__] = own
        known[anchor] = {"$ref": f"#/$defs/{kind.__name__}"}
    made["properties"]["sections"] = {**schema["properties"]["sections"], "properties": known}
    return made
