"""What a run knows about itself, in sentences that checklists can hold; measured times stay out of them."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bedside.bundle import wording
from bedside.bundle.case_flow import case_flow
from bedside.bundle.report_data import ReportData
from bedside.verify.parity import EXACT_TOLERANCE_PROB, INT8_TOLERANCE_PROB, MAX_FLIPS_FRAC


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One thing that the run knows.

    Parameters
    ----------
    leaves
        What remains for the owner to state; empty if nothing does.
    """

    text: str
    leaves: str = ""


def facts_of(data: ReportData) -> Mapping[str, Fact]:
    """Return every fact by its name, the name that the checklists use."""
    return {name: make(data) for name, make in _FACTS.items()}


def _kind_of_study(data: ReportData) -> Fact:
    return Fact(
        text=f"Deep learning (a convolutional network, compressed) to tell {_classes(data)} apart on {data.modality} "
        "images; main measure AUROC",
        leaves="the title",
    )


def _purpose(data: ReportData) -> Fact:
    return Fact(text=wording.purpose(data), leaves="care pathway, users, target population, background")


def _objective(data: ReportData) -> Fact:
    margin = data.evidence.non_inferiority.margin
    return Fact(
        text="Develop a small model and evaluate it once; the hypothesis, set beforehand: its AUROC is not lower than "
        f"that of the reference {data.reference_name} by more than {margin:g}"
    )


def _design(data: ReportData) -> Fact:
    return Fact(text="Retrospective: the images and labels were there before the model", leaves="how they came about")


def _source(data: ReportData) -> Fact:
    return Fact(
        text=f"{data.cohort_name} ({data.source}), licence {data.licence}", leaves="dates, places, how representative"
    )


def _exclusions(data: ReportData) -> Fact:
    reasons = ", ".join(f"{reason} {n}" for reason, n in case_flow(data).left_out.items())
    return Fact(text=f"Left out by the audit: {reasons}", leaves="clinical criteria of inclusion and exclusion")


def _audit(data: ReportData) -> Fact:
    audit = data.audit
    return Fact(
        text=f"{audit.n_cases:,} cases looked at for unreadable and constant images, exact and near copies, and "
        f"patients or groups in two parts: {len(audit.leaks)} leaks (policy {audit.policy}), "
        f"{audit.n_copies_within_parts} copies inside one part"
    )


def _preprocessing(data: ReportData) -> Fact:
    spec = data.input_spec
    size = (
        f" to {spec.height_px} x {spec.width_px} px, {wording.counted(spec.n_channels, 'channel', 'channels')}"
        if spec
        else ""
    )
    return Fact(
        text=f"Resized{size} and normalized by one value in training, evaluation and use (manifest: preprocess)"
    )


def _classes(data: ReportData) -> str:
    return ", ".join(f"“{name}”" for name in data.task.classes)


def _classes_fact(data: ReportData) -> Fact:
    return Fact(
        text=f"Labels of the source: {_classes(data)}; looked for: “{data.task.positive_name}”",
        leaves="how, by whom and when the reference standard was set",
    )


def _sample_size(data: ReportData) -> Fact:
    judged = data.evidence.non_inferiority
    enough = f"; about {judged.n_patients_needed:,} would settle the verdict" if judged.n_patients_needed else ""
    return Fact(
        text=f"All cases of the source's test part: {data.evidence.n_cases:,} cases of {data.evidence.n_patients:,} "
        f"independent units{enough}",
        leaves="why this size was intended",
    )


def _missing(data: ReportData) -> Fact:
    return Fact(
        text=f"{len(data.audit.unreadable)} unreadable images were left out; nothing was imputed",
        leaves="cases that never reached the source",
    )


def _partition(data: ReportData) -> Fact:
    sizes = ", ".join(f"{part} {n:,}" for part, n in data.part_sizes.items())
    return Fact(text=f"{data.split_how}: {sizes}; the test part stayed sealed until the model was chosen")


def _disjoint(data: ReportData) -> Fact:
    if data.audit.leaks and data.audit.policy == "allow":
        return Fact(text=f"NOT disjoint: {len(data.audit.leaks)} pairs stand in two parts, by the owner's leave")
    return Fact(text="By patient where patients are known, else by group or image; near copies tied together")


def _observation(data: ReportData) -> Fact:
    n = data.part_sizes.get("observation", 0)
    return Fact(text=f"{n:,} development images, stratified by class, to observe activation ranges for int8")


def _model(data: ReportData) -> Fact:
    trial = data.chosen
    return Fact(
        text=f"{trial.name}: {trial.n_parameters:,} parameters, {trial.mmacs:.2f} million multiply-accumulates "
        "(recipe: evidence/recipe.json)"
    )


def _files(data: ReportData) -> Fact:
    listed = "; ".join(f"{m.name}, SHA-256 {m.digest}" for m in data.models) or ", ".join(data.sizes_kib)
    return Fact(text=f"In the bundle: {listed}")


def _training(data: ReportData) -> Fact:
    return Fact(
        text=f"Distilled from the reference {data.reference_name}; preset {data.preset}, seed {data.seed}; settings in "
        "evidence/recipe.json"
    )


def _start_weights(data: ReportData) -> Fact:
    return Fact(text=data.start_weights)


