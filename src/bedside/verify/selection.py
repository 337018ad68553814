"""Choose the trial that ships: by tuning data only."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from bedside.base.budget import Budget, unit_of
from bedside.base.digest import Digest
from bedside.base.errors import BudgetError
from bedside.base.estimate import Estimate
from bedside.base.jsonform import OMIT_DEFAULT
from bedside.runtime.artifact import Artifact
from bedside.verify.noninferiority import NonInferiority
from bedside.verify.operating_point import OperatingPoint
from bedside.verify.parity import ParityReport
from bedside.verify.profiling import Profile


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One candidate, compressed, exported, checked and profiled.

    Parameters
    ----------
    artifacts
        Files of the first format, from fp32 on; the last one is the one that would ship.
    metric
        What `tuning_score` is, such as AUROC or Dice.
    tuning_score
        Of the shipped precision in its own runtime, on the tuning part.
    int8_refused
        Why the autopilot refuses this int8 file; empty where it may ship.
    """

    name: str
    recipe: Digest
    artifacts: tuple[Artifact, ...]
    metric: str = field(default="AUROC", metadata=OMIT_DEFAULT)
    tuning_score: Estimate
    non_inferiority: NonInferiority
    point: OperatingPoint
    parity: ParityReport
    profile: Profile
    mmacs: float
    n_parameters: int
    int8_refused: str = field(default="", metadata=OMIT_DEFAULT)

    @property
    def shipped(self) -> Artifact:
        """The artifact that would ship."""
        return self.artifacts[-1]

    def refusal(self, budget: Budget) -> str:
        """Why this trial cannot ship, or an empty string."""
        if not self.parity.passed:
            return f"parity broken at {self.parity.broken_stage}"
        if self.int8_refused:
            return f"int8 refused: {self.int8_refused}"
        if self.non_inferiority.verdict == "FAIL":
            return f"inferior on tuning ({self.non_inferiority.difference})"
        over = self.profile.excess(budget)
        if over:
            worst = max(over, key=lambda name: over[name])
            return f"over budget: {worst.rsplit('_', 1)[0]} {_shown(worst, self.profile.value_of(worst))}"
        return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The trial that ships, and why each other one does not."""

    name: str
    why: str
    refused: dict[str, str]


def select(trials: Sequence[Trial], budget: Budget, *, margin: float = 0.02) -> Choice:
    """Pick the best on tuning: faithful, not inferior, within budget; among equals the cheapest.

    Trials whose tuning score is within a tenth of the non-inferiority margin of the highest count as equals, and the
    one with the fewest multiply-accumulates ships, then the smallest file. Multiply-accumulates, not milliseconds, so
    that a busy machine cannot change the choice.

    Raises
    ------
    BudgetError
        If none may ship, with the binding limit and the nearest budget that would fit.
    """
    refused = {trial.name: trial.refusal(budget) for trial in trials}
    able = [trial for trial in trials if not refused[trial.name]]
    if not able:
        raise nothing_fits(trials, budget, refused)
    best = max(able, key=lambda trial: trial.tuning_score.value)
    equals = [trial for trial in able if trial.tuning_score.value >= best.tuning_score.value - margin / 10]
    chosen = min(equals, key=lambda trial: (trial.mmacs, trial.shipped.size_bytes, trial.name))
    why = (
        f"tuning {chosen.metric} {chosen.tuning_score.value:.4f}; the best is {best.name} with "
        f"{best.tuning_score.value:.4f}; "
        f"of the {len(equals)} within a tenth of the margin it has the fewest multiply-accumulates"
    )
    others = {
        trial.name: refused[trial.name] or "may ship; costlier or less accurate"
        for trial in trials
        if trial is not chosen
    }
    return Choice(name=chosen.name, why=why, refused=others)


def nothing_fits(trials: Sequence[Trial], budget: Budget, refused: dict[str, str]) -> BudgetError:
    """Build the honest answer: which limit binds, and the nearest budget that would fit."""
    sound = [t for t in trials if t.parity.passed and not t.int8_refused and t.non_inferiority.verdict != "FAIL"]
    if not sound:
        reasons = "; ".join(f"{name}: {why}" for name, why in refused.items())
        return BudgetError(
            f"none of {len(trials)} trials is sound: {reasons or 'no candidate was left to try'}",
            expected="a faithful model that is not inferior on tuning",
            hint="try --preset thorough, or a larger --margin set before you look",
        )
    nearest = min(sound, key=lambda t: max(t.profile.excess(budget).values(), default=0))
    over = nearest.profile.excess(budget)
    binding = max(over, key=lambda name: over[name])
    needed = ", ".join(
        f"--{name.replace('_', '-')} {_rounded_up(nearest.profile.value_of(name))}" for name in sorted(over)
    )
    return BudgetError(
        f"none of {len(trials)} trials fits {budget}; the binding limit is {binding}: the nearest trial "
        f"({nearest.name}) needs {_shown(binding, nearest.profile.value_of(binding))}",
        expected=str(budget),
        hint=f"the nearest budget that would fit: {needed}",
    )


def _shown(limit: str, value: float) -> str:
    return f"{value:.4g} {unit_of(limit)}"


def _rounded_up(value: float) -> str:
    """At most four significant digits, and never less than the value: a budget that is rounded down would not fit."""
    step = 10.0 ** (math.floor(math.log10(value)) - 3)
    return f"{math.ceil(value / step) * step:.10g}"
