"""What each table of the report holds, as plain rows; the template only lays them out."""

import math
from typing import Any

import numpy as np

from bedside.base.estimate import Estimate
from bedside.bundle.evidence_words import both, metrics_of
from bedside.bundle.pictures import gallery_png_uri, overlay_png_uri
from bedside.bundle.report_data import GalleryItem, ReportData
from bedside.bundle.wording import (
    percent,
    three_decimals,
    three_digits,
    times,
    where,
    with_interval,
)
from bedside.verify.parity import ParityReport, StageParity
from bedside.verify.profiling import Profile, Quantity
from bedside.verify.selection import Trial

Row = dict[str, Any]

N_LEAKS_SHOWN = 20

_COSTS = (
    ("Size", "size_kib", "KiB", "smaller", "larger"),
    ("Latency, p50", "latency_p50_ms", "ms", "faster", "slower"),
    ("Latency, p90", "latency_p90_ms", "ms", "faster", "slower"),
    ("Memory, peak", "peak_memory_mib", "MiB", "less", "more"),
    ("Energy, one image", "energy_mj", "mJ", "less", "more"),
)


def metric_rows(data: ReportData) -> list[Row]:
    """One row a metric: reference and shipped, each with its 95 % interval."""
    many = {"auroc": " (macro)", "f1": " (macro)"} if data.task.picks_one and not data.task.is_binary else {}
    rows = []
    for name, metric in metrics_of(data.evidence).items():
        reference, shipped = both(data.evidence, name)
        top = max((e.high for e in (reference, shipped) if math.isfinite(e.high)), default=1.0) if metric.unit else 1.0
        unit = f", {metric.unit}" if metric.unit else ""
        rows.append(
            {
                "name": f"{metric.title}{many.get(name, '')}{unit}",
                "lower": metric.lower_is_better,
                "reference": _interval(reference, top),
                "shipped": _interval(shipped, top),
            }
        )
    return rows


def _interval(estimate: Estimate, top: float) -> Row:
    """One cell: the number, its interval, and where both lie on a track from 0 to `top`."""
    known = not math.isnan(estimate.value)
    low, high, at = (max(0.0, min(x / max(top, 1e-9), 1.0)) for x in (estimate.low, estimate.high, estimate.value))
    return {
        "known": known,
        "value": three_decimals(estimate.value),
        "interval": f"[{three_decimals(estimate.low)}, {three_decimals(estimate.high)}]" if known else "",
        "left": f"{100 * low:.1f}",
        "width": f"{max(1.0, 100 * (high - low)):.1f}",
        "at": f"{100 * at:.1f}" if known else "0",
    }


def interval_methods(data: ReportData) -> list[str]:
    """Say how the intervals of the table were computed, each way once."""
    shown, values = metrics_of(data.evidence), data.evidence.shipped.metrics()
    found = {values[name].method for name in shown if values[name].method}
    return sorted(found)


def cost_rows(data: ReportData) -> list[Row]:
    """One row a cost: reference, shipped, how many times less, and where each number comes from."""
    reference, shipped = data.reference_profile, data.chosen.profile
    return [
        {
            "name": name,
            "unit": unit,
            "reference": _cost(getattr(reference, key), reference),
            "shipped": _cost(getattr(shipped, key), shipped),
            "change": compared(data, key, less, more),
        }
        for name, key, unit, less, more in _COSTS
    ]


def compared(data: ReportData, key: str, less: str, more: str) -> str:
    """Compare shipped with reference in words, if both numbers belong to one device."""
    reference, shipped = data.reference_profile, data.chosen.profile
    if key != "size_kib" and reference.device != shipped.device:
        return ""
    return times(getattr(reference, key).value, getattr(shipped, key).value, less=less, more=more)


def _cost(quantity: Quantity, profile: Profile) -> Row:
    band = "" if quantity.low == quantity.high else f"{three_digits(quantity.low)} to {three_digits(quantity.high)}"
    return {
        "value": three_digits(quantity.value),
        "band": band,
        "origin": quantity.origin,
        "where": where(quantity, profile),
        "how": quantity.how,
    }


def parity_tables(data: ReportData) -> list[Row]:
    """One table a format: every stage against the one before, then end to end."""
    return [_parity_table(name, report) for name, report in data.parity_of_format.items()]


def _parity_table(name: str, report: ParityReport) -> Row:
    return {
        "format": name,
        "chain": report.chain,
        "n_images": report.n_images,
        "passed": report.passed,
        "rows": [_stage(stage) for stage in (*report.stages, report.end_to_end)],
    }


