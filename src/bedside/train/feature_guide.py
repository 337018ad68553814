"""Guides by a teacher's feature maps: attention transfer, hints through learned regressors, relations."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import nn
from torch.nn import functional

from bedside.base.arrays import IntArray
from bedside.base.errors import RecipeError
from bedside.train.feature_loss import angle_loss, attention_loss, attention_map, distance_loss, hint_loss
from bedside.train.guide import Guide, GuideOrder
from bedside.train.taps import TapKeeper, TapPair, paired, stage_taps
from bedside.train.teacher_memory import TeacherMemory


class Term(Protocol):
    """One kind: which maps it compares, what of the teacher's it keeps, what it learns beside, and its loss."""

    def chosen(self, pairs: tuple[TapPair, ...]) -> tuple[TapPair, ...]:
        """Some of the pairs, from shallow to deep."""
        ...

    def beside(self, pairs: Sequence[TapPair]) -> nn.Module | None:
        """What learns beside the student."""
        ...

    def kept(self, maps: torch.Tensor, pair: TapPair) -> torch.Tensor:
        """What is remembered of the teacher's maps."""
        ...

    def loss(self, maps: torch.Tensor, kept: torch.Tensor, pair: TapPair, part: Any) -> torch.Tensor:
        """Term of one pair."""
        ...


@dataclass(frozen=True, slots=True)
class Attention:
    """Attention maps of every stage (Zagoruyko & Komodakis, ICLR 2017)."""

    scale: float = 500.0
    """Half of the paper's beta of 1000."""

    def chosen(self, pairs: tuple[TapPair, ...]) -> tuple[TapPair, ...]:
        """All."""
        return pairs

    def beside(self, pairs: Sequence[TapPair]) -> nn.Module | None:
        """Nothing."""
        return None

    def kept(self, maps: torch.Tensor, pair: TapPair) -> torch.Tensor:
        """Attention on the common grid."""
        return attention_map(_on_grid(maps, pair))

    def loss(self, maps: torch.Tensor, kept: torch.Tensor, pair: TapPair, part: Any) -> torch.Tensor:
        """Distance of attention."""
        return self.scale * attention_loss(attention_map(_on_grid(maps, pair)), kept)


@dataclass(frozen=True, slots=True)
class Hints:
    """The middle stage's maps through a 1x1 regressor that is thrown away (FitNets: Romero et al., ICLR 2015)."""

    def chosen(self, pairs: tuple[TapPair, ...]) -> tuple[TapPair, ...]:
        """The middle one."""
        return (pairs[len(pairs) // 2],)

    def beside(self, pairs: Sequence[TapPair]) -> nn.Module | None:
        """One regressor a pair."""
        return nn.ModuleList(nn.Conv2d(pair.student.n_channels, pair.teacher.n_channels, 1) for pair in pairs)

    def kept(self, maps: torch.Tensor, pair: TapPair) -> torch.Tensor:
        """Maps on the common grid."""
        return _on_grid(maps, pair)

    def loss(self, maps: torch.Tensor, kept: torch.Tensor, pair: TapPair, part: Any) -> torch.Tensor:
        """Error of the regression."""
        return hint_loss(part(_on_grid(maps, pair)), kept)


@dataclass(frozen=True, slots=True)
class Relational:
    """Distances and angles among the images of a batch, in the last stage's averages (Park et al., CVPR 2019)."""

    distance_scale: float = 25.0
    angle_scale: float = 50.0

    def chosen(self, pairs: tuple[TapPair, ...]) -> tuple[TapPair, ...]:
        """The last one."""
        return pairs[-1:]

    def beside(self, pairs: Sequence[TapPair]) -> nn.Module | None:
        """Nothing."""
        return None

    def kept(self, maps: torch.Tensor, pair: TapPair) -> torch.Tensor:
        """One vector an image."""
        return maps.mean((2, 3))

    def loss(self, maps: torch.Tensor, kept: torch.Tensor, pair: TapPair, part: Any) -> torch.Tensor:
        """Both terms; the weights are those of the paper's image classification."""
        points = maps.mean((2, 3))
        return self.distance_scale * distance_loss(points, kept) + self.angle_scale * angle_loss(points, kept)


class FeatureGuide:
    """A guide by one term."""

    def __init__(self, order: GuideOrder, term: Term) -> None:
        if order.teacher is None:
            raise RecipeError(
                "a distillation of feature maps without a teacher network", expected="the reference at hand",
                hint="use plain distil, or run it through bedside optimize or compress",
            )  # fmt: skip
        spec = order.data.preprocess.spec
        pairs = paired(stage_taps(order.student, spec), stage_taps(order.teacher, spec))
        self._order, self._term, self._pairs = order, term, term.chosen(pairs)
        self._heard = TapKeeper(
            order.teacher, tuple({pair.teacher.name: pair.teacher for pair in self._pairs}.values())
        )
        self._memory = TeacherMemory(order.teacher, order.data, order.plan, self._read)
        self._beside: Any = None
        self._keeper: TapKeeper | None = None

    def begin(self, network: nn.Module) -> nn.Module | None:
        """Watch the student's taps; regressors are drawn from the plan's seed."""
        self._keeper = TapKeeper(network, tuple(pair.student for pair in self._pairs))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self._order.plan.seed)
            self._beside = self._term.beside(self._pairs)
        return self._beside

    def _read(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        teacher: Any = self._order.teacher
        teacher(images)
        return tuple(self._term.kept(self._heard.maps[pair.teacher.name], pair) for pair in self._pairs)

    def loss(self, outputs: torch.Tensor, targets: torch.Tensor, rows: IntArray, view: int) -> torch.Tensor:
        """Mean over the pairs, times the weight."""
        assert self._keeper is not None, "begin comes before loss"
        maps = [self._keeper.maps[pair.student.name] for pair in self._pairs]
        parts = self._beside or [None] * len(self._pairs)
        kept = self._memory.of(view, rows)
        terms = [
            self._term.loss(*given) for given in zip(maps, kept, self._pairs, parts, strict=True)
        ]  # fmt: skip
        return self._order.weight * torch.stack(terms).mean()

    def end(self) -> None:
        """Take the hooks away."""
        self._heard.release()
        if self._keeper is not None:
            self._keeper.release()


def _on_grid(maps: torch.Tensor, pair: TapPair) -> torch.Tensor:
    return maps if tuple(maps.shape[2:]) == pair.grid_px else functional.adaptive_avg_pool2d(maps, pair.grid_px)


def attention(order: GuideOrder) -> Guide:
    """Attention transfer."""
    return FeatureGuide(order, Attention())


def hints(order: GuideOrder) -> Guide:
    """Feature hints."""
    return FeatureGuide(order, Hints())


def relational(order: GuideOrder) -> Guide:
    """Relational knowledge distillation."""
    return FeatureGuide(order, Relational())
