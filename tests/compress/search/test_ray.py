"""Trials that are judged on a Ray cluster of two workers are those of one machine."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import sleep

import pytest

pytest.importorskip("torch", reason="searching needs the workshop extra")
pytest.importorskip("optuna", reason="searching needs Optuna")
ray = pytest.importorskip("ray", reason="spreading a search needs the cluster extra")

from landscape import Formula, run

from bedside.base.errors import InputError
from bedside.compress.search.brief import SearchPlan
from bedside.compress.search.spread import OnRay

pytestmark = [pytest.mark.workshop, pytest.mark.slow]


@dataclass(frozen=True, slots=True)
class Signed:
    """The formula, and a file a process that answered."""

    folder: Path

    def digest(self) -> str:
        return "formula"

    def quality(self, recipe) -> float:
        (self.folder / str(os.getpid())).touch()
        sleep(0.3)  # long enough for the other worker to be asked
        return Formula().quality(recipe)


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """A head and one more node, a processor each."""
    from ray.cluster_utils import Cluster

    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parent), *([before] if before else [])])
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    small = {"num_cpus": 1, "object_store_memory": 80 * 2**20, "include_dashboard": False}
    nodes = Cluster(initialize_head=True, head_node_args=small)
    nodes.add_node(num_cpus=1, object_store_memory=80 * 2**20)
    yield nodes.address
    ray.shutdown()
    nodes.shutdown()
    if before is None:
        del os.environ["PYTHONPATH"]
    else:
        os.environ["PYTHONPATH"] = before


def test_the_same_trials_come_out(cluster: str, tmp_path: Path) -> None:
    plan = SearchPlan(n_trials=8, batch=4, n_design=6, n_measured=8)
    (tmp_path / "here").mkdir()
    (tmp_path / "there").mkdir()
    here = run(tmp_path / "a", plan, oracle=Signed(tmp_path / "here"))
    there = run(tmp_path / "b", plan, oracle=Signed(tmp_path / "there"), spread=OnRay(cluster))
    assert [(t.number, t.point, t.quality) for t in there.trials] == [
        (t.number, t.point, t.quality) for t in here.trials
    ]
    assert there.front == here.front
    answered = {int(path.name) for path in (tmp_path / "there").iterdir()}
    assert os.getpid() not in answered
    assert len(answered) >= 2, "both workers took their share"
    assert {int(path.name) for path in (tmp_path / "here").iterdir()} == {os.getpid()}


def test_no_cluster_is_an_error_that_helps(refuses, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray, "is_initialized", lambda: False)

    def refuse(**options: object) -> None:
        raise ConnectionError("Could not find any running Ray instance.")

    monkeypatch.setattr(ray, "init", refuse)
    with refuses(InputError, "ray start --head", "somewhere:6379"):
        OnRay("somewhere:6379").judge(Formula(), [])
