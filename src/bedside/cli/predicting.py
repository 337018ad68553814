"""``bedside predict``."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from bedside.base.errors import ImageError, InputError
from bedside.cli.box_printing import box_json, box_table
from bedside.cli.prediction_csv import print_csv
from bedside.serve.mask_files import prepare_masks, write_mask
from bedside.serve.predicting import Predictor
from bedside.serve.prediction import Prediction

if TYPE_CHECKING:
    from bedside.serve.cascading import CascadePredictor


def run_predict(
    bundle: Path,
    files: list[Path],
    shape: str,
    format_: str | None,
    precision: str | None,
    trust: str | None,
    threads: int,
    abstain: bool = False,
    max_error: float = 0.05,
    masks: Path | None = None,
    first: Path | None = None,
    cascade: Path | None = None,
) -> None:
    """Predict and print; rows appear as they are made, and so do masks.

    One file of several that cannot be read does not keep the others from being predicted.

    Raises
    ------
    ImageError
        At the end, if a file could not be read; each is named on the error stream.
    """
    if first is not None or cascade is not None:
        if format_ or precision or abstain or masks:
            raise InputError(
                "a cascade with --format, --precision, --abstain or --masks", expected="a cascade as it was fitted",
                hint="leave them out, or predict with one bundle",
            )  # fmt: skip
        pair = _pair(bundle, first, cascade, trust, threads)
        _print(shape, pair.stream(files), pair.large, in_a_row=True)
        return
    predictor = Predictor.load(
        bundle, format_=format_, precision=precision, trusted=trust, threads=threads, abstain=abstain,
        max_error_frac=max_error,
    )  # fmt: skip
    bad: dict[str, ImageError] = {}
    predictions = predictor.stream(files, bad.setdefault if len(files) > 1 else None)
    if masks is not None:
        _prepare_masks(predictor, files, masks)
        predictions = _with_masks(predictions, masks)
    _print(shape, predictions, predictor)
    if bad:
        _refuse(bad, len(files))


def _print(shape: str, predictions: Iterator[Prediction], predictor: Predictor, *, in_a_row: bool = False) -> None:
    task = predictor.bundle.manifest.task
    if shape == "csv":
        of_volumes = predictor.bundle.manifest.preprocess.depth_px is not None
        print_csv(predictions, task, of_volumes=of_volumes, in_a_row=in_a_row)
        return
    boxed = {"table": box_table, "json": box_json}
    (boxed if task.kind == "detection" else {"table": _table, "json": _json})[shape](predictions)


def _refuse(bad: dict[str, ImageError], n_files: int) -> None:
    for error in bad.values():
        print(f"unreadable: {error.message}", file=sys.stderr)
    first = next(iter(bad.values()))
    raise ImageError(
        f"{len(bad)} of {n_files} files could not be read; the others were predicted", expected=first.expected,
        hint=first.hint,
    )  # fmt: skip


def _pair(large: Path, small: Path | None, cascade: Path | None, trust: str | None, threads: int) -> "CascadePredictor":
    from bedside.serve.cascading import CascadePredictor

    if small is None or cascade is None:
        raise InputError(
            "half of a cascade", expected="--first SMALL and --cascade FILE together",
            hint="make the file by: bedside cascade SMALL LARGE SOURCE --out cascade.json",
        )  # fmt: skip
    predictor = CascadePredictor.load(small, large, cascade, trusted=trust, threads=threads)
    if predictor.verdict != "PASS":
        print(f"{cascade}: {predictor.verdict} on its test part, not shown to be as good as {large} alone",
              file=sys.stderr)  # fmt: skip
    return predictor


def _prepare_masks(predictor: Predictor, files: list[Path], folder: Path) -> None:
    kind = predictor.bundle.manifest.task.kind
    if kind != "segmentation":
        raise InputError(
            f"{predictor.bundle.manifest.name} answers a task of {kind}", expected="a bundle that outlines",
            hint="leave --masks out",
        )  # fmt: skip
    prepare_masks(files, folder, volumes=predictor.bundle.manifest.preprocess.depth_px is not None)


def _with_masks(predictions: Iterator[Prediction], folder: Path) -> Iterator[Prediction]:
    """Write each mask before its row is shown."""
    for found in predictions:
        write_mask(found, folder)
        yield found


def _table(predictions: Iterator[Prediction]) -> None:
    """Plain columns: they import nothing, and can be cut and grepped."""
    named, wide = 24, 20
    for i, found in enumerate(predictions):
        if found.thresholds_prob:
            _findings(found, is_first=not i)
            continue
        if not i:
            named, wide = max(24, *(len(name) + 2 for name in found.classes)), max(20, len(found.positive) + 5)
            head = f"{'called':<{named}}{'p(' + found.positive + ')':<{wide}}{'threshold':<15}"
            print(f"{head}{'one of':<28}file" if found.classes_in_set is not None else f"{head}file")
        threshold = "most probable" if found.threshold_prob is None else f"{found.threshold_prob:.4f}"
        why = "".join(f"  {name} {value:g} {unit}".rstrip() for name, value, unit in found.measures)
        why += f"  ({found.refer})" if found.refer else ""
        why += f"  by {found.answered_by}" if found.answered_by else ""
        in_set = "" if found.classes_in_set is None else f"{_set_words(found.classes_in_set):<28}"
        print(f"{found.called:<{named}}{found.probability:<{wide}.4f}{threshold:<15}{in_set}{found.file}{why}")
    print("research use; not for diagnosis", file=sys.stderr)


def _findings(found: Prediction, *, is_first: bool) -> None:
    """One line a finding: there may be several at once."""
    if is_first:
        print(f"{'finding':<24}{'call':<10}{'probability':<14}{'threshold':<12}file")
    why = f"  ({found.refer})" if found.refer else ""
    for name, probability, threshold in zip(found.classes, found.probabilities, found.thresholds_prob, strict=True):
        call = found.called if found.refer else "yes" if name in found.marks else "no"
        print(f"{name:<24}{call:<10}{probability:<14.4f}{threshold:<12.4f}{found.file}{why}")


def _set_words(classes: tuple[str, ...]) -> str:
    return ", ".join(classes) or "none fits well"


def _json(predictions: Iterator[Prediction]) -> None:
    rows = [
        {
            "file": found.file,
            "called": found.called,
            "is_positive": found.is_positive,
            "refer": found.refer,
            "prediction_set": None if found.classes_in_set is None else list(found.classes_in_set),
            "positive_class": found.positive,
            "threshold_prob": found.threshold_prob,
            "probabilities": dict(zip(found.classes, found.probabilities, strict=True)),
            **({"answered_by": found.answered_by} if found.answered_by else {}),
            **_several(found),
            **_measured(found),
        }
        for found in predictions
    ]
    print(json.dumps(rows, indent=1))


def _several(found: Prediction) -> dict[str, object]:
    if not found.thresholds_prob:
        return {}
    thresholds = dict(zip(found.classes, found.thresholds_prob, strict=True))
    return {"positive_class": None, "findings": list(found.marks), "thresholds_prob": thresholds}


def _measured(found: Prediction) -> dict[str, object]:
    """What was measured, for a row of JSON; nothing where the task measures nothing."""
    if not found.measures:
        return {}
    return {"measures": {name: {"value": value, "unit": unit} for name, value, unit in found.measures}}
