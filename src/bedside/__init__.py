"""Medical images and a device budget in; a small, verified, signed model for the point of care out.

The names below are the public door. They are imported when first used, so that ``import bedside`` costs next to
nothing and the ward never touches torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from bedside.base.version import VERSION

if TYPE_CHECKING:
    from bedside.base.budget import Budget
    from bedside.base.errors import BedsideError
    from bedside.base.estimate import Estimate
    from bedside.bundle.opening import Bundle, open_bundle
    from bedside.data.sources import load_cohort
    from bedside.pipeline import optimize
    from bedside.serve.predicting import Predictor

__version__ = VERSION

_HOME = {
    "BedsideError": "bedside.base.errors",
    "Budget": "bedside.base.budget",
    "Bundle": "bedside.bundle.opening",
    "Estimate": "bedside.base.estimate",
    "Predictor": "bedside.serve.predicting",
    "load_cohort": "bedside.data.sources",
    "open_bundle": "bedside.bundle.opening",
    "optimize": "bedside.pipeline",
}

__all__ = [
    "BedsideError",
    "Budget",
    "Bundle",
    "Estimate",
    "Predictor",
    "__version__",
    "load_cohort",
    "open_bundle",
    "optimize",
]


def __getattr__(name: str) -> Any:
    """Import a public name from its room when it is first asked for (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module 'bedside' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    """List the public names."""
    return sorted(__all__)
