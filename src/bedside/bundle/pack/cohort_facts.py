"""What a run knows about its question, its cohort and its parts; measured times stay out."""

from collections.abc import Callable, Mapping

from bedside.bundle import wording
from bedside.bundle.case_flow import case_flow
from bedside.bundle.evidence_words import primary_title
from bedside.bundle.pack.fact import Fact, said
from bedside.bundle.report_data import ReportData


def _kind_of_study(data: ReportData) -> Fact:
    return Fact(
        text=f"Deep learning (a convolutional network, compressed) on {wording.modality_word(data)}images. "
        f"{wording.asks(data.task)}; main measure {primary_title(data.evidence)}",
        leaves="the title",
    )


def _purpose(data: ReportData) -> Fact:
    return Fact(text=wording.purpose(data), leaves="care pathway, users, target population, background")


def _objective(data: ReportData) -> Fact:
    margin = data.evidence.non_inferiority.margin
    return Fact(
        text="Develop a small model and evaluate it once; the hypothesis, set beforehand: its "
        f"{primary_title(data.evidence)} is not lower than "
        f"that of the reference {data.reference_name} by more than {margin:g}"
    )


def _design(data: ReportData) -> Fact:
    return Fact(text="Retrospective: the images and labels were there before the model", leaves="how they came about")


def _source(data: ReportData) -> Fact:
    return Fact(
        text=f"{data.cohort.name} ({data.cohort.source}), licence {data.cohort.licence}",
        leaves="dates, places, how representative",
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
    sides = () if spec is None else spec.shape[-2:] if spec.depth_px is None else spec.shape[-3:]
    size = (
        f" to {' x '.join(map(str, sides))} px, {wording.counted(spec.n_channels, 'channel', 'channels')}"
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
    sizes = ", ".join(f"{part} {n:,}" for part, n in data.cohort.parts.items())
    return Fact(text=f"{data.cohort.split_how}: {sizes}; the test part stayed sealed until the model was chosen")


def _disjoint(data: ReportData) -> Fact:
    if data.audit.leaks and data.audit.policy == "allow":
        return Fact(text=f"NOT disjoint: {len(data.audit.leaks)} pairs stand in two parts, by the owner's leave")
    return Fact(text="By patient where patients are known, else by group or image; near copies tied together")


def _observation(data: ReportData) -> Fact:
    n = data.cohort.parts.get("observation", 0)
    return Fact(text=f"{n:,} development images, stratified by class, to observe activation ranges for int8")


def _flow(data: ReportData) -> Fact:
    return Fact(text="pack/case_flow.svg")


def _counts(data: ReportData) -> Fact:
    table = data.cohort.part_classes or data.audit.counts
    parts = "; ".join(
        f"{part}: " + ", ".join(f"{name} {n:,}" for name, n in row.items()) for part, row in table.items()
    )
    return Fact(text=parts, leaves="age, sex and other characteristics")


COHORT_FACTS: Mapping[str, Callable[[ReportData], Fact]] = {
    "kind_of_study": _kind_of_study,
    "purpose": _purpose,
    "objective": _objective,
    "design": _design,
    "source": _source,
    "exclusions": _exclusions,
    "audit": _audit,
    "preprocessing": _preprocessing,
    "classes": _classes_fact,
    "predictors": said("The pixels; no clinical variable"),
    "no_reader": said("Not applicable: no human reads the input; the model sees pixels only"),
    "sample_size": _sample_size,
    "missing": _missing,
    "partition": _partition,
    "disjoint": _disjoint,
    "observation": _observation,
    "imbalance": said("No resampling; parts are stratified by class where the run divided them; AUROC, PPV and NPV"),
    "flow": _flow,
    "counts": _counts,
    "external": said("Not done in this run", "external evaluation: bedside evaluate BUNDLE --data SOURCE"),
    "bad_input": said("An unreadable, truncated or giant image ends in an error, never in a prediction"),
}
