"""What ``bedside robustness`` is tried on: which bundles it can ask, which cases it takes, what stands beside them."""

import numpy as np
from rich.console import Console

from bedside.base.errors import InputError
from bedside.bundle.opening import Bundle
from bedside.cli.stress_request import StressMaterial, StressRequest
from bedside.data.case import Case
from bedside.data.cohort import Cohort
from bedside.data.sources import load_cohort
from bedside.data.stacking import stack_images
from bedside.data.targets import Targets, targets_of
from bedside.data.units import units_of
from bedside.serve.class_only import require_classes
from bedside.serve.own_parts import parts_as_made
from bedside.verify.spoiling import Tick

REASON = "robustness of a sealed bundle; nothing is chosen by it"


def check_stressable(request: StressRequest, bundle: Bundle) -> None:
    """Refuse what has no corruptions, and what has no attacks.

    Raises
    ------
    InputError
        For boxes, marks, clips and outlines of single images, and for attacks on volumes.
    """
    manifest = bundle.manifest
    is_volume = manifest.preprocess.depth_px is not None
    if not (is_volume and manifest.task.kind == "segmentation"):
        require_classes(bundle, "corruptions and attacks", of_volumes=True)
    if is_volume and (request.attack is not None or request.white_box):
        raise InputError(
            f"no attack is made on volumes: those that there are change single images, and {manifest.name} takes "
            f"{manifest.preprocess.spec.shape}",
            expected="corruptions alone", hint="leave --attack and --white-box out",
        )  # fmt: skip


def gather(request: StressRequest, bundle: Bundle, console: Console, tick: Tick) -> StressMaterial:
    """Read the cases, and look up the shipped model and its own fp32 file."""
    cohort = load_cohort(request.data, **request.options)
    _check_kind(cohort, bundle)
    cases, part = _cases(cohort, bundle)
    shipped = bundle.model()
    try:
        own_fp32 = bundle.model(shipped.artifact.format, "fp32")
    except InputError:
        own_fp32 = shipped
    preprocess = bundle.manifest.preprocess
    what = "images" if preprocess.depth_px is None else "volumes"
    console.print(f"[bold]{bundle.manifest.name}[/] on {cohort.name}: {len(cases)} {what}, {part}", highlight=False)
    targets = _targets(cohort, cases, bundle)
    images = stack_images(cases, preprocess, lambda done, total: tick(done, total, f"reading {what}"))
    modality = request.modality or cohort.modality
    return StressMaterial(bundle, shipped, own_fp32, images, targets, tuple(units_of(cases)), modality)


def _check_kind(cohort: Cohort, bundle: Bundle) -> None:
    """Outlines are judged by label maps, classes by labels: a source of the other kind has none to give."""
    asked, has = bundle.manifest.task, cohort.task
    if (asked.kind == "segmentation") != (has.kind == "segmentation") or asked.picks_one != has.picks_one:
        raise InputError(
            f"{cohort.source} is a source of {has.kind}, and {bundle.manifest.name} answers a task of {asked.kind}",
            expected="a source with the reference standard of that task", hint="name other data",
        )  # fmt: skip


def _cases(cohort: Cohort, bundle: Bundle) -> tuple[tuple[Case, ...], str]:
    """The source's test part; of the bundle's own cohort without parts, the part that was sealed; else everything."""
    if any(case.part == "test" for case in cohort.cases):
        return tuple(case for case in cohort.cases if case.part == "test"), "the source's test part"
    if cohort.name == bundle.manifest.cohort:
        if (parts := parts_as_made(bundle, cohort)) is not None:
            return parts.split.test.open(reason=REASON), "the sealed part of the bundle's cohort"
        raise InputError(
            f"{cohort.source} seems to be the bundle's own cohort, changed, and has no test part",
            expected="cases that the model has not learned from",
            hint="name new data, or mark the test cases in the source",
        )
    return cohort.cases, "all of them; none may have been used to make the bundle"


def _targets(cohort: Cohort, cases: tuple[Case, ...], bundle: Bundle) -> Targets:
    """Labels ``(n,)`` or label maps ``(n, D, H, W)``, numbered in the order of the bundle's classes."""
    known = bundle.manifest.task.classes
    if unknown := sorted(set(cohort.task.classes) - set(known)):
        raise InputError(
            f"{cohort.source} has classes that the bundle does not know: {', '.join(unknown)}",
            expected=", ".join(known),
            hint="rename the classes of the data",
        )
    found = targets_of(cases, cohort.task, bundle.manifest.preprocess)
    return np.array([known.index(name) for name in cohort.task.classes], found.dtype)[found]
