"""How long a search goes on, and what it works with."""

from collections.abc import Callable
from dataclasses import dataclass, field

from bedside.base.errors import InputError
from bedside.base.journal import Journal
from bedside.compress.recipe import Recipe
from bedside.compress.search.goals import Goals
from bedside.compress.search.oracle import QualityOracle
from bedside.compress.search.sketching import Frame
from bedside.compress.search.space import Point
from bedside.compress.search.spread import Here, Spread
from bedside.compress.search.trial import SearchTrial

Measure = Callable[[Recipe, Point], dict[str, float]]
"""Makes the file of a recipe and measures it on the target runtime: `QUANTITIES` by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchPlan:
    """How long a search goes on.

    Parameters
    ----------
    batch
        Trials that are asked for at once.
    n_design
        First trials with a quality that are measured, whatever they promise: the predictor learns from them.
    n_measured
        After so many measured files only the front that is left at the end is measured.
    patience, min_gain_frac
        The search ends early when so many trials have not raised the hypervolume by this share.
    max_repeats
        A trial that repeats an earlier one is given up. After so many in a batch the sampler has nothing new to say,
        and points are drawn at random; after ten times as many the space is taken to be used up.
    """

    n_trials: int = 60
    batch: int = 4
    n_design: int = 12
    n_measured: int = 24
    patience: int = 40
    min_gain_frac: float = 0.002
    max_repeats: int = 6

    def __post_init__(self) -> None:
        if min(self.n_trials, self.batch, self.patience) < 1 or min(self.n_design, self.n_measured) < 0:
            raise InputError(
                f"a search of {self.n_trials} trials in batches of {self.batch}, patience {self.patience}",
                expected="1 or more of each", hint="60 trials are a fair start",
            )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What a search works with.

    Without `measure` costs are those on paper. `answers` keeps the oracle's answers and the measured files. With
    `rounds` a candidate in int8 is scored as its file would answer, which a space of one precision does not need.
    """

    frame: Frame
    goals: Goals
    oracle: QualityOracle
    answers: Journal
    measure: Measure | None = None
    rounds: bool = False
    spread: Spread = field(default_factory=Here)
    on_trial: Callable[[SearchTrial, int], None] = lambda trial, n_done: None
