"""Which cases stand for what: the strata that a balanced choice of cases, and a balanced mean, go by."""

import numpy as np

from bedside.base.arrays import BoolArray, IntArray
from bedside.base.task import TaskKind
from bedside.data.boxes import NO_BOX
from bedside.data.targets import Targets


def strata_of(targets: Targets, kind: TaskKind) -> IntArray:
    """Stratum of each case, ``(n,)``, from 0: its class; else the rarest thing that it shows.

    Parameters
    ----------
    targets
        ``(n, ...)`` as `bedside.data.targets.targets_of` gives them: classes and grades ``(n,)``, marks ``(n, K)``,
        label maps ``(n, H, W)`` or ``(n, D, H, W)``, boxes ``(n, M, 5)``.

    Notes
    -----
    A case of several findings counts for the one that fewest cases show, so that there are no more strata than things
    to find, and one of cases that show none of them. The background of a label map is no thing to find.
    """
    if kind in ("classification", "ordinal"):
        return targets.astype(np.int64)
    shown = _shown(targets, kind)
    n_showing = np.where(shown, shown.sum(0), len(shown) + 1)
    return np.where(shown.any(1), 1 + n_showing.argmin(1), 0)


def _shown(targets: Targets, kind: TaskKind) -> BoolArray:
    """Whether a case shows each thing, ``(n, K)``."""
    if kind == "multilabel":
        return targets == 1
    cells = (targets[..., 0] if kind == "detection" else targets).reshape(len(targets), -1)
    classes = np.unique(cells[cells != NO_BOX]) if kind == "detection" else np.unique(cells[cells != 0])
    return np.stack([(cells == k).any(1) for k in classes], 1) if len(classes) else np.zeros((len(targets), 1), bool)
