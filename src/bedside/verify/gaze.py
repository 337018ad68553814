"""Did compression move the model's gaze? Lesion hits and map agreement of two models, judged by margins set before."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from bedside.base.arrays import BoolArray, FloatArray
from bedside.base.errors import InputError
from bedside.base.estimate import Estimate
from bedside.verify.deletion import Faithfulness
from bedside.verify.heat_agreement import MapAgreement, compare_maps
from bedside.verify.paired_shares import mcnemar_p, paired_difference
from bedside.verify.pointing import Gaze, blind_hit, even_energy, hits_of, lesion_cases, look
from bedside.verify.sanity import SanityCheck

HIT_MARGIN = 0.1
"""Change of the hit rate that would be of no matter, in either direction."""

MIN_AGREEMENT = 0.7
"""Mean rank correlation from which on two models look at the same places."""

MIN_PATIENTS = 20
"""Fewer patients settle nothing, however alike their maps. In simulation a gaze that has just moved is called kept in
at most 5.1 % of draws from 20 patients on, and in up to 7.8 % at 10, where a bootstrap's intervals are too narrow."""

GazeVerdict = Literal["KEPT", "MOVED", "INCONCLUSIVE"]


@dataclass(frozen=True, slots=True, kw_only=True)
class GazeChange:
    """One model's gaze against another's, on the same cases.

    Parameters
    ----------
    agreement, maps_verdict
        How alike the maps are; KEPT if the whole interval of their rank correlation is at or above the floor, MOVED if
        it is below, else INCONCLUSIVE.
    hit_difference, hits_verdict
        Hit rate of the model less that of the one `against` which it stands; KEPT if the whole interval lies within the
        margin on either side, MOVED if it lies outside, else INCONCLUSIVE. None without lesion masks.
    n_gained, n_lost, mcnemar_p
        Lesions that only the model, or only the other, points at, and the exact test by patient.
    """

    model: str
    against: str
    agreement: MapAgreement
    maps_verdict: GazeVerdict
    hit_difference: Estimate | None = None
    hits_verdict: GazeVerdict | None = None
    n_gained: int = 0
    n_lost: int = 0
    mcnemar_p: float = 1.0

    @property
    def verdict(self) -> GazeVerdict:
        """MOVED if either says so, KEPT if all that is known says so."""
        known = {self.maps_verdict, self.hits_verdict} - {None}
        return "MOVED" if "MOVED" in known else "KEPT" if known == {"KEPT"} else "INCONCLUSIVE"

    def __str__(self) -> str:
        hits = f"; lesion hits {self.hit_difference.value:+.3f}" if self.hit_difference else ""
        alike = f"map agreement {self.agreement.rank_correlation}"
        return f"{self.verdict}: {self.model} against {self.against}, {alike}{hits}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplanationReport:
    """Where the models look, on the cases of one cohort, each mapped for its true class by one method.

    Parameters
    ----------
    about
        The cohort and which of its cases.
    blind_hit, even_energy
        What a pointer at the middle of the image and an evenly warm map would reach: hit rates and energies mean
        something above these only.
    changes
        Every other model against the last one, which is the one that ships.
    """

    method: str
    n_cases: int
    n_patients: int
    n_lesions: int
    gazes: tuple[Gaze, ...]
    changes: tuple[GazeChange, ...]
    blind_hit: Estimate
    even_energy: Estimate
    hit_margin: float
    min_agreement: float
    faithfulness: dict[str, Faithfulness] = field(default_factory=dict)
    sanity: tuple[SanityCheck, ...] = ()
    about: str = ""
    seed: int = 0


def judge_gaze(
    method: str,
    maps: Mapping[str, FloatArray],
    masks: BoolArray,
    units: Sequence[str],
    *,
    faithfulness: Mapping[str, Faithfulness] | None = None,
    sanity: Sequence[SanityCheck] = (),
    hit_margin: float = HIT_MARGIN,
    min_agreement: float = MIN_AGREEMENT,
    about: str = "",
    seed: int = 0,
) -> ExplanationReport:
    """Score every model's maps and compare each with the last one's.

    Parameters
    ----------
    maps
        ``(n, H, W)`` of the same cases by model, the reference first and the shipped file last.
    masks
        ``(n, H, W)``; all False where nobody drew a lesion.

    Raises
    ------
    InputError
        For fewer than two models, or a margin that is none.
    """
    if len(maps) < 2:
        raise InputError(f"maps of {len(maps)} models", expected="two at least", hint="map the reference too")
    if not 0 < hit_margin < 1 or not 0 < min_agreement <= 1:
        raise InputError(
            f"a hit margin of {hit_margin} and an agreement of {min_agreement}",
            expected="between 0 and 1, such as 0.1 and 0.7",
            hint="set both before you look",
        )
    *others, shipped = maps
    changes = [
        _change((shipped, maps[shipped]), (name, maps[name]), masks, units, hit_margin, min_agreement, seed)
        for name in others
    ]
    return ExplanationReport(
        method=method,
        n_cases=len(units),
        n_patients=len(set(units)),
        n_lesions=len(lesion_cases(masks, units)[0]),
        gazes=tuple(look(name, held, masks, units, seed=seed) for name, held in maps.items()),
        changes=tuple(changes),
        blind_hit=blind_hit(masks, units),
        even_energy=even_energy(masks, units, seed=seed),
        hit_margin=hit_margin,
        min_agreement=min_agreement,
        faithfulness=dict(faithfulness or {}),
        sanity=tuple(sanity),
        about=about,
        seed=seed,
    )


def _change(
    model: tuple[str, FloatArray], against: tuple[str, FloatArray], masks: BoolArray, units: Sequence[str],
    hit_margin: float, min_agreement: float, seed: int,
) -> GazeChange:  # fmt: skip
    agreement = compare_maps(model[1], against[1], units, seed=seed)
    floor = agreement.rank_correlation
    maps_verdict = _verdict(floor, floor.low >= min_agreement, floor.high < min_agreement)
    lesion, owners = lesion_cases(masks, units)
    if not lesion:
        return GazeChange(model=model[0], against=against[0], agreement=agreement, maps_verdict=maps_verdict)
    hits, other = (hits_of(held[lesion], masks[lesion]) for held in (model[1], against[1]))
    difference = paired_difference(hits, other, owners)
    within = -hit_margin < difference.low and difference.high < hit_margin
    outside = difference.low > hit_margin or difference.high < -hit_margin
    return GazeChange(
        model=model[0],
        against=against[0],
        agreement=agreement,
        maps_verdict=maps_verdict,
        hit_difference=difference,
        hits_verdict=_verdict(difference, within, outside),
        n_gained=int((hits & ~other).sum()),
        n_lost=int((other & ~hits).sum()),
        mcnemar_p=mcnemar_p(hits, other, owners),
    )


def _verdict(found: Estimate, kept: bool, moved: bool) -> GazeVerdict:
    if math.isnan(found.value) or found.n_patients < MIN_PATIENTS:
        return "INCONCLUSIVE"
    return "KEPT" if kept else "MOVED" if moved else "INCONCLUSIVE"
