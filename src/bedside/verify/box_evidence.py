"""The evidence of a detector: named figures of shipped model and reference, curves, and the conventions."""

import math

import numpy as np

from bedside.base.arrays import FloatArray
from bedside.base.estimate import Estimate
from bedside.verify.average_precision_boxes import box_precision, n_with
from bedside.verify.box_matching import IOU_LEVELS, Matches
from bedside.verify.box_parity import agreement, called
from bedside.verify.clusters import never_certain
from bedside.verify.froc import FALSE_POSITIVE_RATES, at_threshold, froc, froc_curve
from bedside.verify.judge import Answer, Truth
from bedside.verify.measured import MeasuredEvidence, MeasuredScore, Metric
from bedside.verify.noninferiority import NonInferiority
from bedside.verify.resampling import percentile, unit_weights

_RATE_SHOWN = 1.0
_MOST_POINTS = 200
FROC_CURVE = "sensitivity by false positives an image"
PPV_CURVE = "PPV by sensitivity, "

CONVENTIONS = (
    "A detection is right if it names the class of an object that no better detection has found and overlaps it with an"
    " IoU of at least 0.5; a second detection of one object is a false positive.",
    "AP is COCO's: PPV made monotone and read at 101 sensitivities, at most 100 detections an image, over IoU 0.50 to"
    " 0.95; means are over the classes that have an object in the test.",
    "Images without an object count among the images, and every detection in them is a false positive.",
    "An object that nobody drew makes its detection a false positive: where drawing is incomplete, PPV and AP are lower"
    " bounds.",
)


def box_evidence(
    truth: Truth, *, shipped: tuple[Matches, Answer], reference: tuple[Matches, Answer], own_fp32: FloatArray,
    verdict: NonInferiority, reason: str, seed: int,
) -> MeasuredEvidence:  # fmt: skip
    """Gather the figures of the opened test; see `bedside.verify.box_judge`."""
    matches, answer = shipped
    scores = [_scores(truth, found, other, seed) for found, other in (shipped, reference)]
    found = called(answer.outputs, answer.point)
    both = agreement(called(own_fp32, answer.point), found)
    return MeasuredEvidence(
        primary="ap50",
        metrics=_metrics(truth),
        shipped=scores[0],
        reference=scores[1],
        non_inferiority=verdict,
        flips_frac=_flips(both.n_same, both.n_all, truth, seed),
        flips_of="detections",
        n_cases=len(truth.targets),
        n_patients=len(set(truth.units)),
        reason=reason,
        seed=seed,
        plain=_plain(truth, matches, answer),
        conventions=CONVENTIONS,
        per_case=_per_case(matches, answer),
        curves=_curves(truth, matches),
    )


def _metrics(truth: Truth) -> dict[str, Metric]:
    metrics = {"ap50": Metric(title="AP50"), "ap": Metric(title="AP, IoU 0.50 to 0.95")}
    if truth.task.n_classes > 1:
        metrics |= {f"ap50_{k}": Metric(title=f"AP50, {name}") for k, name in enumerate(truth.task.classes)}
    return metrics | {
        "sensitivity": Metric(title="Sensitivity at the locked threshold"),
        "ppv": Metric(title="PPV at the locked threshold"),
        "false_positives": Metric(
            title="False positives at the locked threshold", lower_is_better=True, unit="an image"
        ),
        "sensitivity_at_1": Metric(title="Sensitivity at 1 false positive an image"),
        "froc": Metric(title="Sensitivity, mean over 1/8 to 8 false positives an image"),
    }


def _scores(truth: Truth, matches: Matches, answer: Answer, seed: int) -> MeasuredScore:
    units = truth.units
    half, whole = (box_precision(matches, levels, units, seed=seed) for levels in ((0.5,), IOU_LEVELS))
    curve = froc(matches, units, seed=seed)
    locked = at_threshold(matches, np.array(answer.point.thresholds_prob), units, seed=seed)
    values = {"ap50": half.mean, "ap": whole.mean}
    if truth.task.n_classes > 1:
        values |= {f"ap50_{k}": found for k, found in enumerate(half.by_class)}
    return MeasuredScore(
        values=values
        | {
            "sensitivity": locked.sensitivity,
            "ppv": locked.ppv,
            "false_positives": locked.false_positives_per_image,
            "sensitivity_at_1": curve.sensitivities[FALSE_POSITIVE_RATES.index(_RATE_SHOWN)],
            "froc": curve.mean,
        }
    )


