"""Genomes of elastic networks: one line there and back, refusals that name the field, and the space around them."""

import numpy as np
import pytest

from bedside.base.errors import RecipeError
from bedside.train.elastic_space import ElasticSpace
from bedside.train.genome import Genome


@pytest.mark.parametrize(
    "text",
    [
        "inverted-k3-e4-d1.2.2-w16.24.40-eca-exit2",
        "ghost-k5-e3-d1.2-w16.32-se",
        "rep.fire-k3.7-e2.6-d1-w8.16-none.cbam-hardswish",
        "residual-k3-e4-d8-w512",
    ],
)
def test_a_line_is_read_as_it_is_written(text: str) -> None:
    genome = Genome.parse(text)
    assert genome.text == text
    assert Genome.parse(genome.family) == genome


def test_what_is_left_out_is_usual() -> None:
    assert Genome.parse("w16.32") == Genome.parse("inverted-k3-e4-d2-w16.32-none-relu6")


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("inverted-k3", "no widths"), ("k4-w16", "kernel 4"), ("w12", "width 12"), ("w16-w32", "widths twice"),
        ("e9-w16", "expansion 9"), ("w16.32-d1.2.3", "3 depths for 2 stages"), ("mixer-w16", "'mixer'"),
        ("w16.32-exit2", "exit 2"), ("w16.32.64-exit2.1", "rising"), ("w", "'w'"),
    ],
)  # fmt: skip
def test_a_bad_line_is_refused_by_its_field(text: str, word: str) -> None:
    with pytest.raises(RecipeError) as caught:
        Genome.parse(text)
    assert word in str(caught.value) + str(caught.value.expected)


def test_an_exit_is_a_network_of_its_own() -> None:
    genome = Genome.parse("d1.2.3-w8.16.24-exit1.2")
    assert genome.at_exit(2).text == "inverted-k3-e4-d1.2-w8.16-exit1"
    with pytest.raises(RecipeError, match="an exit after stage 3 "):
        Genome.parse("w8.16.24.32-exit1").at_exit(3)


def test_a_space_draws_and_changes_only_what_it_holds() -> None:
    space, rng = ElasticSpace(), np.random.default_rng(0)
    drawn = [space.sample(rng) for _ in range(50)]
    assert all(map(space.holds, drawn))
    assert len({genome.text for genome in drawn}) > 40
    for genome in drawn[:10]:
        assert space.genome_of(space.genes_of(genome)) == genome
        assert space.holds(space.mutate(genome, rng, rate_frac=0.5))
        assert space.holds(space.crossed(genome, drawn[-1], rng))
        near = space.neighbours(genome)
        assert all(map(space.holds, near))
        assert genome not in near
    assert sum(space.largest().widths) > sum(space.smallest().widths)
    assert space.n_genomes > 10_000
