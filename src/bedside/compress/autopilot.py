"""The int8 autopilot: fixes in order of cost, each tried for real, until the clinical test is passed."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol

from bedside.base.digest import Digest
from bedside.compress.damage import DamageTable
from bedside.compress.quantization import Keeps, LayerRule, QuantizationPlan, Ranges

OBSERVERS: tuple[Ranges, ...] = ("percentile", "mse", "entropy")
PREPARATIONS: tuple[tuple[str, ...], ...] = (("equalized",), ("corrected",), ("equalized", "corrected"))
LEAST_GAIN_DB = 3.0
"""A set of layers is tried only if in simulation the outputs gain this much by it: a conversion costs more."""
CARRIED_FRAC = 0.5
"""What was tried before is built upon only if it left at most this share of plain int8's loss; else it is chance."""
MOST_LAYERS_FRAC = 0.5
"""Islands end where half of the layers would be treated otherwise."""

Kind = Literal["plain", "observer", "prepared", "a16", "float", "w8a16", "qat"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fix:
    """One thing to try.

    Parameters
    ----------
    preparation
        What is done to a copy of the network before it is rounded, in this order: names of
        `bedside.compress.preparing`.
    layers
        Layers that `keeps` holds for, by their paths; `members` are those with the activations after them.
    """

    kind: Kind
    ranges: Ranges = "min_max"
    activation_bits: Literal[8, 16] = 8
    preparation: tuple[str, ...] = ()
    keeps: Keeps | None = None
    layers: tuple[str, ...] = ()
    members: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """In words, such as ``2 layers in float, percentile ranges``."""
        n = len(self.layers)
        count = f"{n} layer{'s' if n > 1 else ''}"
        words = {
            "plain": ["plain"], "observer": [], "prepared": [], "w8a16": ["16-bit activations everywhere"],
            "a16": [f"16-bit activations in {count}"], "float": [f"{count} in float"],
            "qat": ["quantization-aware training"],
        }[self.kind]  # fmt: skip
        words = words + list(self.preparation)
        if self.ranges != "min_max":
            words.append(f"{self.ranges} ranges")
        return ", ".join(words)

    def plan(self, n_observed: int, observation: Digest) -> QuantizationPlan:
        """The quantization plan that this fix means."""
        rules = tuple(LayerRule(layer=path, keeps=self.keeps) for path in self.members) if self.keeps else ()
        return QuantizationPlan(
            ranges=self.ranges, activation_bits=self.activation_bits, rules=rules, n_observed=n_observed,
            observation=observation,
        )  # fmt: skip


PLAIN = Fix(kind="plain")


class Outcome(Protocol):
    """What a try came to."""

    @property
    def passed(self) -> bool:
        """Whether the file may ship."""
        ...

    @property
    def loss(self) -> tuple[float, ...]:
        """How far it is from passing; smaller is nearer, infinite where no file was made."""
        ...


Assay = Callable[[Fix], Outcome]
Foresee = Callable[[Fix], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Climb:
    """The fixes that were tried, in order; `chosen` passed, None if none did."""

    tried: tuple[Fix, ...]
    chosen: Fix | None
    damage: DamageTable | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """What simulation knows: which layers are damaged, and the signal (dB) that a fix would leave."""

    damage: DamageTable
    foresee: Foresee


def climb(assay: Assay, diagnose: Callable[[], Diagnosis | None], *, preparations: Sequence[tuple[str, ...]] =
          PREPARATIONS, may_train: bool = True) -> Climb:  # fmt: skip
    """Try fixes from the cheapest to the dearest, and stop at the first that passes.

    Plain int8; range observers; equalization and bias correction; 16-bit activations for the most damaged layer, then
    this layer in float, then for the two, four, ... most damaged; 16-bit activations everywhere; quantization-aware
    training. Islands are tried with the observer and the preparation that helped most, if any did, and without.

    Parameters
    ----------
    assay
        Makes the file of a fix and judges it.
    diagnose
        Measures layer damage; called once, and only if plain int8 fails. None where the network cannot be simulated.
    may_train
        Whether training may be tried at last.
    """
    found: dict[Fix, Outcome] = {}

    def passes(fix: Fix) -> bool:
        found[fix] = assay(fix)
        return found[fix].passed

    if passes(PLAIN):
        return Climb(tried=(PLAIN,), chosen=PLAIN)
    known = diagnose()
    damage = known.damage if known else None
    for stage in (_observers, _prepared(preparations), _islands(known), _last(may_train=may_train)):
        base = _built_upon(found)
        for fix in stage(base):
            if fix not in found and passes(fix):
                return Climb(tried=tuple(found), chosen=fix, damage=damage)
    return Climb(tried=tuple(found), chosen=None, damage=damage)


def _built_upon(found: Mapping[Fix, Outcome]) -> Fix:
    """The best fix so far, where it clearly helped; else plain int8."""
    best = min(found, key=lambda fix: found[fix].loss)
    helped = found[best].loss[0] <= CARRIED_FRAC * found[PLAIN].loss[0]
    return best if helped and best.kind in ("observer", "prepared") else PLAIN


Stage = Callable[[Fix], list[Fix]]


def _observers(base: Fix) -> list[Fix]:
    return [Fix(kind="observer", ranges=ranges) for ranges in OBSERVERS]


def _prepared(preparations: Sequence[tuple[str, ...]]) -> Stage:
    return lambda base: [Fix(kind="prepared", ranges=base.ranges, preparation=names) for names in preparations]


def _islands(known: Diagnosis | None) -> Stage:
    """Sets of the most damaged layers, doubling; those that gain nothing in simulation are left out."""

    def islands(base: Fix) -> list[Fix]:
        if known is None:
            return []
        sizes, n_most = [1], max(1, int(MOST_LAYERS_FRAC * len(known.damage.rows)))
        while 2 * sizes[-1] <= n_most:
            sizes.append(2 * sizes[-1])
        bases = [PLAIN] if base == PLAIN else [base, PLAIN]
        kinds: tuple[Keeps, ...] = ("a16", "float")
        fixes = [_island(start, known.damage, kind, n) for n in sizes for kind in kinds for start in bases]
        floor = known.foresee(PLAIN) + LEAST_GAIN_DB
        return [fix for fix in fixes if known.foresee(fix) >= floor]

    return islands


def _island(base: Fix, damage: DamageTable, kind: Keeps, n: int) -> Fix:
    rows = damage.rows[:n]
    members = tuple(member for row in rows for member in row.members)
    return replace(base, kind=kind, keeps=kind, layers=tuple(row.layer for row in rows), members=members)


def _last(*, may_train: bool) -> Stage:
    def last(base: Fix) -> list[Fix]:
        wide = Fix(kind="w8a16", activation_bits=16, preparation=base.preparation)
        return [wide, Fix(kind="qat")] if may_train else [wide]

    return last
