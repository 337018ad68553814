"""The list of sources comes from the seam and from what each says of itself."""

import sys
from importlib.metadata import EntryPoint
from types import ModuleType

import pytest

from bedside.base import seam
from bedside.data.sources import SOURCES
from bedside.data.sources.listing import known_sources


def test_every_source_of_the_seam_is_listed_with_words_of_its_own() -> None:
    found = known_sources()
    assert {known.name.partition(":")[0] for known in found} == set(SOURCES.names())
    assert len({known.name for known in found}) == len(found)
    for known in found:
        assert known.name.partition(":")[2], known
        assert len(known.what) > 8, known
        assert known.state, known
    assert any(known.name == "folder:DIR" and "metadata.csv" in known.what for known in found)


def test_a_plugin_is_listed_by_its_docstring_and_a_broken_one_by_its_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("a_plugin", "``archive:HOST``: pictures of an archive.")

    def load(rest, options):
        """Load ``archive:HOST``."""

    load.__module__, module.load = "a_plugin", load  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "a_plugin", module)
    points = [
        EntryPoint("archive", "a_plugin:load", SOURCES.group),
        EntryPoint("broken", "no_such_module:load", SOURCES.group),
    ]
    monkeypatch.setattr(seam, "entry_points", lambda group: points)
    found = {known.name: known for known in known_sources()}
    assert found["archive:HOST"].what == "pictures of an archive"
    assert found["archive:HOST"].state == "your data"
    assert "no_such_module" in found["broken:"].what
