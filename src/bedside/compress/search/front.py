"""What the trials of a search have come to: the front, and its hypervolume trial by trial."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from bedside.compress.search.goals import Goals
from bedside.compress.search.hypervolume import front_of, hypervolume
from bedside.compress.search.trial import SearchTrial


def gains_of(trials: Sequence[SearchTrial], goals: Goals) -> tuple[float, ...]:
    """Hypervolume of the trials that fit, after each."""
    found: list[float] = []
    fitting: list[Any] = []
    for trial in trials:
        if trial.fits:
            fitting.append(goals.goods(trial.quality or 0.0, trial.costs))
            found.append(hypervolume(np.array(fitting), np.zeros(1 + len(goals.costs))))
        else:
            found.append(found[-1] if found else 0.0)
    return tuple(found)


def front_numbers(trials: Sequence[SearchTrial], goals: Goals) -> tuple[int, ...]:
    """Numbers of the trials that fit and are beaten by none, the highest quality first."""
    fitting = [trial for trial in trials if trial.fits]
    if not fitting:
        return ()
    best = front_of(np.array([goals.goods(trial.quality or 0.0, trial.costs) for trial in fitting]))
    kept = [trial for trial, is_best in zip(fitting, best, strict=True) if is_best]
    return tuple(trial.number for trial in sorted(kept, key=lambda t: (-(t.quality or 0.0), t.number)))
