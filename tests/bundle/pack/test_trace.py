"""Each requirement names tests that exist."""

import ast
from pathlib import Path

import pytest

from bedside.bundle.pack.trace import Requirement, load_requirements, trace_markdown

ROOT = Path(__file__).parents[3]


def functions_of(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("need", load_requirements(), ids=lambda need: need.id)
def test_every_named_test_exists(need: Requirement) -> None:
    assert need.tests
    for test in need.tests:
        file, _, name = test.partition("::")
        assert name.startswith("test_")
        assert name in functions_of(ROOT / file), test


def test_ids_are_unique_and_in_order() -> None:
    ids = [need.id for need in load_requirements()]
    assert ids == sorted(set(ids))


def test_the_table_names_every_requirement_and_test() -> None:
    text = trace_markdown("1.2.3")
    assert "bedside 1.2.3" in text
    for need in load_requirements():
        assert f"| {need.id} | {need.title} |" in text
        assert all(f"`{test}`" in text for test in need.tests)
