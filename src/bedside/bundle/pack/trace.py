"""Requirement-to-test trace table of the ward (IEC 62304, 5.7.4: tests are traced to requirements)."""

from dataclasses import dataclass
from importlib.resources import files

from bedside.base.jsonform import from_json
from bedside.bundle.pack.checklists import cell_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """What the ward must do, and the tests that show it, as ``tests/FILE.py::NAME``."""

    id: str
    title: str
    text: str
    tests: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirements:
    """All of them."""

    requirements: tuple[Requirement, ...]


def load_requirements() -> tuple[Requirement, ...]:
    """Read the requirements from the package."""
    path = files("bedside.bundle.pack") / "lists" / "requirements.json"
    return from_json(Requirements, path.read_bytes(), where="requirements.json").requirements


def trace_markdown(version: str) -> str:
    """Write the table; `version` is that of bedside."""
    rows = [
        f"| {need.id} | {cell_text(need.title)} | {cell_text(need.text)} | "
        + " ".join(f"`{test}`" for test in need.tests)
        + " |"
        for need in load_requirements()
    ]
    head = (
        f"# Requirements of the ward and the tests that show them\n\nbedside {version}. The tests lie in its source "
        "and run with `make test`. Requirements of the product that the model is put into: TO DO (owner).\n\n"
        "| Id | Requirement | What it means | Tests |\n|---|---|---|---|\n"
    )
    return head + "\n".join(rows) + "\n"
