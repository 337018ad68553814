"""A bundle on another site's cases: the figures, the refusals, the command line, and no torch."""

import json
import math
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, roc_auc_score

from bedside.base.errors import InputError
from bedside.base.jsonform import from_json, to_json
from bedside.data.sources import load_cohort
from bedside.serve.comparing import compare_bundles
from bedside.serve.evaluating import SAME_COHORT, SiteEvaluation, evaluate_site, loaded
from bedside.serve.predicting import Predictor

NO_TORCH = """
import sys

class Wall:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"torch", "torchvision", "timm", "tensorflow", "jax", "scipy", "sklearn"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return None

sys.meta_path.insert(0, Wall())
"""


def predicted(bundle: Path, site: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Truth, probability and call as ``bedside predict`` gives them."""
    cohort = load_cohort(f"folder:{site}")
    found = Predictor.load(bundle).predict([case.path for case in cohort.cases])
    truth = np.array([cohort.task.classes[case.label] == "ill" for case in cohort.cases])
    return truth, np.array([p.probability for p in found]), np.array([p.is_positive for p in found])


def test_the_figures_are_those_of_predict(toy_bundle: Path, site: Path) -> None:
    truth, probability, called = predicted(toy_bundle, site)
    got = evaluate_site(Predictor.load(toy_bundle), load_cohort(f"folder:{site}"), site="harbour", prevalence=0.05,
                        by=("sex", "view"))  # fmt: skip
    assert (got.diagnostics.n_cases, got.diagnostics.n_patients, got.diagnostics.n_positive) == (60, 30, 20)
    metrics = got.diagnostics.metrics
    assert metrics["auroc"].value == pytest.approx(roc_auc_score(truth, probability))
    assert metrics["accuracy"].value == pytest.approx(accuracy_score(truth, called))
    assert "ppv_at_prevalence" in metrics
    assert got.confusion == tuple(tuple(int(((truth == t) & (called == c)).sum()) for c in (0, 1)) for t in (0, 1))
    sex, view = got.subgroups
    assert [group.n_cases for group in sex.groups] == [30, 30]
    assert math.isnan(view.groups[1].metrics["auroc"].value), "two patients are too few"
    assert got.notes == ()
    assert to_json(from_json(SiteEvaluation, to_json(got))) == to_json(got)


def test_labels_are_matched_by_name_not_by_number(toy_bundle: Path, site: Path, tmp_path: Path) -> None:
    """Here "ill" sorts before "well"; in the bundle it is the second class."""
    cohort = load_cohort(f"folder:{site}")
    assert cohort.task.classes == ("ill", "well")
    got = evaluate_site(Predictor.load(toy_bundle), cohort)
    assert (got.classes, got.positive) == (("well", "ill"), "ill")
    assert got.diagnostics.n_positive == 20


def test_unknown_labels_columns_and_prevalences_are_refused(
    refuses, toy_bundle: Path, site: Path, tmp_path: Path
) -> None:
    predictor = Predictor.load(toy_bundle)
    other = Path(shutil.copytree(site, tmp_path / "other"))
    table = other / "metadata.csv"
    table.write_text(table.read_text().replace(",ill,", ",covid,"))
    with refuses(InputError, "covid"):
        evaluate_site(predictor, load_cohort(f"folder:{other}"))
    with refuses(InputError, "age"):
        evaluate_site(predictor, load_cohort(f"folder:{site}"), by=("age",))
    with refuses(InputError, "prevalence"):
        evaluate_site(predictor, load_cohort(f"folder:{site}"), prevalence=5)


def test_the_models_own_cohort_is_flagged(toy_bundle: Path, site: Path, tmp_path: Path) -> None:
    own = Path(shutil.copytree(site, tmp_path / "made"))
    assert evaluate_site(Predictor.load(toy_bundle), load_cohort(f"folder:{own}")).notes == (SAME_COHORT,)


def test_two_bundles_side_by_side(refuses, toy_bundle: Path, site: Path) -> None:
    other = toy_bundle.with_name("other")
    predictors = loaded([toy_bundle, other, toy_bundle], trusted=None, threads=1)
    got = compare_bundles(predictors, ["a", "b", "c"], load_cohort(f"folder:{site}"), margin=0.05)
    assert [(p.first, p.second) for p in got.pairs] == [("a", "b"), ("a", "c"), ("b", "c")]
    assert got.pairs[0].comparison.auroc.difference.value == 0, "they rank alike"
    _, _, called = predicted(toy_bundle, site)
    truth, _, called_too = predicted(other, site)
    expected = (called == truth).mean() - (called_too == truth).mean()
    assert got.pairs[0].comparison.calls.difference.value == pytest.approx(expected)
    assert got.pairs[1].p_calls_holm == 1
    with refuses(InputError, "1 bundle"):
        loaded([toy_bundle], trusted=None, threads=1)


@pytest.fixture
def walled(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "sitecustomize.py").write_text(NO_TORCH)
    path = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    return os.environ | {"PYTHONPATH": path, "COLUMNS": "160"}


def run(words: list[object], env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bedside", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, env=env, timeout=120, check=False)


def test_the_command_lines_work_without_torch_and_scipy(
    toy_bundle: Path, site: Path, tmp_path: Path, walled: dict[str, str]
) -> None:
    out = tmp_path / "found.json"
    done = run(
        ["evaluate", toy_bundle, "--data", f"folder:{site}", "--by", "sex", "--prevalence", 0.02, "--out", out], walled
    )
    assert done.returncode == 0, done.stderr
    for word in ("60 images, 30 patients", "AUROC", "PPV at the stated prevalence", "largest gap", "not for diagnosis"):
        assert word in done.stdout, done.stdout
    assert json.loads(out.read_text())["diagnostics"]["n_cases"] == 60
    done = run(["compare", toy_bundle, toy_bundle.with_name("other"), "--data", f"folder:{site}"], walled)
    assert done.returncode == 0, done.stderr
    assert "toy - other" in done.stdout
    assert "non-inferior by 0.02" in done.stdout.replace("\n", " ") or "non-inferior" in done.stdout


def test_a_bad_part_says_which_there_are(toy_bundle: Path, site: Path, walled: dict[str, str]) -> None:
    done = run(["evaluate", toy_bundle, "--data", f"folder:{site}", "--part", "test"], walled)
    assert done.returncode == 10
    assert "no part 'test'" in done.stderr
