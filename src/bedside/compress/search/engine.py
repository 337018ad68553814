"""The search itself: batches of trials are asked, costed, judged, measured where it pays, and told.

The trials of a batch are asked before any of them is told, and told in their order, so that the search comes out the
same wherever they are judged.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from bedside.compress.search.brief import SearchPlan, Tools
from bedside.compress.search.front import front_numbers, gains_of
from bedside.compress.search.journal import Asked, SearchJournal
from bedside.compress.search.judging import judged_batch, measured
from bedside.compress.search.pricing import Pricing, pricing_of, repriced
from bedside.compress.search.trial import SearchTrial


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
        for asked, trial in judged_batch(batch, done, plan, tools):
            journal.tell(asked, trial, tools.goals.goods(trial.quality or 0.0, trial.costs).tolist())
            done = (*done, trial)
            tools.on_trial(trial, len(done))
    return _confirmed(journal, tools, ended)


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
            journal.confirm(measured(trial, tools))
            tools.on_trial(trial, len(trials))
