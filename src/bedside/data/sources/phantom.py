"""``phantom:KIND``: simulated ultrasound, for machines that have no data and no network."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bedside.base.errors import InputError
from bedside.base.task import Task
from bedside.data.case import Case
from bedside.data.cohort import Cohort
from bedside.data.phantom import Phantom
from bedside.data.phantom_findings import FINDINGS, GRADES, FindingsPhantom, GradedPhantom
from bedside.data.sources.known import KnownSource

N_CASES = 700


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    name: str
    what: str
    task: Task
    make: Callable[[int, int], tuple[Case, ...]]


def load(rest: str, options: Mapping[str, str]) -> Cohort:
    """Load ``phantom:ultrasound``, ``phantom:multilabel`` or ``phantom:ordinal``; options ``n`` and ``size_px``."""
    if rest not in KINDS:
        names = ", ".join(KINDS)
        raise InputError(f"no phantom called {rest!r}", expected=f"one of {names}", hint="name it: phantom:ultrasound")
    kind = KINDS[rest]
    n, size_px = _count(options, "n", N_CASES, least=4), _count(options, "size_px", 32, least=8)
    return Cohort(
        name=kind.name,
        task=kind.task,
        cases=kind.make(n, size_px),
        source=f"phantom:{rest}",
        licence="CC0",
        modality="ultrasound (simulated)",
        may_flip=True,
        is_phantom=True,
    )


def known_sources() -> list[KnownSource]:
    """The phantoms."""
    return [KnownSource(name=f"phantom:{name}", what=kind.what, state="built in") for name, kind in KINDS.items()]


def _plain(n: int, size_px: int) -> tuple[Case, ...]:
    return tuple(
        Case(case_id=f"phantom/{i:05d}", label=i % 2, patient_id=f"phantom-{i // 2}", pixels=pixels)
        for i, pixels in enumerate(Phantom(size_px=size_px).images(n))
    )


def _findings(n: int, size_px: int) -> tuple[Case, ...]:
    phantom = FindingsPhantom(size_px=size_px)
    made = (phantom.case(i) for i in range(n))
    return tuple(
        Case(case_id=f"findings/{i:05d}", label=0, marks=marks, patient_id=f"phantom-{i // 2}", pixels=pixels)
        for i, (pixels, marks) in enumerate(made)
    )


def _graded(n: int, size_px: int) -> tuple[Case, ...]:
    phantom = GradedPhantom(size_px=size_px)
    return tuple(
        Case(
            case_id=f"graded/{i:05d}",
            label=i % len(GRADES),
            patient_id=f"phantom-{i // 2}",
            pixels=phantom.image(i, grade=i % len(GRADES)),
        )
        for i in range(n)
    )


KINDS = {
    "ultrasound": _Kind(
        name="ultrasound-phantom",
        what="simulated B-mode, with and without a lesion",
        task=Task(classes=("no lesion", "lesion"), positive=1),
        make=_plain,
    ),
    "multilabel": _Kind(
        name="findings-phantom",
        what=f"simulated B-mode with any of {', '.join(FINDINGS)}; some marks unknown",
        task=Task(classes=FINDINGS, positive=0, kind="multilabel"),
        make=_findings,
    ),
    "ordinal": _Kind(
        name="graded-phantom",
        what=f"simulated B-mode, a lesion graded {', '.join(GRADES)}",
        task=Task(classes=GRADES, positive=2, kind="ordinal"),
        make=_graded,
    ),
}


def _count(options: Mapping[str, str], name: str, default: int, *, least: int) -> int:
    asked = options.get(name, str(default))
    if not asked.isdecimal() or int(asked) < least:
        raise InputError(
            f"a phantom with {name}={asked}", expected=f"a whole number from {least} on", hint="correct it"
        )
    return int(asked)
