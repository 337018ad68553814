"""Every corruption at every severity on two models side by side, whatever is measured on whatever kind of case."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from bedside.base.arrays import ByteArray
from bedside.base.errors import InputError
from bedside.base.estimate import Estimate
from bedside.data.corruptions import SEVERITIES, Suite
from bedside.verify.standing import Model

StandingT = TypeVar("StandingT")
ShownT = TypeVar("ShownT", covariant=True)
LossT = TypeVar("LossT")
Tick = Callable[[int, int, str], None]


class Spoil(Protocol):
    """Corrupt cases ``(n, ...)`` uint8 into new ones of the same shape."""

    def __call__(self, images: ByteArray, name: str, severity: int, /, *, seed: int) -> ByteArray:
        """Return them; the same seed gives the same cases."""
        ...


class Measuring(Protocol[ShownT, LossT]):
    """What judges a model on a stack of cases: as it is shown, and in the form that paired differences need."""

    def measure(self, model: Model, images: ByteArray) -> tuple[ShownT, LossT]:
        """Run the model on ``(n, *spec.shape)`` uint8 cases."""
        ...

    def minus(self, first: LossT, second: LossT) -> LossT:
        """Difference, pair by pair."""
        ...

    def mean(self, losses: Sequence[LossT]) -> LossT:
        """Mean of several, pair by pair."""
        ...

    def estimate(self, loss: LossT, /) -> Estimate:
        """Loss with its interval by unit."""
        ...


@dataclass(frozen=True, slots=True)
class SpoiltPair(Generic[StandingT]):
    """Both models on one corruption at one severity: how they stand, what each lost, and the shipped one beyond."""

    corruption: str
    severity: int
    shipped: StandingT
    reference: StandingT
    shipped_loss: Estimate
    reference_loss: Estimate
    excess_loss: Estimate


@dataclass(frozen=True, slots=True)
class SpoiltPairs(Generic[StandingT]):
    """Both models on every corruption; `of_corruption` is the excess loss of each, mean over its severities."""

    clean_shipped: StandingT
    clean_reference: StandingT
    pairs: tuple[SpoiltPair[StandingT], ...]
    of_corruption: dict[str, Estimate]
    mean_shipped_loss: Estimate
    mean_reference_loss: Estimate
    mean_excess_loss: Estimate


def spoilt_pairs(
    bench: Measuring[StandingT, LossT],
    images: ByteArray,
    suite: Suite,
    *,
    shipped: Model,
    reference: Model,
    severities: Sequence[int],
    spoil: Spoil,
    seed: int,
    tick: Tick,
) -> SpoiltPairs[StandingT]:
    """Measure both models on clean cases and on every corruption of the suite at every severity.

    Raises
    ------
    InputError
        Without a corruption or a severity, or with a severity outside 1 to 5.
    """
    check_severities(suite, severities)
    models = (shipped, reference)
    (clean_shipped, own), (clean_reference, other) = (bench.measure(model, images) for model in models)
    found: list[SpoiltPair[StandingT]] = []
    lost: dict[str, list[tuple[LossT, LossT]]] = {}
    for name in suite.names:
        for severity in severities:
            spoilt = spoil(images, name, severity, seed=seed)
            (standing, after), (beside, after_beside) = (bench.measure(model, spoilt) for model in models)
            loss, loss_beside = bench.minus(own, after), bench.minus(other, after_beside)
            lost.setdefault(name, []).append((loss, loss_beside))
            excess = bench.minus(loss, loss_beside)
            estimates = (bench.estimate(value) for value in (loss, loss_beside, excess))
            found.append(SpoiltPair(name, severity, standing, beside, *estimates))
            tick(len(found), len(suite.names) * len(severities), f"{name}, severity {severity}")

    def excess_of(pairs: Sequence[tuple[LossT, LossT]]) -> Estimate:
        return bench.estimate(bench.mean([bench.minus(loss, beside) for loss, beside in pairs]))

    every = [pair for of_name in lost.values() for pair in of_name]
    return SpoiltPairs(
        clean_shipped=clean_shipped,
        clean_reference=clean_reference,
        pairs=tuple(found),
        of_corruption={name: excess_of(pairs) for name, pairs in lost.items()},
        mean_shipped_loss=bench.estimate(bench.mean([loss for loss, _ in every])),
        mean_reference_loss=bench.estimate(bench.mean([beside for _, beside in every])),
        mean_excess_loss=excess_of(every),
    )


def check_severities(suite: Suite, severities: Sequence[int]) -> None:
    """Refuse nothing to try, and severities that no corruption knows.

    Raises
    ------
    InputError
        Without a corruption or a severity, or with a severity outside 1 to 5.
    """
    if not suite.names or not severities:
        raise InputError("no corruption, or no severity", expected="one of each at least", hint="see --severity")
    if outside := [s for s in severities if s not in SEVERITIES]:
        raise InputError(f"a severity of {outside[0]}", expected="1, 2, 3, 4 or 5", hint="see --severity")


class _Lost(Protocol):
    @property
    def shipped_loss(self) -> Estimate: ...


LostT = TypeVar("LostT", bound=_Lost)


def worst_of(results: Sequence[LostT]) -> LostT:
    """Where the shipped model loses most; what could not be estimated is never the worst."""
    return max(results, key=lambda r: -math.inf if math.isnan(r.shipped_loss.value) else r.shipped_loss.value)
