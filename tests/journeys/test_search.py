"""A search through the whole job: its front is fitted, checked and sealed; the command shows it."""

import csv
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="searching needs the workshop extra")
pytest.importorskip("optuna", reason="searching needs Optuna")

from small_run import TINY

from bedside.base.budget import Budget
from bedside.base.digest import digest_value
from bedside.base.errors import BudgetError, InputError
from bedside.bundle.opening import open_bundle
from bedside.compress.recipe_file import read_recipe
from bedside.compress.search.brief import SearchPlan
from bedside.compress.search.choosing import finalists
from bedside.compress.search.options import SearchOptions
from bedside.data.sources import load_cohort
from bedside.searching import conclude_search, search_cohort
from bedside.train.elastic_space import ElasticSpace
from bedside.train.plan import TrainPlan

pytestmark = [pytest.mark.workshop, pytest.mark.slow]

Cli = Callable[..., subprocess.CompletedProcess[str]]
SMALL = ElasticSpace(expansions=(2, 4), depths=(1, 2), widths=((8, 16), (16, 32)), attentions=("none", "eca"))
OPTIONS = SearchOptions(
    elastic=SMALL, resolutions_px=(16,), supernet_images=64 * 60, n_finalists=1,
    plan=SearchPlan(n_trials=8, n_design=4, n_measured=4),
)  # fmt: skip


def test_what_a_search_finds_is_sealed_with_its_evidence(tmp_path: Path) -> None:
    cohort = load_cohort("phantom:ultrasound", n="240", size_px="16")
    found = search_cohort(
        cohort, Budget(size_kib=120), OPTIONS, out=tmp_path / "b", preset=TINY, formats=("onnx",), margin=0.5,
        reference="residual",
    )  # fmt: skip
    (chosen,) = finalists(found.result, found.budget, margin=0.5, n=1)
    assert chosen.is_measured
    assert chosen.costs["size_kib"].value <= 120
    conclude_search(found, out=tmp_path / "b", key=tmp_path / "key")
    bundle = open_bundle(tmp_path / "b")
    shipped = bundle.manifest.models[0].artifact
    assert shipped.size_kib <= 120
    trials = json.loads((tmp_path / "b.work" / "trials.json").read_text())
    recipe = digest_value(found.frame.recipe(chosen.point))
    assert {trial["recipe"] for trial in trials} == {recipe}
    with (tmp_path / "b.work" / "search" / "search.csv").open() as sheet:
        rows = list(csv.DictReader(sheet))
    assert len(rows) == 8
    row = next(row for row in rows if int(row["trial"]) == chosen.number)
    assert (row["on_front"], row["fits"], row["latency_origin"]) == ("yes", "yes", "measured")
    again = read_recipe(tmp_path / "b.work" / "search" / row["recipe"])
    spec = bundle.manifest.preprocess.spec
    assert digest_value(again.completed(spec, 2, TrainPlan(n_epochs=1))) == recipe
    for name in ("latency", "size"):
        assert (tmp_path / "b.work" / "search" / f"search-{name}.svg").read_text().startswith("<svg")
    int8 = next(trial for trial in trials if trial["name"].endswith("int8"))
    foretold = chosen.costs["size_kib"].value
    assert int8["profile"]["size_kib"]["value"] == pytest.approx(foretold, rel=0.1), "the file that was timed is alike"


def test_the_command_shows_the_front_and_refuses_another_search(cli: Cli, tmp_path: Path) -> None:
    words = (
        "search", "phantom:ultrasound", "--option", "n=120", "--option", "size_px=16", "--families",
        "residual,depthwise", "--quality", "fit", "--fit-epochs", 1, "--resolutions", "16", "--measured", 2,
        "--formats", "onnx", "--threads", 1, "--search-only", "--out", "s",
    )  # fmt: skip
    first = cli(*words, "--trials", 3, cwd=tmp_path)
    assert first.returncode == 0, first.stdout + first.stderr
    for word in ("front", "tuning", "latency_p50_ms", "search.csv"):
        assert word in first.stdout
    assert len((tmp_path / "s.work" / "search" / "search.csv").read_text().splitlines()) == 4
    other = cli(*words, "--trials", 4, "--seed", 1, cwd=tmp_path)
    assert other.returncode == 10
    assert "another seed" in other.stderr
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"families": ("residual",)}, "--quality fit"),
        ({"quality": "oracle"}, "supernet or fit"),
        ({"costs": ("speed",)}, "latency"),
        ({"sampler": "tbe"}, "nsga2"),
    ],
)
def test_nonsense_is_refused_before_any_work(refuses, options: dict, said: str) -> None:
    with refuses(InputError, said):
        SearchOptions(**options)


def test_a_budget_that_nothing_meets_names_the_nearest(tmp_path: Path, refuses) -> None:
    cohort = load_cohort("phantom:ultrasound", n="120", size_px="16")
    options = SearchOptions(
        families=("residual",), quality="fit", fit_epochs=1, resolutions_px=(16,), plan=SearchPlan(n_trials=3)
    )
    found = search_cohort(
        cohort, Budget(size_kib=0.5), options, out=tmp_path / "b", preset=TINY, formats=("onnx",), margin=0.5
    )
    assert found.result.front == ()
    assert all(trial.dropped for trial in found.result.trials), "nobody trained them"
    with refuses(BudgetError, "--size-kib"):
        finalists(found.result, found.budget, margin=0.5, n=3)


def test_a_task_without_a_space_is_refused(tmp_path: Path, refuses) -> None:
    with refuses(InputError, "segmentation"):
        search_cohort("phantom:ultrasound-lesion", out=tmp_path / "b", preset=TINY, formats=("onnx",))
