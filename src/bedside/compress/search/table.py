"""The table of a search, as CSV and JSON, and one recipe file a row, so that any row can be remade."""

import csv
from collections.abc import Sequence
from io import StringIO
from pathlib import Path

from bedside.base.files import write_atomic
from bedside.base.jsonform import to_json
from bedside.compress.recipe_file import recipe_text
from bedside.compress.search.engine import SearchResult
from bedside.compress.search.goals import LATENCY, QUANTITIES
from bedside.compress.search.sketching import Frame
from bedside.compress.search.trial import SearchTrial

_HEAD = ("trial", "on_front", "fits", "why_not", "quality", *QUANTITIES, "latency_low_ms", "latency_high_ms",
         "latency_origin", "mmacs", "n_layers", "recipe", "network", "point")  # fmt: skip


def leave_table(folder: Path, result: SearchResult, frame: Frame) -> Path:
    """Write ``search.csv``, ``search.json`` and ``recipes/trial-NNN.yaml`` into a folder; returns the CSV.

    Quality is the oracle's, on tuning data. A cost that was not measured is the predictor's; its origin is named.
    """
    for trial in result.trials:
        path = recipe_path(folder, trial)
        if not path.is_file():
            write_atomic(path, recipe_text(frame.recipe(trial.point)).encode())
    sheet = StringIO()
    writer = csv.writer(sheet)
    writer.writerow(_HEAD)
    for trial in result.trials:
        writer.writerow(_row(trial, frame, is_on_front=trial.number in result.front, folder=folder))
    write_atomic(folder / "search.json", to_json(_plain(result), indent=1))
    write_atomic(folder / "search.csv", sheet.getvalue().encode())
    return folder / "search.csv"


def recipe_path(folder: Path, trial: SearchTrial) -> Path:
    """Where the recipe of a trial lies."""
    return folder / "recipes" / f"trial-{trial.number:03}.yaml"


def why_not(trial: SearchTrial) -> str:
    """Why a trial does not fit, or nothing."""
    if trial.dropped:
        return trial.dropped
    over = [f"{name} {trial.costs[name].value:.4g}" for name, excess in trial.excess.items() if excess > 0]
    return "over budget: " + ", ".join(over) if over else ""


def _row(trial: SearchTrial, frame: Frame, *, is_on_front: bool, folder: Path) -> Sequence[object]:
    latency = trial.costs[LATENCY]
    return [
        trial.number, "yes" if is_on_front else "no", "yes" if trial.fits else "no", why_not(trial),
        "" if trial.quality is None else f"{trial.quality:.6g}",
        *(f"{trial.costs[name].value:.6g}" for name in QUANTITIES), f"{latency.low:.6g}", f"{latency.high:.6g}",
        latency.origin, f"{trial.features['mmacs']:.6g}", int(trial.features["n_layers"]),
        recipe_path(folder, trial).relative_to(folder).as_posix(), frame.recipe(trial.point).architecture.name,
        " ".join(f"{name}={value}" for name, value in trial.point.items()),
    ]  # fmt: skip


def _plain(result: SearchResult) -> dict[str, object]:
    predictors = {
        name: {
            "learner": predictor.learner, "median_error_frac": predictor.error_frac, "n_measured": predictor.n_measured,
            "band_factor_log": predictor.spread, "level_frac": predictor.level_frac,
        }
        for name, predictor in sorted(result.pricing.predictors.items())
    }  # fmt: skip
    foretold = {"median_error_frac": result.pricing.foretold_error_frac, "n": result.pricing.n_foretold}
    return {
        "trials": result.trials, "front": result.front, "hypervolume": result.gains, "ended": result.ended,
        "predictors": predictors, "foretold_latency": foretold,
    }  # fmt: skip
