"""Layer damage: what rounding one layer does to the answers, and what the answers regain when it alone stays float."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bedside.base.arrays import FloatArray, IntArray
from bedside.base.errors import ShapeError
from bedside.base.task import TensorSpec
from bedside.compress.folding import folded
from bedside.compress.quantization import LayerBits, QuantizationPlan
from bedside.compress.simulating import (
    Ranges,
    all_but,
    by_plan,
    every_layer,
    observe,
    one_layer,
    rounded_logits,
    weighted_layers,
)

if TYPE_CHECKING:
    from torch import nn

N_IMAGES = 64
"""Images on which damage is measured; ranges are observed on all that are handed in."""

NO_ERROR_DB = 120.0
"""Signal-to-noise ratio that stands for no error at all."""

Calls = Callable[[FloatArray], IntArray]
Score = Callable[[FloatArray], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Rounded answers against float ones.

    Parameters
    ----------
    sqnr_db
        Energy of the outputs over the energy of their change, in decibels; 10 less is ten times the noise.
    flips_frac
        Share of decisions that change.
    score_change
        Rounded less float, of the score that was handed in (AUROC); NaN without one.
    """

    sqnr_db: float
    flips_frac: float
    score_change: float = float("nan")


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerDamage:
    """One layer.

    Parameters
    ----------
    layer, members
        Its path, and the paths of the modules that run on its behalf, such as its activation.
    alone
        When only this layer is rounded.
    without
        When every layer but this one is.
    """

    layer: str
    members: tuple[str, ...]
    alone: Change
    without: Change


@dataclass(frozen=True, slots=True, kw_only=True)
class DamageTable:
    """Every layer, the most damaging first; `whole` is the network with all of them rounded."""

    whole: Change
    rows: tuple[LayerDamage, ...]
    n_images: int

    @property
    def culprits(self) -> tuple[str, ...]:
        """Paths, the most damaging first."""
        return tuple(row.layer for row in self.rows)

    def row_of(self, layer: str) -> LayerDamage:
        """The row of a layer."""
        return next(row for row in self.rows if row.layer == layer)


@dataclass(frozen=True, slots=True)
class Bench:
    """A folded network, its ranges, its float answers to `images` (`rows` of those at hand), and their judge."""

    model: "nn.Module"
    ranges: Ranges
    images: FloatArray
    rows: IntArray
    outputs: FloatArray
    calls: Calls
    score: Score | None

    def change(self, bits_of: Callable[[str], LayerBits]) -> Change:
        """Round, run, compare."""
        rounded = rounded_logits(self.model, self.images, self.ranges, bits_of)
        score = self.score(rounded) - self.score(self.outputs) if self.score else float("nan")
        return Change(
            sqnr_db=sqnr_db(self.outputs, rounded),
            flips_frac=float(np.mean(self.calls(rounded) != self.calls(self.outputs))),
            score_change=score,
        )


def bench_of(
    model: "nn.Module", spec: TensorSpec, observed: FloatArray, *, judged: FloatArray | None = None,
    calls: Calls | None = None, score: Score | None = None, n_images: int = N_IMAGES,
) -> Bench:  # fmt: skip
    """Fold a copy of the network, observe its ranges on all images, and keep the float answers to some of them.

    Parameters
    ----------
    observed
        Preprocessed images, ``(n, *spec.shape)``.
    judged
        Other images, on which the answers are compared; by default the observed ones, which hides what ranges clip in
        images that were not observed. Of many, some are taken that are spread evenly over them.
    calls
        Decisions ``(n, ...)`` of outputs ``(n, K, ...)``; the largest output by default.
    score
        Score of the outputs of the judged images, more is better.
    """
    if not len(observed):
        raise ShapeError("no observation image", expected="one at least", hint="add development cases")
    network = folded(model, spec)
    ranges = observe(network, observed)
    judged = observed if judged is None else judged
    rows = judged_rows(len(judged), n_images)
    images = np.ascontiguousarray(judged[rows])
    outputs = rounded_logits(network, images, ranges, every_layer(LayerBits(weights=32, activations=32)))
    return Bench(network, ranges, images, rows, outputs, calls or (lambda out: out.argmax(axis=1)), score)


def judged_rows(n: int, n_images: int = N_IMAGES) -> IntArray:
    """Which of `n` images damage is measured on."""
    return np.unique(np.linspace(0, n - 1, min(n, n_images)).round().astype(np.int64))


def measure_damage(bench: Bench, plan: QuantizationPlan) -> DamageTable:
    """Round one layer at a time, and all but one, at the plan's usual bit widths; two runs a layer.

    Weights get one symmetric scale an output channel, activations one asymmetric scale a tensor, as in the files. The
    layer that leaves the least signal when it alone is rounded comes first.
    """
    bits = LayerBits(weights=plan.weight_bits, activations=plan.activation_bits)
    ran = [layer for layer in weighted_layers(bench.model) if layer in bench.ranges.members]
    rows = [
        LayerDamage(
            layer=layer,
            members=tuple(bench.ranges.members[layer]),
            alone=bench.change(one_layer(layer, bits)),
            without=bench.change(all_but(layer, bits)),
        )
        for layer in ran
    ]
    rows.sort(key=lambda row: (row.alone.sqnr_db, -row.without.sqnr_db))
    return DamageTable(whole=bench.change(every_layer(bits)), rows=tuple(rows), n_images=len(bench.images))


def predicted(bench: Bench, plan: QuantizationPlan) -> Change:
    """What a plan will do to the answers, its ranges taken as smallest and largest values."""
    return bench.change(by_plan(plan))


def sqnr_db(reference: FloatArray, got: FloatArray) -> float:
    """Signal-to-quantization-noise ratio in decibels, at most `NO_ERROR_DB`."""
    signal, noise = float((reference**2).sum()), float(((reference - got) ** 2).sum())
    if noise == 0:
        return NO_ERROR_DB
    return min(NO_ERROR_DB, 10 * float(np.log10(max(signal, 1e-30) / noise)))
