"""A built-in ultrasound phantom, for machines that have no data and no network."""

from collections.abc import Mapping

from bedside.base.errors import InputError
from bedside.base.task import Task
from bedside.data.case import Case
from bedside.data.cohort import Cohort
from bedside.data.phantom import Phantom
from bedside.data.sources.phantom_volumes import N_VOLUMES, volume_cohort

N_CASES = 700
N_OUTLINED = 240


def load(rest: str, options: Mapping[str, str]) -> Cohort:
    """Load ``phantom:ultrasound`` or, with the lesion's mask, ``phantom:ultrasound-lesion``; or ``phantom:volume``.

    Options are ``n`` (cases) and, for images, ``size_px``.
    """
    if rest == "ultrasound-lesion":
        return _outlined(options)
    if rest == "volume":
        return volume_cohort(_count(options, "n", N_VOLUMES, least=8))
    if rest != "ultrasound":
        raise InputError(
            f"no phantom called {rest!r}", expected="ultrasound, ultrasound-lesion or volume",
            hint="name it: phantom:ultrasound",
        )  # fmt: skip
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


def _outlined(options: Mapping[str, str]) -> Cohort:
    """Every other image has a lesion and its mask; the others have a mask without any."""
    n, size_px = _count(options, "n", N_OUTLINED, least=8), _count(options, "size_px", 48, least=16)
    phantom = Phantom(size_px=size_px)
    cases = tuple(
        Case(
            case_id=f"phantom/{i:05d}",
            label=i % 2,
            patient_id=f"phantom-{i // 2}",
            pixels=phantom.image(i, has_lesion=bool(i % 2)),
            mask_pixels=phantom.mask(i, has_lesion=bool(i % 2)),
        )
        for i in range(n)
    )
    return Cohort(
        name="ultrasound-lesion-phantom",
        task=Task(classes=("background", "lesion"), positive=1, kind="segmentation"),
        cases=cases,
        source="phantom:ultrasound-lesion",
        licence="CC0",
        modality="ultrasound (simulated)",
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
