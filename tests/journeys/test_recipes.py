"""Pruned candidates through the whole main job, and a user's own network through ``bedside compress``."""

import csv
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="recipes need the workshop extra")

from small_run import TINY

from bedside.base.budget import Budget
from bedside.base.digest import digest_file, digest_value
from bedside.bundle.opening import open_bundle
from bedside.compress.recipe_file import parse_recipe, read_recipe
from bedside.data.sources import load_cohort
from bedside.pipeline import optimize
from bedside.train.plan import TrainPlan

pytestmark = [pytest.mark.workshop, pytest.mark.slow]

DENSE = "architecture: {family: residual, width: 1.0}\nsteps: [distil]"
PRUNED = "architecture: {family: residual, width: 1.0}\nsteps: [distil, {prune: {macs_frac: 0.25, recovery_frac: 0.4}}]"
NETS = """
from torch import nn


def small():
    layers = [nn.Conv2d(1, 32, 3, 2, 1), nn.BatchNorm2d(32), nn.ReLU()]
    for _ in range(2):
        layers += [nn.Conv2d(32, 32, 3, 1, 1), nn.BatchNorm2d(32), nn.ReLU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 2))
"""

Cli = Callable[..., subprocess.CompletedProcess[str]]


def trials_of(work: Path) -> dict[str, dict]:
    return {trial["name"]: trial for trial in json.loads((work / "trials.json").read_text())}


def test_a_pruned_recipe_goes_through_optimize_and_its_file_is_smaller(tmp_path: Path) -> None:
    cohort = load_cohort("phantom:ultrasound", n="240", size_px="16")
    bundle = optimize(
        cohort, Budget(), out=tmp_path / "b", preset=TINY, formats=("litert",), reference="residual", margin=0.5,
        recipes=[parse_recipe(DENSE), parse_recipe(PRUNED)], key=tmp_path / "key",
    )  # fmt: skip
    trials = trials_of(tmp_path / "b.work")
    dense = trials["residual-x1 int8"]
    pruned = next(trial for name, trial in trials.items() if "prune" in name and name.endswith("int8"))
    assert pruned["mmacs"] <= 0.25 * dense["mmacs"]
    assert pruned["n_parameters"] < 0.5 * dense["n_parameters"]
    assert pruned["artifacts"][-1]["size_bytes"] < 0.6 * dense["artifacts"][-1]["size_bytes"]
    with (tmp_path / "b.work" / "trials.csv").open() as sheet:
        assert [row["may_ship"] for row in csv.DictReader(sheet)] == ["yes"] * 4
    spec, n_classes = bundle.manifest.preprocess.spec, bundle.manifest.task.n_classes
    sketches = [read_recipe(path) for path in sorted((tmp_path / "b.work" / "recipes").glob("*.yaml"))]
    again = {digest_value(s.completed(spec, n_classes, TrainPlan(n_epochs=1))) for s in sketches}
    assert again == {dense["recipe"], pruned["recipe"]}


def test_a_users_own_network_is_compressed_and_left_alone(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "nets.py").write_text(NETS)
    names: dict[str, Callable] = {}
    exec(NETS, names)
    torch.manual_seed(0)
    torch.save(names["small"]().state_dict(), tmp_path / "net.pt")
    before = digest_file(tmp_path / "net.pt")
    (tmp_path / "half.yaml").write_text(
        "steps: [{prune: {macs_frac: 0.4, recovery_frac: 1.0}}]\nplan: {n_epochs: 4, n_views: 1}"
    )
    done = cli(
        "compress", "nets.py:small", "--weights", "net.pt", "--input", "1,16,16", "--recipe", "half.yaml", "--data",
        "phantom:ultrasound", "--preset", "quick", "--threads", 1, "--margin", "0.5", "--out", "small", cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert digest_file(tmp_path / "net.pt") == before
    bundle = open_bundle(tmp_path / "small")
    assert bundle.manifest.preprocess.spec.shape == (1, 16, 16)
    recipe = json.loads((tmp_path / "small" / "evidence" / "recipe.json").read_text())
    assert recipe["architecture"]["family"] == "python:nets.py:small"
    trials = trials_of(tmp_path / "small.work")
    reference = json.loads((tmp_path / "small" / "evidence" / "profile.json").read_text())["reference"]
    int8 = next(trial for name, trial in trials.items() if name.endswith("int8"))
    assert int8["artifacts"][-1]["size_bytes"] / 1024 < 0.5 * reference["size_kib"]["value"]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--recipe", "prune-5x"), 16, "prune-4x"),
        (("--input", "1,16"), 10, "C,H,W"),
        (("--weights", "absent.pt"), 10, "no weights"),
        (("--input", "3,16,16"), 15, "'0'"),
    ],
)
def test_bad_input_of_compress_ends_in_its_own_code(
    cli: Cli, tmp_path: Path, words: tuple[str, ...], code: int, said: str
) -> None:
    (tmp_path / "nets.py").write_text(NETS)
    options = {"--input": "1,16,16", "--data": "phantom:ultrasound", "--out": "small", "--preset": "quick"}
    options |= dict([words])  # type: ignore[list-item]
    done = cli("compress", "nets.py:small", *[word for pair in options.items() for word in pair], cwd=tmp_path)
    assert done.returncode == code, done.stdout + done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "small").exists()
