"""The search itself: batches of trials are asked, costed, judged, measured where it pays, and told.

The trials of a batch are asked before any of them is told, and told in their order, so that the search comes out the
same wherever they are judged.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from bedside.base.errors import InputError
from bedside.base.journal import Journal
from bedside.compress.recipe import Recipe
from bedside.compress.search.goals import Goals, Priced
from bedside.compress.search.hypervolume import front_of, hypervolume
from bedside.compress.search.journal import Asked, SearchJournal
from bedside.compress.search.oracle import QualityOracle
from bedside.compress.search.pricing import Pricing, pricing_of, repriced
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

    Without `measure` costs are those on paper. `answers` keeps the oracle's answers and the measured files.
    """

    frame: Frame
    goals: Goals
    oracle: QualityOracle
    answers: Journal
    measure: Measure | None = None
    spread: Spread = field(default_factory=Here)
    on_trial: Callable[[SearchTrial, int], None] = lambda trial, n_done: None


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchResult:
    """What came of a search.

    Parameters
    ----------
    front
        Numbers of the trials that fit and that no other one beats, the highest quality first.
    gains
        Hypervolume after each trial, ``(n_trials,)``.
    ended
        Why it ended.
    """

    trials: tuple[SearchTrial, ...]
    front: tuple[int, ...]
    gains: tuple[float, ...]
    ended: str
    pricing: Pricing

    def trial(self, number: int) -> SearchTrial:
        """Return a trial by its number."""
        return next(trial for trial in self.trials if trial.number == number)


def search(journal: SearchJournal, plan: SearchPlan, tools: Tools) -> SearchResult:
    """Search until the trials are used up or bring nothing more; then measure whatever the front still guesses.

    A journal with trials in it goes on where it was.
    """
    ended = f"{plan.n_trials} trials"
    while len(done := journal.trials()) < plan.n_trials:
        if _is_idle(gains_of(done, tools.goals), plan):
            ended = f"no gain in hypervolume for {plan.patience} trials"
            break
        batch = _batch(journal, plan, done)
        if not batch:
            ended = "every point of the space was tried"
            break
        for asked, trial in _told_order(batch, done, plan, tools):
            journal.tell(asked, trial, tools.goals.goods(trial.quality or 0.0, trial.costs).tolist())
            done = (*done, trial)
            tools.on_trial(trial, len(done))
    return _confirmed(journal, tools, ended)


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


def _is_idle(gains: Sequence[float], plan: SearchPlan) -> bool:
    if len(gains) <= plan.patience or not gains[-1]:
        return False
    return gains[-1] < gains[-1 - plan.patience] * (1 + plan.min_gain_frac)


def _batch(journal: SearchJournal, plan: SearchPlan, done: Sequence[SearchTrial]) -> list[Asked]:
    """Ask for a batch without repeats, or finish the one that a killed run had asked for."""
    batch = journal.pending()
    seen = [trial.point for trial in done] + [asked.point for asked in batch]
    wanted, n_repeats = min(plan.batch, plan.n_trials - len(done)), 0
    while len(batch) < wanted and n_repeats <= 11 * plan.max_repeats:
        asked = journal.ask(at_random=n_repeats > plan.max_repeats)
        if asked.point in seen:
            journal.discard(asked)
            n_repeats += 1
        else:
            batch.append(asked)
            seen.append(asked.point)
    return batch


def _told_order(
    batch: Sequence[Asked], done: Sequence[SearchTrial], plan: SearchPlan, tools: Tools
) -> list[tuple[Asked, SearchTrial]]:
    """Cost, judge and measure a batch."""
    pricing = pricing_of(done, tools.goals)
    sketches = [_sketched(asked, pricing, tools) for asked in batch]
    qualities = _qualities([s for s in sketches if not s.dropped], tools)
    found = []
    for asked, sketch in zip(batch, sketches, strict=True):
        trial = sketch
        if not sketch.dropped:
            trial = _answered(sketch, qualities[sketch.number])
        if tools.measure and _is_worth_measuring(trial, (*done, *(t for _, t in found)), plan, tools.goals):
            trial = _measured(trial, tools)
        found.append((asked, trial))
    return found


def _answered(sketch: SearchTrial, answer: float | str) -> SearchTrial:
    if isinstance(answer, str):
        return replace(sketch, dropped=answer)
    if math.isnan(answer):
        return replace(sketch, dropped="its score is not a number")
    return replace(sketch, quality=answer)


def _sketched(asked: Asked, pricing: Pricing, tools: Tools) -> SearchTrial:
    features = tools.frame.features(asked.point)
    costs = pricing.costs(features, tools.frame.paper(features))
    return SearchTrial(
        number=asked.number, point=asked.point, features=features, quality=None, costs=costs,
        excess=tools.goals.excess(costs), dropped=tools.goals.surely_over(costs),
    )  # fmt: skip


def _qualities(sketches: Sequence[SearchTrial], tools: Tools) -> dict[int, float | str]:
    """Ask the oracle about those that it has not answered before."""
    recipes = {trial.number: tools.frame.recipe(trial.point) for trial in sketches}
    inputs = {number: [tools.oracle.digest(), recipe] for number, recipe in recipes.items()}
    fresh = [number for number in recipes if not tools.answers.holds("quality", inputs[number])]
    answers = dict(
        zip(fresh, tools.spread.judge(tools.oracle, [recipes[number] for number in fresh]), strict=True)
    )  # fmt: skip
    return {
        number: tools.answers.stop("quality", float | str, inputs[number], lambda number=number: answers[number])  # type: ignore[arg-type]
        for number in recipes
    }


def _is_worth_measuring(
    trial: SearchTrial, done: Sequence[SearchTrial], plan: SearchPlan, goals: Goals
) -> bool:  # fmt: skip
    """Whether it belongs to the design, or would be on the front at the low end of its bands."""
    n_measured = sum(other.is_measured for other in done)
    if trial.quality is None or n_measured >= plan.n_measured:
        return False
    if n_measured < plan.n_design:
        return True
    hopeful = {name: replace(priced, value=priced.low) for name, priced in trial.costs.items()}
    if any(over > 0 for over in goals.excess(hopeful).values()):
        return False
    mine = goals.goods(trial.quality, hopeful)
    others = [goals.goods(other.quality or 0.0, other.costs) for other in done if other.fits]
    return not any((other >= mine).all() for other in others)


def _measured(trial: SearchTrial, tools: Tools) -> SearchTrial:
    assert tools.measure is not None
    measured = tools.measure(tools.frame.recipe(trial.point), trial.point)
    costs = {name: Priced(value=v, low=v, high=v, origin="measured") for name, v in measured.items()}
    latency = trial.costs["latency_p50_ms"]
    return replace(
        trial, costs=costs, excess=tools.goals.excess(costs),
        foretold_ms=latency.value if latency.origin == "predicted" else None,
    )  # fmt: skip


def _confirmed(journal: SearchJournal, tools: Tools, ended: str) -> SearchResult:
    """Measure whatever the front still guesses, until it guesses nothing."""
    while True:
        pricing = pricing_of(journal.trials(), tools.goals)
        trials = tuple(repriced(trial, pricing, tools.goals) for trial in journal.trials())
        front = front_numbers(trials, tools.goals)
        guessed = [trial for trial in trials if trial.number in front and not trial.is_measured]
        if not guessed or tools.measure is None:
            return SearchResult(
                trials=trials, front=front, gains=gains_of(trials, tools.goals), ended=ended, pricing=pricing
            )
        for trial in guessed:
            journal.confirm(_measured(trial, tools))
            tools.on_trial(trial, len(trials))