def _stage(stage: StageParity) -> Row:
    return {
        "stage": stage.stage,
        "change": _change(stage.max_change_prob),
        "mean": _change(stage.mean_change_prob),
        "steps": "< 0.01" if 0 < stage.max_change_steps < 0.01 else three_digits(stage.max_change_steps),
        "flips": percent(stage.flips_frac),
        "edge": _change(stage.edge_change_prob),
        "tolerance": f"{stage.tolerance_prob:g}",
        "passed": stage.passed,
        "reason": stage.broken_by,
    }


def _change(probability: float) -> str:
    return "< 0.0001" if 0 < probability < 0.0001 else f"{probability:.4f}"


def trial_rows(data: ReportData) -> list[Row]:
    """Every trial: the chosen one, then those that may ship, then the refused, best first."""
    order = {"shipped": 0, "may ship": 1, "refused": 2}
    rows = [_trial(data, trial) for trial in data.trials]
    return sorted(rows, key=lambda row: (order[row["status"]], row["rank"]))


def _trial(data: ReportData, trial: Trial) -> Row:
    chosen = trial.name == data.choice.name
    refusal = trial.refusal(data.budget)
    value = trial.tuning_score.value
    return {
        "name": trial.name,
        "status": "shipped" if chosen else "refused" if refusal else "may ship",
        "why": "" if chosen else data.choice.refused.get(trial.name, refusal).removeprefix("may ship; "),
        "rank": math.inf if math.isnan(value) else -value,
        "score": with_interval(trial.tuning_score).partition(" ["),
        "difference": with_interval(trial.non_inferiority.difference, sign=True).partition(" ["),
        "verdict": trial.non_inferiority.verdict,
        "costs": [
            _cost(getattr(trial.profile, key), trial.profile)
            for key in ("size_kib", "latency_p50_ms", "latency_p90_ms", "peak_memory_mib", "energy_mj")
        ],
        "mmacs": three_digits(trial.mmacs),
        "n_parameters": f"{trial.n_parameters:,}",
    }


def gallery_groups(data: ReportData) -> list[Row]:
    """Misses, then hits: each case as a picture beside its heat map."""
    has_calls = data.task.picks_one or data.task.kind == "multilabel"
    words = ("Misses", "Hits") if has_calls else ("Where it is worst", "Where it is good")
    titles = dict(zip(("miss", "hit"), words, strict=True))
    what = data.task.positive_name if data.task.is_binary else "the class called"
    return [
        {"title": title, "kind": kind, "cases": cases}
        for kind, title in titles.items()
        if (cases := [_picture(data, item, what) for item in data.gallery if item.kind == kind])
    ]


def _picture(data: ReportData, item: GalleryItem, what: str) -> Row:
    return {
        "image": gallery_png_uri(item.image),
        "overlay": _overlay(item),
        "truth": item.truth,
        "called": item.called,
        "probability": three_decimals(item.probability),
        "bar": f"{100 * min(max(item.probability, 0), 1):.0f}" if math.isfinite(item.probability) else "0",
        "what": what,
        "note": item.note,
        "beside": _beside(data, item),
    }


def _beside(data: ReportData, item: GalleryItem) -> str:
    """What the second picture is, in words for those who do not see it."""
    if item.overlay is None:
        return "The same case under its heat map"
    if data.task.picks_one:
        return "Some of its frames or planes, in order"
    return "The same case with the answer drawn on it"


def _overlay(item: GalleryItem) -> str:
    if item.overlay is not None:
        return gallery_png_uri(np.moveaxis(item.overlay, -1, 0))
    return overlay_png_uri(item.image, item.heat) if item.heat is not None else gallery_png_uri(item.image)


def cohort_tables(data: ReportData) -> Row:
    """Count by part and class, with sums; what the audit found."""
    counts = data.audit.counts
    return {
        "rows": [
            (part, [row.get(name, 0) for name in data.task.classes], sum(row.values())) for part, row in counts.items()
        ],
        "adds_up": data.task.picks_one,  # elsewhere a case counts for every class that it shows
        "total": sum(sum(row.values()) for row in counts.values()),
        "used": list(data.cohort.parts.items()),
        "unreadable": sorted(data.audit.unreadable.items()),
        "constant": data.audit.constant,
        "leaks_shown": [str(leak) for leak in data.audit.leaks[:N_LEAKS_SHOWN]],
        "n_leaks_hidden": max(0, len(data.audit.leaks) - N_LEAKS_SHOWN),
    }
