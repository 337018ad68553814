"""The test tree itself: pytest imports test files by their bare names, so no two may share one."""

from collections import Counter
from pathlib import Path


def test_every_test_file_has_a_name_of_its_own() -> None:
    names = Counter(path.name for path in Path(__file__).parents[1].rglob("test_*.py"))
    assert len(names) > 100
    assert [name for name, n in names.items() if n > 1] == []