def _flips(n_same: FloatArray, n_all: FloatArray, truth: Truth, seed: int) -> Estimate:
    weights = unit_weights(truth.units, len(n_all), n_resamples=1000, seed=seed).astype(np.float64)
    tops, bottoms = weights @ (n_all - n_same), weights @ n_all
    draws = np.divide(tops, bottoms, out=np.zeros(len(weights)), where=bottoms > 0)
    value = float(1 - n_same.sum() / n_all.sum()) if n_all.sum() else 0.0
    return never_certain(percentile(value, draws, len(set(truth.units))), n_with(n_all.astype(np.int64), truth.units))


def _locked(matches: Matches, answer: Answer) -> tuple[FloatArray, FloatArray]:
    """Hits and calls of each image at the locked thresholds, ``(N,)`` each."""
    chosen = matches.scores >= np.array(answer.point.thresholds_prob)[matches.labels]
    images, hits = matches.images[chosen], matches.at(0.5)[chosen]
    return tuple(np.bincount(rows, minlength=matches.n_images) for rows in (images[hits], images))  # type: ignore[return-value]


def _per_case(matches: Matches, answer: Answer) -> dict[str, tuple[float, ...]]:
    """F1 of each image (1 where nothing is to be found and nothing was), and the counts behind it."""
    n_hit, n_called = _locked(matches, answer)
    n_objects = matches.n_objects.sum(axis=1)
    both = n_called + n_objects
    f1 = np.divide(2 * n_hit, both, out=np.ones(len(both)), where=both > 0)
    columns = {"f1": f1, "objects": n_objects, "found": n_hit, "false_positives": n_called - n_hit}
    return {name: tuple(float(x) for x in column) for name, column in columns.items()}


def _plain(truth: Truth, matches: Matches, answer: Answer) -> tuple[str, ...]:
    """How well the model does, in whole numbers."""
    n_hit, n_called = (int(counts.sum()) for counts in _locked(matches, answer))
    n_objects, n_images = int(matches.n_objects.sum()), matches.n_images
    kinds = " and ".join(truth.task.classes) if truth.task.n_classes < 3 else "objects of all kinds"
    empty = int((matches.n_objects.sum(axis=1) == 0).sum())
    sentences = [
        f"Of {n_objects:,} {kinds} in {n_images:,} test images it finds {n_hit:,} and misses {n_objects - n_hit:,}.",
        f"Of {n_called:,} boxes that it draws, {n_called - n_hit:,} are on nothing that was marked.",
    ]
    if empty:
        quiet = int(((matches.n_objects.sum(axis=1) == 0) & (_locked(matches, answer)[1] == 0)).sum())
        sentences.append(f"Of {empty:,} images without an object, {quiet:,} stay without a box.")
    return tuple(sentences)


def _curves(truth: Truth, matches: Matches) -> dict[str, tuple[tuple[float, float], ...]]:
    """The free-response curve, and PPV by sensitivity of each class."""
    whole = froc_curve(matches)
    curves = {FROC_CURVE: _thinned(whole.false_positives_per_image, whole.sensitivity)}
    for k, name in enumerate(truth.task.classes):
        curve = froc_curve(matches, label=k)
        curves[PPV_CURVE + name] = _thinned(curve.sensitivity, curve.ppv)
    return {name: points for name, points in curves.items() if points}


def _thinned(x: FloatArray, y: FloatArray) -> tuple[tuple[float, float], ...]:
    """At most so many points, the first and the last among them."""
    rows = np.unique(np.linspace(0, max(0, len(x) - 1), min(len(x), _MOST_POINTS)).round().astype(int))
    points = zip(x[rows], y[rows], strict=True) if len(x) else ()
    return tuple((float(a), float(b)) for a, b in points if not math.isnan(a + b))
