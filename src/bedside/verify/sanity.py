"""A map that looks the same when the network knows nothing explains nothing (Adebayo et al., NeurIPS 2018)."""

from collections.abc import Sequence
from dataclasses import dataclass

from bedside.base.arrays import FloatArray
from bedside.base.errors import ShapeError
from bedside.base.estimate import Estimate
from bedside.verify.heat_agreement import compare_maps

MAX_SIMILARITY = 0.5
"""Rank correlation that the maps of a wholly randomised network must stay below, with their whole interval."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SanityStep:
    """Maps once this layer, and every one above it, holds random weights, against those of the fitted network."""

    layer: str
    similarity: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class SanityCheck:
    """Cascading randomisation, from the outputs down to the input.

    `flag` says in words why the method is not to be trusted here; it is empty where the check is passed.
    """

    method: str
    steps: tuple[SanityStep, ...]
    flag: str = ""

    @property
    def passed(self) -> bool:
        """Whether the maps depend on what the network has learned."""
        return not self.flag


def check_sanity(
    method: str,
    fitted: FloatArray,
    cascade: Sequence[tuple[str, FloatArray]],
    units: Sequence[str],
    *,
    max_similarity: float = MAX_SIMILARITY,
    seed: int = 0,
) -> SanityCheck:
    """Compare the fitted network's maps with those of its ever more random copies.

    Parameters
    ----------
    fitted
        ``(n, H, W)``.
    cascade
        Name of the layer down to which the weights are random, and the maps of the same cases, in order; the last one
        is random throughout.
    """
    if not cascade:
        raise ShapeError(
            "no randomised network", expected="one at least", hint="see bedside.train.randomizing.randomized_cascade"
        )
    steps = tuple(
        SanityStep(layer=layer, similarity=compare_maps(fitted, maps, units, seed=seed).rank_correlation)
        for layer, maps in cascade
    )
    return SanityCheck(method=method, steps=steps, flag=_flag(steps[-1].similarity, max_similarity))


def _flag(last: Estimate, max_similarity: float) -> str:
    if last.n_patients == 0:
        return "every map is blank: nothing was checked"
    if last.high >= max_similarity:
        return f"maps of a network of random weights resemble the real ones: rank correlation {last}"
    return ""
