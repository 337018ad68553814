"""What trials cost: measured where a file was made, predicted from those once there are enough, on paper before."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bedside.compress.latency_predictor import MIN_MEASURED, CostPredictor, learn_costs
from bedside.compress.search.goals import LATENCY, QUANTITIES, Goals, Priced, slack_of
from bedside.compress.search.sketching import Features
from bedside.compress.search.trial import SearchTrial


@dataclass(frozen=True, slots=True, kw_only=True)
class Pricing:
    """One predictor a quantity; none before enough files were measured.

    Parameters
    ----------
    foretold_error_frac
        Median relative error of latencies that were predicted before they were measured; None where none were.
    n_foretold
        How many those are.
    """

    predictors: dict[str, CostPredictor]
    foretold_error_frac: float | None
    n_foretold: int

    def costs(self, features: Features, paper: Mapping[str, float]) -> dict[str, Priced]:
        """Price a network that has no file."""
        found = {}
        for name in QUANTITIES:
            if predictor := self.predictors.get(name):
                guess = predictor.predict(features)
                found[name] = Priced(value=guess.value, low=guess.low, high=guess.high, origin="predicted")
            else:
                slack, value = slack_of(name), paper[name]
                found[name] = Priced(value=value, low=value / slack, high=value * slack, origin="paper")
        return found


def pricing_of(trials: Sequence[SearchTrial], goals: Goals) -> Pricing:
    """Learn what the goals ask, from the trials whose files were measured."""
    measured = [trial for trial in trials if trial.is_measured]
    predictors = {}
    if len(measured) >= MIN_MEASURED:
        features = [trial.features for trial in measured]
        for name in {LATENCY, *goals.quantities, *goals.budget.limits()}:
            values = [max(trial.costs[name].value, 1e-6) for trial in measured]
            predictors[name] = learn_costs(features, values)
    foretold = [
        abs(trial.foretold_ms / trial.costs[LATENCY].value - 1) for trial in measured if trial.foretold_ms is not None
    ]
    return Pricing(
        predictors=predictors,
        foretold_error_frac=float(np.median(foretold)) if foretold else None,
        n_foretold=len(foretold),
    )


def repriced(trial: SearchTrial, pricing: Pricing, goals: Goals) -> SearchTrial:
    """Price a trial without a file anew, by all that has been measured since."""
    if trial.is_measured or not pricing.predictors:
        return trial
    costs = pricing.costs(trial.features, {name: priced.value for name, priced in trial.costs.items()})
    return replace(trial, costs=costs, excess=goals.excess(costs))
