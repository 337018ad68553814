"""Built-in phantoms, for machines that have no data and no network: ultrasound, and foci to be detected."""

from collections.abc import Mapping

from bedside.base.errors import InputError
from bedside.base.task import Task
from bedside.data.case import Case
from bedside.data.cohort import Cohort
from bedside.data.focus_phantom import KINDS, FocusPhantom
from bedside.data.phantom import Phantom

N_CASES = 700
N_FOCUS_CASES = 240


def load(rest: str, options: Mapping[str, str]) -> Cohort:
    """Load ``phantom:ultrasound`` or ``phantom:detection``; options ``n`` (cases) and ``size_px``."""
    if rest == "detection":
        return _detection(options)
    if rest != "ultrasound":
        raise InputError(
            f"no phantom called {rest!r}", expected="ultrasound or detection", hint="name it: phantom:ultrasound"
        )
    n, size_px = _count(options, "n", N_CASES, least=4), _count(options, "size_px", 32, least=8)
    cases = tuple(
        Case(case_id=f"phantom/{i:05d}", label=i % 2, patient_id=f"phantom-{i // 2}", pixels=pixels)
        for i, pixels in enumerate(Phantom(size_px=size_px).images(n))
    )
    return Cohort(
        name="ultrasound-phantom",
        task=Task(classes=("no lesion", "lesion"), positive=1),
        cases=cases,
        source="phantom:ultrasound",
        licence="CC0",
        modality="ultrasound (simulated)",
        may_flip=True,
        is_phantom=True,
    )


def _detection(options: Mapping[str, str]) -> Cohort:
    """Images with none to three bright foci of two kinds, and their boxes."""
    n, size_px = _count(options, "n", N_FOCUS_CASES, least=12), _count(options, "size_px", 64, least=32)
    phantom = FocusPhantom(size_px=size_px)
    made = [phantom.image(i) for i in range(n)]
    cases = tuple(
        Case(case_id=f"focus/{i:05d}", label=0, patient_id=f"focus-{i // 2}", pixels=pixels, boxes=boxes)
        for i, (pixels, boxes) in enumerate(made)
    )
    return Cohort(
        name="focus-phantom",
        task=Task(classes=KINDS, positive=0, kind="detection"),
        cases=cases,
        source="phantom:detection",
        licence="CC0",
        modality="simulated",
        may_flip=True,
        is_phantom=True,
    )


def _count(options: Mapping[str, str], name: str, default: int, *, least: int) -> int:
    asked = options.get(name, str(default))
    if not asked.isdecimal() or int(asked) < least:
        raise InputError(
            f"a phantom with {name}={asked}", expected=f"a whole number from {least} on", hint="correct it"
        )
    return int(asked)
