"""Which trials of a front go on."""

from bedside.base.budget import Budget
from bedside.base.errors import BudgetError
from bedside.compress.search.engine import SearchResult
from bedside.compress.search.trial import SearchTrial


def finalists(result: SearchResult, budget: Budget, *, margin: float, n: int) -> tuple[SearchTrial, ...]:
    """Choose the trials of the front that go on: the best, and others that share its input size, `n` at most.

    Of those whose quality is within a tenth of the margin of the best one, the one with the fewest
    multiply-accumulates is first, as in `bedside.verify.selection.select`; then come the next best.

    Raises
    ------
    BudgetError
        If the front is empty; the nearest trial is named.
    """
    front = [result.trial(number) for number in result.front]
    if not front:
        raise _nothing_fits(result.trials, budget)
    best = max(trial.quality or 0.0 for trial in front)
    equals = [trial for trial in front if (trial.quality or 0.0) >= best - margin / 10]
    first = min(equals, key=lambda trial: (trial.features["mmacs"], trial.number))
    alike = [t for t in front if t.point["resolution_px"] == first.point["resolution_px"] and t is not first]
    return (first, *alike[: n - 1])


def _nothing_fits(trials: tuple[SearchTrial, ...], budget: Budget) -> BudgetError:
    nearest = min(trials, key=lambda trial: max(trial.excess.values(), default=0.0))
    over = {name: excess for name, excess in nearest.excess.items() if excess > 0}
    needed = ", ".join(f"--{name.replace('_', '-')} {nearest.costs[name].high:.3g}" for name in sorted(over))
    return BudgetError(
        f"none of {len(trials)} trials fits {budget}; the nearest is trial {nearest.number}",
        expected=str(budget),
        hint=f"a budget that would fit: {needed}" if needed else "search longer: --trials",
        refused={f"trial {t.number}": t.dropped for t in trials if t.dropped},
    )
