"""Which sources are known, and which of their data are on this machine."""

import re
import sys
from collections.abc import Callable

from bedside.base.errors import BedsideError
from bedside.data.sources import SOURCES, Source
from bedside.data.sources.known import KnownSource


def known_sources() -> list[KnownSource]:
    """List every source, built in or from a plugin.

    What a source is stands in the first line of its module's docstring, ```` ``NAME:WHAT``: in words ````. One that
    has names of its own to offer gives them as the module's function ``known_sources() -> list[KnownSource]``. A plugin
    that cannot be imported is listed with the reason.
    """
    return [known for name in SOURCES.names() for known in _known(name)]


def _known(name: str) -> list[KnownSource]:
    try:
        source = SOURCES.get(name)
    except (BedsideError, ImportError, AttributeError) as error:
        return [KnownSource(name=f"{name}:", what=f"cannot be loaded: {error}", state="broken")]
    module = sys.modules.get(getattr(source, "__module__", ""))
    offered: Callable[[], list[KnownSource]] | None = getattr(module, "known_sources", None)
    if offered is not None:
        return offered()
    rest, what = _told(name, module.__doc__ if module else None, source)
    return [KnownSource(name=f"{name}:{rest}", what=what, state="your folder" if rest == "DIR" else "your data")]


def _told(name: str, module_doc: str | None, source: Source) -> tuple[str, str]:
    """What follows the name, and what it is in words."""
    line = (module_doc or source.__doc__ or "a plugin's").strip().splitlines()[0]
    match = re.match(rf"``{re.escape(name)}:([^`]+)``:?\s*", line)
    if match is None:
        return "DIR", line.rstrip(".")
    return match[1], line[match.end() :].rstrip(".")
