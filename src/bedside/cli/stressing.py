"""``bedside robustness``: spoilt, odd and hostile images against a bundle; only its white-box attacks need torch."""

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from bedside.base.arrays import IntArray
from bedside.base.errors import InputError
from bedside.base.files import write_atomic
from bedside.base.jsonform import to_json
from bedside.bundle.opening import Bundle, open_bundle
from bedside.bundle.stress_page import stress_page
from bedside.cli.stress_request import StressMaterial, StressRequest
from bedside.cli.stress_tables import show_stress
from bedside.cli.white_boxing import bundle_of, white_box_report, white_boxed
from bedside.data.case import Case
from bedside.data.cohort import Cohort
from bedside.data.corruptions import FAMILIES, SEVERITIES, Family, suite_for
from bedside.data.sources import load_cohort
from bedside.data.stacking import stack_images
from bedside.data.units import units_of
from bedside.serve.class_only import require_classes
from bedside.serve.own_parts import parts_as_made
from bedside.verify.adversarial import AdversarialReport, Victim, square_curve
from bedside.verify.attack_checks import check_attacks
from bedside.verify.outliers import GateEvidence, as_pictures, gate_evidence
from bedside.verify.robustness import Robustness, corruption_robustness

REASON = "robustness of a sealed bundle; nothing is chosen by it"


def run_robustness(request: StressRequest) -> None:
    """Load, stress, print tables, and write what was asked for."""
    if request.modality is not None and request.modality not in FAMILIES:
        raise InputError(
            f"no modality called {request.modality!r}", expected="one of " + ", ".join(FAMILIES), hint="see --modality"
        )
    if request.attack not in (None, "square"):
        raise InputError(f"no attack called {request.attack!r}", expected="square", hint="see also --white-box")
    severities, eps = _numbers(request.severities or ",".join(map(str, SEVERITIES))), _numbers(request.eps)
    console = Console()
    bundle = open_bundle(bundle_of(request.bundle), trusted=request.trust)
    require_classes(bundle, "corruptions and attacks")
    network = white_boxed(request, bundle) if request.white_box else None
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}/{task.total}"))
    with Progress(*columns, TimeElapsedColumn(), console=console, transient=True) as progress:
        bar = progress.add_task("reading images", total=None)

        def tick(done: int, total: int, what: str = "reading images") -> None:
            progress.update(bar, completed=done, total=total, description=what)

        material = _gather(request, bundle, console, tick)
        robustness = _corrupt(request, material, severities, tick)
        gate = _at_the_gate(request, material)
        if network is not None:
            adversarial = white_box_report(request, material, network, eps, tick)
        else:
            adversarial = _attack(request, material, eps, tick) if request.attack else None
    show_stress(console, robustness, gate, adversarial)
    _write(console, request, bundle, robustness, gate, adversarial)


def _numbers(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(word) for word in text.split(","))
    except ValueError:
        raise InputError(f"{text!r} is not a list of whole numbers", expected="such as 1,3,5") from None


def _gather(request: StressRequest, bundle: Bundle, console: Console, tick) -> StressMaterial:
    cohort = load_cohort(request.data, **request.options)
    cases, part = _cases(cohort, bundle)
    shipped = bundle.model()
    try:
        own_fp32 = bundle.model(shipped.artifact.format, "fp32")
    except InputError:
        own_fp32 = shipped
    preprocess = bundle.manifest.preprocess
    console.print(f"[bold]{bundle.manifest.name}[/] on {cohort.name}: {len(cases)} images, {part}", highlight=False)
    return StressMaterial(
        bundle, shipped, own_fp32, stack_images(cases, preprocess, tick), _labels(cohort, cases, bundle),
        tuple(units_of(cases)), request.modality or cohort.modality,
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


def _labels(cohort: Cohort, cases: tuple[Case, ...], bundle: Bundle) -> IntArray:
    """Labels in the order of the bundle's classes."""
    known = bundle.manifest.task.classes
    if unknown := sorted(set(cohort.task.classes) - set(known)):
        raise InputError(
            f"{cohort.source} has classes that the bundle does not know: {', '.join(unknown)}",
            expected=", ".join(known),
            hint="rename the classes of the data",
        )
    return np.array([known.index(cohort.task.classes[case.label]) for case in cases], np.int64)


def _corrupt(request: StressRequest, material: StressMaterial, severities: tuple[int, ...], tick) -> Robustness:
    manifest = material.bundle.manifest
    return corruption_robustness(
        manifest.task, material.images, material.labels, material.units, manifest.preprocess,
        suite_for(material.modality, _family(request)), shipped=material.opened(material.shipped),
        reference=material.opened(material.own_fp32), severities=severities, seed=request.seed, tick=tick,
    )  # fmt: skip


def _family(request: StressRequest) -> Family | None:
    return next((name for name in FAMILIES if name == request.modality), None)


def _at_the_gate(request: StressRequest, material: StressMaterial) -> GateEvidence | None:
    gate = material.bundle.gate()
    if gate is None:
        return None
    pictures = as_pictures(material.images)
    return gate_evidence(gate, pictures, material.units, material.bundle.manifest.preprocess, seed=request.seed)


def _attack(request: StressRequest, material: StressMaterial, eps: tuple[int, ...], tick) -> AdversarialReport:
    rows = np.arange(len(material.images))[:: -(-len(material.images) // max(1, request.attack_images))]
    session, point = material.opened(material.shipped)
    manifest = material.bundle.manifest
    victim = Victim(
        name=material.shipped.artifact.name, session=session, point=point, preprocess=manifest.preprocess,
        images=material.images[rows], labels=material.labels[rows], units=tuple(material.units[i] for i in rows),
        positive=manifest.task.positive,
    )  # fmt: skip
    few, many = max(1, request.queries // 3), request.queries
    curves = [
        square_curve(victim, eps_levels=eps, n_queries=n, seed=request.seed, tick=tick)
        for n in dict.fromkeys((few, many))
    ]
    return AdversarialReport(
        curves=tuple(curves), checks=check_attacks(curves), n_cases=len(rows), n_patients=len(set(victim.units)),
        seed=request.seed,
    )  # fmt: skip


def _write(
    console: Console, request: StressRequest, bundle: Bundle, robustness: Robustness, gate: GateEvidence | None,
    adversarial: AdversarialReport | None,
) -> None:  # fmt: skip
    if request.out is not None:
        value = {
            "bundle": bundle.manifest.name,
            "content_digest": bundle.manifest.content_digest,
            "source": request.data,
            "robustness": robustness,
            "gate": gate,
            "adversarial": adversarial,
        }
        write_atomic(request.out, to_json(value, indent=1))
        console.print(f"figures  {request.out}", highlight=False, soft_wrap=True)
    if request.plot is not None:
        title = f"{bundle.manifest.name}: spoilt, odd and hostile images"
        page = stress_page(title, robustness=robustness, adversarial=adversarial, gate=gate)
        write_atomic(request.plot, page.encode())
        console.print(f"charts   {request.plot}", highlight=False, soft_wrap=True)
