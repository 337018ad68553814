"""The model card (Mitchell et al., FAT* 2019), in Markdown."""

from bedside.bundle.evidence_words import metrics_of
from bedside.bundle.manifest import IntendedUse
from bedside.bundle.report_data import ReportData
from bedside.bundle.wording import asks, cut, forbidden_uses, modality_word, percent, three_digits
from bedside.verify.evidence import Evidence
from bedside.verify.profiling import Quantity


def intended_use(data: ReportData) -> IntendedUse:
    """Draft from what the run knows; the rest is for the owner to state."""
    looked_for = f" Looked for: {data.task.positive_name}." if data.task.picks_one else ""
    modality = f"{word.strip()}. " if (word := modality_word(data)) else ""
    return IntendedUse(purpose=f"{modality}{asks(data.task)}.{looked_for}")


def render_model_card(data: ReportData, start_weights: str) -> str:
    """Write the card; `start_weights` says where the training started from."""
    use = intended_use(data)
    parts = [
        f"# Model card: {data.cohort.name}, {data.chosen.name}",
        "> Research use. Not for diagnosis.",
        *(_warnings(data)),
        _section("Intended use", _fields(use)),
        _section("Model", _model_lines(data, start_weights)),
        _section("Data", _data_lines(data)),
        "## Performance on the sealed test",
        _performance(data),
        f"Non-inferiority to the reference: **{data.evidence.non_inferiority}**.",
        _section("Cost on " + data.chosen.profile.machine, _cost_lines(data)),
        _section("What it must not be used for", list(forbidden_uses(data))),
        _section("Limits", _limits(use, data)),
        _section(
            "More",
            [
                "report.html, report.json: the evidence, for people and for programs",
                "pack/: checklists, data sheet, flow of cases, change plan, trace table, bill of materials",
            ],
        ),
    ]
    return "\n\n".join(parts) + "\n"


def _section(title: str, lines: list[str]) -> str:
    return f"## {title}\n\n" + "\n".join(f"- {line}" for line in lines)


def _limits(use: IntendedUse, data: ReportData) -> list[str]:
    return [
        use.limits,
        *_errors(data),
        "Subgroups, other sites and other scanners have not been evaluated, unless report.html holds a table of them.",
    ]


def _errors(data: ReportData) -> list[str]:
    if not isinstance(data.evidence, Evidence):
        return [f"On the sealed test: {sentence}" for sentence in data.evidence.plain]
    shipped = data.evidence.shipped
    missed, false_alarms = (1 - estimate.value for estimate in (shipped.sensitivity, shipped.specificity))
    return [
        f"Errors to expect: it misses {percent(missed)} of “{data.task.positive_name}” and calls "
        f"{percent(false_alarms)} of the others so by mistake, at the locked operating point, on the sealed test."
    ]


def _fields(use: IntendedUse) -> list[str]:
    return [f"{name}: {getattr(use, name)}" for name in ("purpose", "population", "setting", "user")]


def _warnings(data: ReportData) -> list[str]:
    found = []
    if data.cohort.is_phantom:
        found.append("> **Simulated data.** This model was made on a phantom and knows nothing of patients.")
    if data.audit.leaks and data.audit.policy == "allow":
        found.append(f"> **Leak.** {len(data.audit.leaks)} pairs of cases stand in two parts; figures may be too high.")
    return found


def _model_lines(data: ReportData, start_weights: str) -> list[str]:
    trial = data.chosen
    return [
        f"Architecture: {trial.name}, {trial.n_parameters:,} parameters, {trial.mmacs:.2f} M multiply-accumulates",
        f"Made by: {', '.join(stamp.stop for stamp in data.lineage)}; preset {data.preset}, seed {data.seed}",
        f"Start weights: {start_weights}",
        f"Operating point: {', '.join(filter(None, (trial.point.rule, cut(data.task, trial.point))))}",
        f"Temperature: {trial.point.temperature:.4f}",
    ]


def _data_lines(data: ReportData) -> list[str]:
    sizes = ", ".join(f"{part} {n}" for part, n in data.cohort.parts.items())
    return [
        f"Cohort: {data.cohort.name} ({data.cohort.source}), licence {data.cohort.licence}",
        f"Parts: {sizes}; {data.cohort.split_how}",
        f"Audit: {len(data.audit.leaks)} leaks ({data.audit.policy}), {len(data.audit.dropped)} cases dropped for "
        f"them, {len(data.audit.unreadable)} unreadable, {len(data.audit.constant)} constant",
    ]


def _performance(data: ReportData) -> str:
    shipped, reference = data.evidence.shipped.metrics(), data.evidence.reference.metrics()
    rows = [
        f"| {metric.title}{f', {metric.unit}' if metric.unit else ''} | {reference[name]} | {shipped[name]} |"
        for name, metric in metrics_of(data.evidence).items()
    ]
    head = f"| Metric (95 % interval) | {data.reference_name} fp32 | {data.chosen.name} shipped |"
    return "\n".join([head, "|---|---|---|", *rows])


def _cost_lines(data: ReportData) -> list[str]:
    profile = data.chosen.profile
    named = {
        "Latency p50": (profile.latency_p50_ms, "ms"),
        "Latency p90": (profile.latency_p90_ms, "ms"),
        "Peak memory": (profile.peak_memory_mib, "MiB"),
        "Energy an image": (profile.energy_mj, "mJ"),
        "File": (profile.size_kib, "KiB"),
    }
    return [f"{name}: {_quantity(quantity, unit)}" for name, (quantity, unit) in named.items()]


def _quantity(quantity: Quantity, unit: str) -> str:
    band = "" if quantity.low == quantity.high else f" [{three_digits(quantity.low)}, {three_digits(quantity.high)}]"
    return f"{three_digits(quantity.value)}{band} {unit}, {quantity.origin}: {quantity.how}"
