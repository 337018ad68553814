"""Self-distillation from deep to shallow: early stages learn the final answer through heads that are thrown away."""

from typing import Any

import torch
from torch import nn

from bedside.base.arrays import IntArray
from bedside.base.errors import RecipeError
from bedside.train.guide import Guide, GuideOrder
from bedside.train.taps import TapKeeper, stage_taps

USUAL_WEIGHT = 0.5
"""Of the mean over the heads, against the final head's own loss."""


class ShallowGuide:
    """A linear head on every stage but the last (Zhang et al., "Be your own teacher", ICCV 2019)."""

    def __init__(self, order: GuideOrder) -> None:
        self._taps = stage_taps(order.student, order.data.preprocess.spec)[:-1]
        if order.data.kind in ("segmentation", "detection") or not self._taps:
            raise RecipeError(
                f"distillation from deep to shallow of a {order.data.kind} network of {len(self._taps) + 1} stages",
                expected="a classifier of two stages or more", hint="use kind: born_again",
            )  # fmt: skip
        self._order = order
        self._heads: Any = None
        self._keeper: TapKeeper | None = None

    def begin(self, network: nn.Module) -> nn.Module | None:
        """Watch the stages; the heads learn beside."""
        self._keeper = TapKeeper(network, self._taps)
        final: Any = self._order.student
        with torch.no_grad():
            n_outputs = final.eval()(torch.zeros(1, *self._order.data.preprocess.spec.shape)).shape[1]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self._order.plan.seed)
            self._heads = nn.ModuleList(nn.Linear(tap.n_channels, n_outputs) for tap in self._taps)
        return self._heads

    def loss(self, outputs: torch.Tensor, targets: torch.Tensor, rows: IntArray, view: int) -> torch.Tensor:
        """Each head's loss on the targets and on the final answers, which are not moved by it; mean, times weight."""
        assert self._keeper is not None, "begin comes before loss"
        objective, plan = self._order.data.objective, self._order.plan
        terms = [
            objective.loss(head(self._keeper.maps[tap.name].mean((2, 3))), targets, outputs.detach(), plan)
            for head, tap in zip(self._heads, self._taps, strict=True)
        ]
        return self._order.weight * USUAL_WEIGHT * torch.stack(terms).mean()

    def end(self) -> None:
        """Take the hooks away."""
        if self._keeper is not None:
            self._keeper.release()


def deep_to_shallow(order: GuideOrder) -> Guide:
    """Self-distillation within one network."""
    return ShallowGuide(order)