def _selection(data: ReportData) -> Fact:
    return Fact(text=f"Among {len(data.trials)} trials, on the tuning part only: {data.choice.why}")


def _operation(data: ReportData) -> Fact:
    point = data.chosen.point
    cut = f"threshold {point.threshold_prob:.4f}" if point.threshold_prob is not None else "most probable class"
    return Fact(
        text=f"Probabilities (temperature {point.temperature:.4f}); {cut}; {point.rule}; locked before the test"
    )


def _metrics(data: ReportData) -> Fact:
    return Fact(text=", ".join(wording.METRIC_NAMES.values()) + "; ROC, reliability and confusion in report.html")


def _uncertainty(data: ReportData) -> Fact:
    methods = sorted({e.method for e in data.evidence.shipped.metrics().values() if e.method})
    return Fact(
        text=f"95 % intervals: {'; '.join(methods)}; difference: {data.evidence.non_inferiority.difference.method}"
    )


def _performance(data: ReportData) -> Fact:
    shipped, reference = data.evidence.shipped.metrics(), data.evidence.reference.metrics()
    shown = "; ".join(
        f"{wording.METRIC_NAMES[name]} {shipped[name]} (reference {reference[name]})"
        for name in ("auroc", "sensitivity", "specificity")
    )
    return Fact(text=f"{shown}; {data.evidence.non_inferiority}", leaves="subgroups that the bundle holds no table of")


def _cross_table(data: ReportData) -> Fact:
    cells = (f"truth {t}, called {c}: {n:,}" for (t, c), n in case_flow(data).called.items())
    return Fact(text="; ".join(cells) if data.task.n_classes <= 3 else "report.html, figure “Confusion”")


def _flow(data: ReportData) -> Fact:
    return Fact(text="pack/case_flow.svg")


def _counts(data: ReportData) -> Fact:
    table = data.part_classes or data.audit.counts
    parts = "; ".join(
        f"{part}: " + ", ".join(f"{name} {n:,}" for name, n in row.items()) for part, row in table.items()
    )
    return Fact(text=parts, leaves="age, sex and other characteristics")


def _failures(data: ReportData) -> Fact:
    n = sum(item.kind == "miss" for item in data.gallery)
    return Fact(text=f"{n} misses pictured in report.html, the most confident first", leaves="their clinical meaning")


def _parity(data: ReportData) -> Fact:
    flips = data.evidence.flips_frac.value
    share = "not estimable" if math.isnan(flips) else f"{100 * flips:.1f} %"
    return Fact(
        text=f"Export: a float stage may move a probability by {EXACT_TOLERANCE_PROB:g}, the int8 stage by "
        f"{INT8_TOLERANCE_PROB:g} with at most {100 * MAX_FLIPS_FRAC:g} % of calls flipped; {share} of test calls did",
        leaves="robustness to what the bundle holds no table of",
    )


def _software(data: ReportData) -> Fact:
    versions = ", ".join(f"{name} {version}" for name, version in data.versions.items())
    return Fact(text=f"{versions}; runtime: pack/sbom.cdx.json")


def _lineage(data: ReportData) -> Fact:
    return Fact(text="Each stop by digest in evidence/lineage.json; every file under the signed manifest")


def _limits(data: ReportData) -> Fact:
    simulated = "Simulated images only. " if data.is_phantom else ""
    return Fact(
        text=f"{simulated}One cohort; no other site, device or group evaluated", leaves="all further limitations"
    )


def _said(text: str, leaves: str = "") -> Callable[[ReportData], Fact]:
    return lambda data: Fact(text=text, leaves=leaves)


_FACTS: Mapping[str, Callable[[ReportData], Fact]] = {
    "kind_of_study": _kind_of_study,
    "purpose": _purpose,
    "objective": _objective,
    "design": _design,
    "source": _source,
    "exclusions": _exclusions,
    "audit": _audit,
    "preprocessing": _preprocessing,
    "classes": _classes_fact,
    "predictors": _said("The pixels of one image; no clinical variable"),
    "no_reader": _said("Not applicable: no human reads the input; the model sees pixels only"),
    "sample_size": _sample_size,
    "missing": _missing,
    "partition": _partition,
    "disjoint": _disjoint,
    "observation": _observation,
    "model": _model,
    "files": _files,
    "training": _training,
    "start_weights": _start_weights,
    "selection": _selection,
    "no_ensemble": _said("Not applicable: one model ships"),
    "operation": _operation,
    "metrics": _metrics,
    "uncertainty": _uncertainty,
    "imbalance": _said("No resampling; parts are stratified by class where the run divided them; AUROC, PPV and NPV"),
    "no_update": _said("None: the model was not changed after the test was opened"),
    "performance": _performance,
    "cross_table": _cross_table,
    "flow": _flow,
    "counts": _counts,
    "failures": _failures,
    "indeterminate": _said("None: every test case got a call"),
    "external": _said("Not done in this run", "external evaluation: bedside evaluate BUNDLE --data SOURCE"),
    "heat": _said("Occlusion maps of the shipped file on pictured test cases in report.html", "what they mean"),
    "parity": _parity,
    "software": _software,
    "lineage": _lineage,
    "limits": _limits,
    "bad_input": _said("An unreadable, truncated or giant image ends in an error, never in a prediction"),
}
