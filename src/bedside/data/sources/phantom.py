"""Built-in phantoms, for machines that have no data and no network: one a kind of task."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bedside.base.errors import InputError
from bedside.data.cohort import Cohort
from bedside.data.phantom_findings import FINDINGS, GRADES
from bedside.data.phantom_foci import KINDS as FOCI
from bedside.data.sources import phantom_cohorts as made
from bedside.data.sources.known import KnownSource


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    what: str
    cohort: Callable[[Mapping[str, str]], Cohort]


KINDS = {
    "ultrasound": _Kind(what="simulated B-mode, with and without a lesion", cohort=made.plain),
    "ultrasound-lesion": _Kind(what="the same, the lesion to be outlined", cohort=made.outlined),
    "multilabel": _Kind(
        what=f"simulated B-mode with any of {', '.join(FINDINGS)}; some marks unknown", cohort=made.findings
    ),
    "ordinal": _Kind(what=f"simulated B-mode, a lesion graded {', '.join(GRADES)}", cohort=made.graded),
    "volume": _Kind(what="simulated MR volumes with label maps of two parts", cohort=made.volumes),
    "detection": _Kind(what=f"simulated tissue with boxes: {', '.join(FOCI)}", cohort=made.foci),
    "clip": _Kind(what="simulated clips of breathing in and out, told apart by motion alone", cohort=made.clips),
}


def load(rest: str, options: Mapping[str, str]) -> Cohort:
    """Load ``phantom:NAME``; options are ``n`` (cases), ``size_px``, and what else the kind has.

    Raises
    ------
    InputError
        If there is no such phantom, or an option is no number that suits it.
    """
    if rest not in KINDS:
        names = ", ".join(KINDS)
        raise InputError(f"no phantom called {rest!r}", expected=f"one of {names}", hint="name it: phantom:ultrasound")
    return KINDS[rest].cohort(options)


def known_sources() -> list[KnownSource]:
    """The phantoms."""
    return [KnownSource(name=f"phantom:{name}", what=kind.what, state="built in") for name, kind in KINDS.items()]
