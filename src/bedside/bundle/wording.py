"""How the report says things: numbers with sensible digits, and sentences in plain words."""

import math

from bedside.base.estimate import Estimate
from bedside.base.task import Task
from bedside.bundle.report_data import ReportData
from bedside.verify.noninferiority import NonInferiority
from bedside.verify.operating_point import OperatingPoint
from bedside.verify.profiling import Profile, Quantity

NOT_ESTIMABLE = "not estimable"


def three_digits(value: float) -> str:
    """Write a cost with three significant digits and no exponent.

    Examples
    --------
    >>> three_digits(43700.5), three_digits(21.44), three_digits(0.00512)
    ('43,700', '21.4', '0.00512')
    """
    if not math.isfinite(value):
        return "unknown"
    if value == 0:
        return "0"
    exponent = int(f"{value:.2e}".partition("e")[2])  # after rounding: 9.996 is 10.0, not 10.00
    return f"{round(value, 2 - exponent):,.{max(0, 2 - exponent)}f}"


def three_decimals(value: float, *, sign: bool = False) -> str:
    """Write a metric with three decimals and a true minus sign; NaN is not estimable."""
    if math.isnan(value):
        return NOT_ESTIMABLE
    return f"{value:+.3f}".replace("-", "−") if sign else f"{value:.3f}".replace("-", "−")


def with_interval(estimate: Estimate, *, sign: bool = False) -> str:
    """Write a value with its interval."""
    if math.isnan(estimate.value):
        return NOT_ESTIMABLE
    value, low, high = (three_decimals(v, sign=sign) for v in (estimate.value, estimate.low, estimate.high))
    return f"{value} [{low}, {high}]"


def percent(fraction: float) -> str:
    """Write a fraction as a percentage with one decimal."""
    return NOT_ESTIMABLE if math.isnan(fraction) else f"{100 * fraction:.1f} %"


def times(reference: float, shipped: float, *, less: str, more: str) -> str:
    """Compare two costs in words, such as ``3.1 × faster``; empty where there is nothing to compare.

    Examples
    --------
    >>> times(30.0, 10.0, less="smaller", more="larger")
    '3.0 × smaller'
    """
    if not (reference > 0 and shipped > 0 and math.isfinite(reference) and math.isfinite(shipped)):
        return ""
    ratio = reference / shipped
    if 0.95 < ratio < 1.05:
        return "about the same"
    factor, word = (ratio, less) if ratio > 1 else (1 / ratio, more)
    return f"{factor:.0f} × {word}" if factor >= 10 else f"{factor:.1f} × {word}"


def counted(n: int, one: str, more: str) -> str:
    """Write a number with its noun.

    Examples
    --------
    >>> counted(1, "case", "cases"), counted(5856, "case", "cases")
    ('1 case', '5,856 cases')
    """
    return f"{n:,} {one if n == 1 else more}"


def shortened(text: str, n_characters: int = 20) -> str:
    """Cut a long name, with an ellipsis."""
    flat = " ".join(text.split())
    return flat if len(flat) <= n_characters else flat[: n_characters - 1].rstrip() + "…"


def where(quantity: Quantity, profile: Profile) -> str:
    """Say whether a number was measured or modelled, and on what."""
    if quantity.origin == "measured":
        return f"measured on {profile.machine}"
    return f"modelled for {profile.machine if profile.device == 'host' else profile.device}"


def purpose(data: ReportData) -> str:
    """Say what the model does."""
    task, point = data.task, data.chosen.point
    given = f"Given one {modality_word(data)}{_input_word(data)}, the model"
    names = ", ".join(f"“{name}”" for name in task.classes)
    if task.kind == "segmentation":
        return f"{given} marks where each of these lies: {', '.join(f'“{name}”' for name in task.classes[1:])}."
    if task.kind == "detection":
        return f"{given} draws boxes around: {names}. {point.rule[:1].upper()}{point.rule[1:]}."
    if task.kind == "multilabel":
        return f"{given} returns the probability of each of {counted(task.n_classes, 'finding', 'findings')}: {names}."
    if task.is_binary and point.threshold_prob is not None:
        other = task.classes[1 - task.positive]
        return (
            f"{given} returns the probability of “{task.positive_name}” as against "
            f"“{other}”. At {three_decimals(point.threshold_prob)} or above it calls “{task.positive_name}” "
            f"({point.rule})."
        )
    return (
        f"{given} returns the probability of each of {task.n_classes} classes and "
        f"calls the most probable one; “{task.positive_name}” is the class that is looked for."
    )


def cut(task: Task, point: OperatingPoint) -> str:
    """Say where the model cuts: one threshold, or one for each finding or kind of object; "" without a threshold.

    Examples
    --------
    >>> point = OperatingPoint(temperature=1.0, threshold_prob=0.25, positive=1, rule="made")
    >>> cut(Task(classes=("no", "yes")), point)
    'threshold 0.2500'
    """
    if point.thresholds_prob:
        each = (f"{name} {limit:.4f}" for name, limit in zip(task.classes, point.thresholds_prob, strict=False))
        return f"thresholds {', '.join(each)}"
    return "" if point.threshold_prob is None else f"threshold {point.threshold_prob:.4f}"


def modality_word(data: ReportData) -> str:
    """Name the modality, with a space after it; nothing where the source does not know it."""
    return "" if data.cohort.modality in ("", "unknown") else f"{data.cohort.modality} "


def _input_word(data: ReportData) -> str:
    spec = data.input_spec
    if spec is None or spec.is_image:
        return "image"
    return "clip" if spec.n_frames is not None else "volume"


def asks(task: Task) -> str:
    """Say what is asked of the model, as the beginning of a sentence about the images."""
    names = ", ".join(task.classes[1:] if task.kind == "segmentation" else task.classes)
    verb = {
        "classification": "Classify into", "ordinal": "Grade, from least to most,", "multilabel": "Find",
        "segmentation": "Outline", "detection": "Find and box",
    }[task.kind]  # fmt: skip
    return f"{verb}: {names}"


def verdict_sentence(judged: NonInferiority, reference_name: str) -> str:
    """Say what the verdict means."""
    against = f"the reference {reference_name} by more than the margin of {judged.margin:g} that was set beforehand"
    meaning = {
        "PASS": f"The shipped model is not worse than {against}.",
        "FAIL": f"The shipped model is worse than {against}.",
        "INCONCLUSIVE": f"The test cannot tell whether the shipped model is worse than {against}.",
    }[judged.verdict]
    found = f" {judged.metric} difference (shipped minus reference): {with_interval(judged.difference, sign=True)}."
    more = f" About {judged.n_patients_needed:,} patients would settle it." if judged.n_patients_needed else ""
    return meaning + found + more


def forbidden_uses(data: ReportData) -> tuple[str, ...]:
    """Say what the evidence does not carry."""
    uses = [
        "Diagnosis, or any decision about a patient: it is for research only.",
        f"Images other than {modality_word(data)}images like those of {data.cohort.name}: other sites, devices "
        "and groups of patients have not been evaluated.",
    ]
    if data.cohort.is_phantom:
        uses.insert(0, "Patients at all: it has only seen images that a program drew.")
    verdict = data.evidence.non_inferiority.verdict
    if verdict != "PASS":
        uses.append(f"In the place of the reference: the verdict is {verdict}.")
    return tuple(uses)
