"""Two processes fit as one: the same weights up to rounding, and bit for bit the same as each other."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="fitting needs the workshop extra")

from bedside.base.errors import InputError
from bedside.train.checkpoint import weights_digest
from bedside.train.parallel import Ranks, join_ranks

pytestmark = pytest.mark.workshop

PROGRAM = """
import json, os, sys
from pathlib import Path
import numpy as np, torch
from torch import nn
from bedside.data.augment import Augment
from bedside.data.preprocess import Preprocess
from bedside.train.checkpoint import weights_digest
from bedside.train.fitting import TrainingData, fit
from bedside.train.plan import TrainPlan

out, jobs = Path(sys.argv[1]), sys.argv[2:]
rank = os.environ.get("RANK", "0")
rng = np.random.default_rng(0)
labels = rng.integers(0, 2, 37)
images = (rng.normal(100, 20, (37, 1, 8, 8)) + 40 * labels[:, None, None, None]).clip(0, 255).astype(np.uint8)
data = TrainingData(development=images, development_targets=labels, tuning=images[:12], tuning_targets=labels[:12],
                    preprocess=Preprocess(n_channels=1, height_px=8, width_px=8))
# The noise field of a batch is drawn over its rows, so that shares draw others; all else is the same.
plan = TrainPlan(n_epochs=3, batch_size=16, learning_rate=1e-2, n_views=2, augment=Augment(noise_frac=0.0))
said = []
for number, job in enumerate(jobs):
    torch.manual_seed(int(rank))  # other first weights in each process: they have to agree by themselves
    norm = [nn.BatchNorm2d(4)] if job.startswith("norm") else []
    model = nn.Sequential(nn.Conv2d(1, 4, 3), *norm, nn.ReLU(), nn.Flatten(), nn.Linear(144, 2))
    ticks = []
    model, marks = fit(model, plan, data, on_epoch=ticks.append,
                       monitor=lambda targets, outputs: float((outputs.argmax(1) == targets).mean()),
                       checkpoint=out / "fit.ckpt" if job.endswith("kept") else None)
    torch.save(model.state_dict(), out / f"{number}-{rank}.pt")
    said.append({"digest": weights_digest(model), "ticks": len(ticks), "losses": [m.loss for m in marks],
                 "scores": [m.tuning_score for m in marks]})
(out / f"{rank}.json").write_text(json.dumps(said))
"""


def free_port() -> int:
    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))
        return place.getsockname()[1]


def fitted(folder: Path, n: int, *jobs: str) -> list[list[dict]]:
    """What each of n processes says of each job, by process."""
    folder.mkdir()
    meeting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), "WORLD_SIZE": str(n)} if n > 1 else {}
    started = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(folder), *jobs],
            env=os.environ | meeting | ({"RANK": str(rank)} if n > 1 else {}), stderr=subprocess.PIPE, text=True,
        )
        for rank in range(n)
    ]  # fmt: skip
    for process in started:
        _, complaint = process.communicate(timeout=120)
        assert process.returncode == 0, complaint
    return [json.loads((folder / f"{rank}.json").read_text()) for rank in range(n)]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[list[dict]]]:
    """Two processes: a plain network, one with statistics, the same with a checkpoint, and again from it."""
    folder = tmp_path_factory.mktemp("pair") / "two"
    return folder, fitted(folder, 2, "plain", "norm", "norm-kept", "norm-kept")


def test_two_processes_come_to_what_one_comes_to(pair, tmp_path: Path) -> None:
    """37 cases in batches of 16: the last batch of 5 is shared unevenly."""
    folder, (first, second) = pair
    ((alone,),) = fitted(tmp_path / "one", 1, "plain")
    assert first[0]["digest"] == second[0]["digest"], "bit for bit"
    assert (first[0]["ticks"], second[0]["ticks"]) == (3, 0), "only the first speaks"
    one, two = (torch.load(place / "0-0.pt", weights_only=True) for place in (tmp_path / "one", folder))
    assert any(not torch.equal(one[key], two[key]) for key in one), "else nothing was shared"
    for key in one:
        torch.testing.assert_close(one[key], two[key], atol=1e-4, rtol=0)
    np.testing.assert_allclose(first[0]["losses"], alone["losses"], atol=1e-4)
    assert first[0]["losses"] == second[0]["losses"]


def test_ranks_agree_where_statistics_are_their_own(pair) -> None:
    _, (first, second) = pair
    assert first[1]["digest"] == second[1]["digest"]
    assert first[1]["scores"] == second[1]["scores"]


def test_two_processes_go_on_from_one_checkpoint(pair) -> None:
    folder, (first, second) = pair
    assert (folder / "fit.ckpt").is_file()
    assert first[3]["digest"] == second[3]["digest"] == first[2]["digest"] == first[1]["digest"]
    assert (first[2]["ticks"], first[3]["ticks"]) == (3, 0), "the second time every epoch was there"


def test_a_batch_is_shared_whole() -> None:
    rows = np.arange(17)
    shares = [Ranks(rank, 3).share(rows) for rank in range(3)]
    assert sorted(np.concatenate([mine for mine, _ in shares])) == list(rows)
    values = np.random.default_rng(0).normal(size=17)
    weighted = np.mean([weight * values[mine].mean() for mine, weight in shares])
    assert weighted == pytest.approx(values.mean())
    small, weight = Ranks(1, 3).share(rows[:4])
    assert (len(small), weight) == (4, 1.0), "too few to be shared: every process computes all"


def test_one_process_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    model = torch.nn.Linear(2, 2)
    before = weights_digest(model)
    ranks = join_ranks(16)
    ranks.agree(model)
    assert ranks == Ranks(0, 1)
    images = torch.ones(3, 2)
    assert torch.equal(ranks.answering(model)(images)[0], model(images))
    assert ranks.total(0.1) == 0.1
    assert weights_digest(model) == before


def test_bad_launches_are_refused(refuses, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "9")
    with refuses(InputError, "9 processes", "at most 8"):
        join_ranks(16)
    for name in ("RANK", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    with refuses(InputError, "torchrun"):
        join_ranks(64)
