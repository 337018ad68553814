"""``bedside robustness``: spoilt, odd and hostile images against a bundle; only its white-box attacks need torch."""

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from bedside.base.errors import InputError
from bedside.base.files import write_atomic
from bedside.base.jsonform import to_json
from bedside.bundle.opening import Bundle, open_bundle
from bedside.bundle.stress_page import Corrupted, stress_page
from bedside.cli.stress_gathering import check_stressable, gather
from bedside.cli.stress_request import StressMaterial, StressRequest
from bedside.cli.stress_tables import show_stress
from bedside.cli.white_boxing import bundle_of, white_box_report, white_boxed
from bedside.data.corrupting_volumes import suite_and_spoiler
from bedside.data.corruptions import FAMILIES, SEVERITIES, Family
from bedside.verify.adversarial import AdversarialReport, Victim, square_curve
from bedside.verify.attack_checks import check_attacks
from bedside.verify.judge import Truth
from bedside.verify.outliers import GateEvidence
from bedside.verify.robustness import corruption_robustness
from bedside.verify.volume_outliers import evidence_at_gate
from bedside.verify.volume_robustness import volume_robustness


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
    check_stressable(request, bundle)
    network = white_boxed(request, bundle) if request.white_box else None
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}/{task.total}"))
    with Progress(*columns, TimeElapsedColumn(), console=console, transient=True) as progress:
        bar = progress.add_task("reading", total=None)

        def tick(done: int, total: int, what: str) -> None:
            progress.update(bar, completed=done, total=total, description=what)

        material = gather(request, bundle, console, tick)
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


def _corrupt(request: StressRequest, material: StressMaterial, severities: tuple[int, ...], tick) -> Corrupted:
    """Corrupt the cases: AUROC of classes, Dice of outlined volumes."""
    manifest = material.bundle.manifest
    shipped, own_fp32 = material.opened(material.shipped), material.opened(material.own_fp32)
    suite, spoil = suite_and_spoiler(material.modality, manifest.preprocess, _family(request))
    if manifest.task.kind == "segmentation":
        truth = Truth(task=manifest.task, targets=material.targets, units=material.units)
        return volume_robustness(
            truth, material.images, manifest.preprocess, suite, shipped=shipped, fp32=own_fp32, severities=severities,
            seed=request.seed, tick=tick,
        )  # fmt: skip
    return corruption_robustness(
        manifest.task, material.images, material.targets, material.units, manifest.preprocess, suite, shipped=shipped,
        reference=own_fp32, severities=severities, seed=request.seed, tick=tick, spoil=spoil,
    )  # fmt: skip


def _family(request: StressRequest) -> Family | None:
    return next((name for name in FAMILIES if name == request.modality), None)


def _at_the_gate(request: StressRequest, material: StressMaterial) -> GateEvidence | None:
    if (gate := material.bundle.gate()) is None:
        return None
    preprocess = material.bundle.manifest.preprocess
    return evidence_at_gate(gate, material.images, material.units, preprocess, seed=request.seed)


def _attack(request: StressRequest, material: StressMaterial, eps: tuple[int, ...], tick) -> AdversarialReport:
    rows = np.arange(len(material.images))[:: -(-len(material.images) // max(1, request.attack_images))]
    session, point = material.opened(material.shipped)
    manifest = material.bundle.manifest
    victim = Victim(
        name=material.shipped.artifact.name, session=session, point=point, preprocess=manifest.preprocess,
        images=material.images[rows], labels=material.targets[rows], units=tuple(material.units[i] for i in rows),
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
    console: Console, request: StressRequest, bundle: Bundle, robustness: Corrupted, gate: GateEvidence | None,
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
