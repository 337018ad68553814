"""Which channels matter: criteria are plugins that give every channel of every group a score."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from bedside.base.arrays import FloatArray, IntArray
from bedside.base.seam import Seam
from bedside.compress.channels import Channels, LibraryCriterion
from bedside.compress.paper_widths import PaperWidths

if TYPE_CHECKING:
    from bedside.train.fitting import TrainingData


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Development images that importance is measured on: rows of the development part, and a seed for chance."""

    data: "TrainingData"
    rows: IntArray
    seed: int


class Criterion(Protocol):
    """Score the channels of each group, ``(n_channels,)`` by name: higher is kept; comparable across groups."""

    def __call__(self, channels: Channels, paper: PaperWidths, sample: Sample) -> dict[str, FloatArray]:
        """Score without changing the weights."""
        ...


CRITERIA: Seam[Criterion] = Seam(
    "bedside.criteria",
    {
        "random": "bedside.compress.criteria:RANDOM",
        "l1": "bedside.compress.criteria:L1",
        "l2": "bedside.compress.criteria:L2",
        "bn_scale": "bedside.compress.criteria:BN_SCALE",
        "taylor": "bedside.compress.criteria:TAYLOR",
        "fpgm": "bedside.compress.criteria:FPGM",
        "lamp": "bedside.compress.criteria:LAMP",
        "diagnostic": "bedside.compress.diagnostic:DIAGNOSTIC",
        "diagnostic-unweighted": "bedside.compress.diagnostic:UNWEIGHTED",
        "diagnostic-unbalanced": "bedside.compress.diagnostic:UNBALANCED",
        "diagnostic-costless": "bedside.compress.diagnostic:COSTLESS",
    },
)


@dataclass(frozen=True, slots=True)
class FromLibrary:
    """One of Torch-Pruning's criteria: group means, each group divided by its own mean."""

    name: LibraryCriterion
    needs_gradients: bool = False

    def __call__(self, channels: Channels, paper: PaperWidths, sample: Sample) -> dict[str, FloatArray]:
        """Score by weights, or by weights and their gradients."""
        if self.needs_gradients:
            _accumulate_gradients(channels, sample)
        scores = channels.library_scores(self.name, seed=sample.seed)
        channels.model.zero_grad(set_to_none=True)
        return {name: np.nan_to_num(found) for name, found in scores.items()}


def draw_rows(labels: IntArray, n: int, *, seed: int, balanced: bool = False) -> IntArray:
    """Rows of at most `n` cases: as they come, or as many of each class as there are (a rare one is taken whole)."""
    rng = np.random.default_rng((seed, 5))
    if not balanced:
        return np.sort(rng.permutation(len(labels))[:n])
    members = [rng.permutation(np.flatnonzero(labels == k)) for k in np.unique(labels)]
    turns = (int(rows[turn]) for turn in range(max(map(len, members))) for rows in members if turn < len(rows))
    return np.sort(np.array(list(turns)[:n], np.int64))


def _accumulate_gradients(channels: Channels, sample: Sample) -> None:
    """Gradients of the mean loss of the task, without smoothed labels (Molchanov et al., CVPR 2019)."""
    import torch

    from bedside.train.fitting import as_batch, at_once
    from bedside.train.plan import TrainPlan

    data, network, plan = sample.data, channels.model, TrainPlan(n_epochs=1, label_smoothing=0.0)
    most = at_once(data.preprocess.spec.shape, 64)
    network.zero_grad(set_to_none=True)
    with torch.enable_grad():
        for rows in np.array_split(sample.rows, max(1, len(sample.rows) // most)):
            images = as_batch(data.preprocess.normalize(data.development[rows]))
            targets = torch.from_numpy(data.development_targets[rows])
            loss = data.objective.loss(network(images), targets, None, plan) * (len(rows) / len(sample.rows))
            loss.backward()


RANDOM = FromLibrary("random")
L1 = FromLibrary("l1")
L2 = FromLibrary("l2")
BN_SCALE = FromLibrary("bn_scale")
TAYLOR = FromLibrary("taylor", needs_gradients=True)
FPGM = FromLibrary("fpgm")
LAMP = FromLibrary("lamp")
