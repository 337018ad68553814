"""Folds by patient, once or many times over, and one site left out at a time."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from bedside.base.digest import Digest, digest_many
from bedside.base.errors import CohortError, InputError, LeakError
from bedside.data.case import Case
from bedside.data.cohort import Cohort
from bedside.data.units import units_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """Cases to fit on and cases to score on; they share no patient and no group."""

    name: str
    fit: tuple[Case, ...] = field(repr=False)
    held_out: tuple[Case, ...] = field(repr=False)

    @property
    def test_over_train_frac(self) -> float:
        """Held-out cases over cases to fit on: what the corrected variance of cross-validation asks for."""
        return len(self.held_out) / len(self.fit)

    def digest(self) -> Digest:
        """Digest of who stands where."""
        return digest_many(
            [self.name, *(digest_many([c.digest() for c in part]) for part in (self.fit, self.held_out))]
        )


def k_folds(cases: Sequence[Case], *, k: int = 5, n_repeats: int = 1, seed: int) -> tuple[Fold, ...]:
    """Split cases into `k` folds by patient or group, stratified by class, `n_repeats` times with new draws.

    Whole units are dealt class by class, the largest first, each to the fold that has the fewest cases of its class.
    Never pass sealed test cases: folds are for development.

    Raises
    ------
    InputError
        If k is below 2 or there is no repeat.
    CohortError
        If there are fewer units of some class than folds.
    """
    if k < 2 or n_repeats < 1:
        raise InputError(f"{k} folds, {n_repeats} times", expected="2 folds or more, once or more", hint="try k=5")
    of_unit: dict[str, list[int]] = defaultdict(list)
    for row, unit in enumerate(units_of(cases)):
        of_unit[unit].append(row)
    by_class = _by_class(cases, of_unit, k)
    rng = np.random.default_rng(seed)
    folds = []
    for repeat in range(n_repeats):
        fold_of = _dealt(by_class, of_unit, k, rng)
        folds += [
            _fold(f"fold {i + 1} of {k}" + (f", repeat {repeat + 1}" if n_repeats > 1 else ""), cases, fold_of == i)
            for i in range(k)
        ]
    return tuple(folds)


def _by_class(cases: Sequence[Case], of_unit: dict[str, list[int]], k: int) -> dict[int, list[str]]:
    """Units by the highest label among their cases."""
    by_class: dict[int, list[str]] = defaultdict(list)
    for unit in sorted(of_unit):
        by_class[max(cases[row].label for row in of_unit[unit])].append(unit)
    for label, members in by_class.items():
        if len(members) < k:
            raise CohortError(
                f"class {label} has {len(members)} patients or groups for {k} folds",
                expected="at least one a fold",
                hint="use fewer folds, or merge the class into another",
            )
    return by_class


def _dealt(
    by_class: dict[int, list[str]], of_unit: dict[str, list[int]], k: int, rng: np.random.Generator
) -> np.ndarray:
    """Fold of each case, ``(n,)``."""
    fold_of = np.full(sum(map(len, of_unit.values())), -1)
    start = 0
    for label in sorted(by_class):
        shuffled = [by_class[label][i] for i in rng.permutation(len(by_class[label]))]
        load = [0] * k
        for unit in sorted(shuffled, key=lambda unit: -len(of_unit[unit])):
            fold = min(range(k), key=lambda i: (load[i], (i - start) % k))
            load[fold] += len(of_unit[unit])
            fold_of[of_unit[unit]] = fold
        start += int(np.argmin(load)) - start  # the next class begins where this one gave least
    return fold_of


def _fold(name: str, cases: Sequence[Case], held: np.ndarray) -> Fold:
    parted: dict[bool, list[Case]] = {True: [], False: []}
    for case, is_held in zip(cases, held.tolist(), strict=True):
        parted[is_held].append(case)
    return Fold(name=name, fit=tuple(parted[False]), held_out=tuple(parted[True]))


def leave_one_site_out(
    cohort: Cohort, *, column: str = "site", site_of: Callable[[Case], str | None] | None = None
) -> Iterator[Fold]:
    """Hold out each site in turn, sites in the order of the alphabet.

    Parameters
    ----------
    column
        Attribute that names the site.
    site_of
        Names the site of a case in another way.

    Raises
    ------
    CohortError
        If a case has no site, or there is one site only.
    LeakError
        If a patient or group has cases at two sites: none of the two folds could then be trusted.
    """
    name_of = site_of or (lambda case: case.attribute(column))
    sites = [name_of(case) for case in cohort.cases]
    if lacking := [case.case_id for case, site in zip(cohort.cases, sites, strict=True) if not site]:
        raise CohortError(
            f"{len(lacking)} cases of {cohort.source} have no {column}, first: {lacking[0]}",
            expected=f"the attribute {column} of every case",
            hint="add the column to metadata.csv, or name another",
        )
    if len(set(sites)) < 2:
        raise CohortError(f"{cohort.source} has one {column} only", expected="at least two", hint="add another site")
    seen: dict[str, set[str | None]] = defaultdict(set)
    for unit, site in zip(units_of(cohort.cases), sites, strict=True):
        seen[unit].add(site)
    if torn := sorted(unit for unit, places in seen.items() if len(places) > 1):
        raise LeakError(
            f"{len(torn)} patients or groups have cases at two sites, first: {torn[0]}",
            expected="each at one site",
            hint="give those patients to one site, or take them out",
        )
    for site in sorted(set(sites), key=str):
        yield _fold(f"{column} {site} left out", cohort.cases, np.array([s == site for s in sites]))
