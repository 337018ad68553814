"""What a run knows about its model and how well that does; measured times stay out."""

import math
from collections.abc import Callable, Mapping

from bedside.bundle import wording
from bedside.bundle.case_flow import case_flow
from bedside.bundle.evidence_words import both, headline, metrics_of
from bedside.bundle.pack.fact import Fact, said
from bedside.bundle.report_data import ReportData
from bedside.verify.parity import EXACT_TOLERANCE_PROB, INT8_TOLERANCE_PROB, MAX_FLIPS_FRAC


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
    called = wording.cut(data.task, point) or "most probable class"
    return Fact(
        text=f"Probabilities (temperature {point.temperature:.4f}); {called}; {point.rule}; locked before the test"
    )


def _metrics(data: ReportData) -> Fact:
    return Fact(
        text=", ".join(metric.title for metric in metrics_of(data.evidence).values()) + "; figures in report.html"
    )


def _uncertainty(data: ReportData) -> Fact:
    methods = sorted({e.method for e in data.evidence.shipped.metrics().values() if e.method})
    return Fact(
        text=f"95 % intervals: {'; '.join(methods)}; difference: {data.evidence.non_inferiority.difference.method}"
    )


def _performance(data: ReportData) -> Fact:
    shown = "; ".join(
        f"{metrics_of(data.evidence)[name].title} {shipped} (reference {reference})"
        for name in headline(data.evidence)
        for reference, shipped in [both(data.evidence, name)]
    )
    return Fact(text=f"{shown}; {data.evidence.non_inferiority}", leaves="subgroups that the bundle holds no table of")


def _cross_table(data: ReportData) -> Fact:
    if not data.task.picks_one:
        return Fact(text="Not applicable: a case is not in one class")
    cells = (f"truth {t}, called {c}: {n:,}" for (t, c), n in case_flow(data).called.items())
    return Fact(text="; ".join(cells) if data.task.n_classes <= 3 else "report.html, figure “Confusion”")


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
    simulated = "Simulated images only. " if data.cohort.is_phantom else ""
    return Fact(
        text=f"{simulated}One cohort; no other site, device or group evaluated", leaves="all further limitations"
    )


MODEL_FACTS: Mapping[str, Callable[[ReportData], Fact]] = {
    "model": _model,
    "files": _files,
    "training": _training,
    "start_weights": _start_weights,
    "selection": _selection,
    "no_ensemble": said("Not applicable: one model ships"),
    "operation": _operation,
    "metrics": _metrics,
    "uncertainty": _uncertainty,
    "no_update": said("None: the model was not changed after the test was opened"),
    "performance": _performance,
    "cross_table": _cross_table,
    "failures": _failures,
    "parity": _parity,
    "software": _software,
    "lineage": _lineage,
    "limits": _limits,
}
