"""Folders of this user: cache and settings."""

import os
from pathlib import Path


def cache_folder() -> Path:
    """``$BEDSIDE_CACHE``, else ``$XDG_CACHE_HOME/bedside``, else ``~/.cache/bedside``."""
    if os.environ.get("BEDSIDE_CACHE"):
        return Path(os.environ["BEDSIDE_CACHE"])
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "bedside"
