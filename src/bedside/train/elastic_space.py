"""Which genomes a search may visit: sampled, mutated, crossed, and the neighbours of each."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from bedside.base.errors import RecipeError
from bedside.train.genome import Genome

Genes = dict[str, int | str]
"""Names such as ``kernel2`` (of the second stage) to values."""

_FIELDS = {"kind": "kinds", "kernel": "kernels_px", "expansion": "expansions", "depth": "depths", "width": "widths",
           "attention": "attentions"}  # fmt: skip
_UNORDERED = ("kind", "attention", "activation")


@dataclass(frozen=True, slots=True, kw_only=True)
class ElasticSpace:
    """Choices of each gene, from small to large; each stage chooses for itself.

    Parameters
    ----------
    widths
        For each stage the channels that it may have.
    exit_points
        Numbers of stages after which a network may end early; the last stage is always one.
    supervises
        Whether networks are trained with a head at every exit point before their end.
    """

    kinds: tuple[str, ...] = ("inverted",)
    kernels_px: tuple[int, ...] = (3, 5)
    expansions: tuple[int, ...] = (2, 3, 4)
    depths: tuple[int, ...] = (1, 2, 3)
    widths: tuple[tuple[int, ...], ...] = ((16, 24), (24, 32, 40), (40, 56, 72), (64, 80, 96))
    attentions: tuple[str, ...] = ("none", "se", "eca")
    activations: tuple[str, ...] = ("relu6",)
    exit_points: tuple[int, ...] = ()
    supervises: bool = False

    def __post_init__(self) -> None:
        for name, values in self.choices.items():
            if not values or (not name.startswith(_UNORDERED) and list(values) != sorted(set(values))):  # type: ignore[type-var]
                raise RecipeError(f"a space whose {name} is one of {values}", expected="rising values, one at least",
                                  hint="sort them")  # fmt: skip
        _ = self.smallest()  # a genome that cannot be built says so
        genes = self.genes_of(self.largest())
        for name, value in ((name, value) for name, values in self.choices.items() for value in values):
            _ = self.genome_of(genes | {name: value})

    @property
    def choices(self) -> dict[str, tuple[int | str, ...]]:
        """Every gene and its values: what a sampler such as Optuna's is asked to choose from."""
        found: dict[str, tuple[int | str, ...]] = {"n_stages": tuple(sorted({*self.exit_points, len(self.widths)}))}
        for stage, widths in enumerate(self.widths, 1):
            for gene, field in _FIELDS.items():
                found[f"{gene}{stage}"] = widths if gene == "width" else getattr(self, field)
        return found | {"activation": self.activations}

    @property
    def n_genomes(self) -> int:
        """How many networks the space holds."""
        total = 0
        for n_stages in self.choices["n_stages"]:
            live = [values for name, values in self.choices.items() if _is_live(name, int(n_stages))]
            total += math.prod(len(values) for values in live) // len(self.choices["n_stages"])
        return total

    def genome_of(self, genes: Mapping[str, Any]) -> Genome:
        """Build the genome of these genes; those of stages beyond ``n_stages`` are not looked at."""
        n = int(genes.get("n_stages", len(self.widths)))
        fields: Any = {
            field: tuple(genes[f"{gene}{stage}"] for stage in range(1, n + 1)) for gene, field in _FIELDS.items()
        }
        exits = tuple(k for k in sorted(self.exit_points) if k < n) if self.supervises else ()
        return Genome(**fields, activation=str(genes.get("activation", self.activations[0])), exits=exits)

    def genes_of(self, genome: Genome) -> Genes:
        """Return the genes of a genome."""
        found: Genes = {"n_stages": genome.n_stages, "activation": genome.activation}
        for gene, field in _FIELDS.items():
            found |= {f"{gene}{stage}": value for stage, value in enumerate(getattr(genome, field), 1)}
        return found

    def holds(self, genome: Genome) -> bool:
        """Whether a genome is in the space."""
        return all(value in self.choices.get(name, ()) for name, value in self.genes_of(genome).items())

    def sample(self, rng: np.random.Generator) -> Genome:
        """Draw every gene evenly."""
        return self.genome_of(self._draw(rng))

    def mutate(self, genome: Genome, rng: np.random.Generator, *, rate_frac: float = 0.1) -> Genome:
        """Redraw each gene with a probability, until the network is another one, if the space holds another."""
        for _ in range(1000):
            fresh = self._draw(rng)
            old = fresh | self.genes_of(genome)
            changed = {name: fresh[name] if rng.random() < rate_frac else old[name] for name in fresh}
            if (found := self.genome_of(changed)) != genome:
                return found
        return genome

    def crossed(self, first: Genome, second: Genome, rng: np.random.Generator) -> Genome:
        """Take each gene from one of two parents, evenly."""
        fresh = self._draw(rng)
        one, other = fresh | self.genes_of(first), fresh | self.genes_of(second)
        return self.genome_of({name: (one if rng.random() < 0.5 else other)[name] for name in fresh})

    def neighbours(self, genome: Genome) -> tuple[Genome, ...]:
        """Every genome that is one step away in one gene: the next size up or down, or any other kind.

        A stage that is added comes in its smallest form.
        """
        genes = {name: values[0] for name, values in self.choices.items()} | self.genes_of(genome)
        found: dict[Genome, None] = {}
        for name, values in self.choices.items():
            place = values.index(genes[name])
            steps = range(len(values)) if name.startswith(_UNORDERED) else (place - 1, place + 1)
            for i in steps:
                if 0 <= i < len(values):
                    found[self.genome_of(genes | {name: values[i]})] = None
        return tuple(other for other in found if other != genome)

    def largest(self, rng: np.random.Generator | None = None) -> Genome:
        """Every size at its largest; kinds are the first ones, or drawn by `rng`."""
        return self._extreme(-1, rng)

    def smallest(self, rng: np.random.Generator | None = None) -> Genome:
        """Every size at its smallest; kinds are the first ones, or drawn by `rng`."""
        return self._extreme(0, rng)

    def _extreme(self, place: int, rng: np.random.Generator | None) -> Genome:
        free = {name: values[0] for name, values in self.choices.items()} if rng is None else self._draw(rng)
        sized = {name: v[place] for name, v in self.choices.items() if not name.startswith(_UNORDERED)}
        return self.genome_of(free | sized)

    def _draw(self, rng: np.random.Generator) -> Genes:
        return {name: values[int(rng.integers(len(values)))] for name, values in self.choices.items()}


def _is_live(name: str, n_stages: int) -> bool:
    stage = name.lstrip("abcdefghijklmnopqrstuvwxyz_")
    return not stage or int(stage) <= n_stages
