"""Every benchmark can be started: what it imports is there."""

import ast
import importlib
import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = sorted((ROOT / "benchmarks").rglob("*.py"))


def imported(file: Path) -> set[tuple[str, str]]:
    """Modules of ours and the names that a file takes from them, inside functions too."""
    found = (node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.ImportFrom))
    ours = (node for node in found if (node.module or "").split(".")[0] in {"bedside", "benchmarks"})
    return {(str(node.module), name.name) for node in ours for name in node.names}


def is_there(module: str, name: str) -> bool:
    """Whether a module has the name, or is a package with a module of that name."""
    return hasattr(importlib.import_module(module), name) or importlib.util.find_spec(f"{module}.{name}") is not None


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_what_a_benchmark_imports_is_there(file: Path) -> None:
    missing = [f"{module}.{name}" for module, name in imported(file) if not is_there(module, name)]
    assert not missing
