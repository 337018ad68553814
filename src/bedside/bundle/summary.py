"""The short table: reference against shipped model."""

import json
from dataclasses import dataclass

from bedside.base.jsonform import from_json
from bedside.bundle.evidence_words import both, headline, in_sentence, metrics_of
from bedside.bundle.opening import Bundle
from bedside.bundle.wording import three_digits
from bedside.verify.evidence import Evidence
from bedside.verify.judge import AnyEvidence
from bedside.verify.measured import MeasuredEvidence
from bedside.verify.profiling import Profile, Quantity


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """Names, verdict, and rows of (what, reference, shipped)."""

    reference_name: str
    shipped_name: str
    verdict: str
    rows: tuple[tuple[str, str, str], ...]


def summary_rows(evidence: AnyEvidence, reference: Profile, shipped: Profile) -> tuple[tuple[str, str, str], ...]:
    """The first three metrics with intervals; then size, latency, memory, energy with their origin."""
    metrics = []
    for name in headline(evidence):
        metric, (before, after) = metrics_of(evidence)[name], both(evidence, name)
        unit = f", {metric.unit}" if metric.unit else ""
        metrics.append((f"{in_sentence(metric.title)}{unit}", str(before), str(after)))
    costs = [
        (f"{name}, {unit}", _cost(getattr(reference, key)), _cost(getattr(shipped, key)))
        for name, key, unit in (
            ("size", "size_kib", "KiB"),
            ("latency", "latency_p50_ms", "ms"),
            ("memory", "peak_memory_mib", "MiB"),
            ("energy", "energy_mj", "mJ"),
        )
    ]
    return (*metrics, *costs)


def _cost(quantity: Quantity) -> str:
    band = f" [{three_digits(quantity.low)}, {three_digits(quantity.high)}]" if quantity.origin == "modelled" else ""
    return f"{three_digits(quantity.value)}{band} ({quantity.origin})"


def read_summary(bundle: Bundle) -> Summary:
    """Read the summary from a bundle's evidence."""
    kind = Evidence if bundle.manifest.task.picks_one else MeasuredEvidence
    evidence = from_json(kind, bundle.text("evidence/evidence.json").encode(), where="evidence.json")
    profiles = json.loads(bundle.text("evidence/profile.json"))
    trials = json.loads(bundle.text("evidence/trials.json"))
    reference, shipped = (
        from_json(Profile, json.dumps(profiles[name]).encode(), where="profile.json")
        for name in ("reference", "shipped")
    )
    lineage = json.loads(bundle.text("evidence/lineage.json"))
    reference_name = next(stamp["note"] for stamp in lineage["stamps"] if stamp["stop"] == "reference")
    return Summary(
        reference_name=f"{reference_name} fp32",
        shipped_name=trials["choice"]["name"],
        verdict=str(evidence.non_inferiority),
        rows=summary_rows(evidence, reference, shipped),
    )
