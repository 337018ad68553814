"""A batch becomes trials: costed on paper, judged by the oracle, measured where it pays."""

import math
from collections.abc import Sequence
from dataclasses import replace

from bedside.compress.search.brief import SearchPlan, Tools
from bedside.compress.search.goals import LATENCY, Goals, Priced
from bedside.compress.search.journal import Asked
from bedside.compress.search.pricing import Pricing, pricing_of
from bedside.compress.search.trial import SearchTrial


def judged_batch(
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
            trial = measured(trial, tools)
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
    questions = {
        trial.number: (tools.frame.recipe(trial.point), tools.rounds and trial.point.get("precision") == "int8")
        for trial in sketches
    }
    inputs = {
        number: [tools.oracle.digest(), recipe, *(["int8"] if rounded else [])]
        for number, (recipe, rounded) in questions.items()
    }
    fresh = [number for number in questions if not tools.answers.holds("quality", inputs[number])]
    answers = dict(
        zip(fresh, tools.spread.judge(tools.oracle, [questions[number] for number in fresh]), strict=True)
    )  # fmt: skip
    return {
        number: tools.answers.stop("quality", float | str, inputs[number], lambda number=number: answers[number])  # type: ignore[arg-type]
        for number in questions
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


def measured(trial: SearchTrial, tools: Tools) -> SearchTrial:
    """Measure the file of a trial."""
    assert tools.measure is not None
    found = tools.measure(tools.frame.recipe(trial.point), trial.point)
    costs = {name: Priced(value=v, low=v, high=v, origin="measured") for name, v in found.items()}
    latency = trial.costs[LATENCY]
    return replace(
        trial, costs=costs, excess=tools.goals.excess(costs),
        foretold_ms=latency.value if latency.origin == "predicted" else None,
    )  # fmt: skip
