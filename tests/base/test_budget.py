"""Ceilings."""

import math

import pytest

from bedside.base.budget import Budget, unit_of
from bedside.base.errors import InputError


def test_only_ceilings_that_are_set_count() -> None:
    assert Budget().limits() == {}
    assert Budget(size_kib=300, latency_ms=2.5).limits() == {"size_kib": 300, "latency_ms": 2.5}


def test_it_reads_like_a_sentence() -> None:
    assert str(Budget(latency_ms=2.5, memory_mib=64)) == "latency <= 2.5 ms, memory <= 64 MiB on host"
    assert str(Budget(device="pi")) == "no ceilings on pi"


@pytest.mark.parametrize("limit", ["latency_ms", "size_kib", "memory_mib", "energy_mj"])
@pytest.mark.parametrize("ceiling", [0, -1, math.nan])
def test_a_ceiling_is_above_zero(refuses, limit: str, ceiling: float) -> None:
    with refuses(InputError, limit):
        Budget(**{limit: ceiling})


def test_every_ceiling_has_a_unit() -> None:
    full = Budget(latency_ms=1, size_kib=1, memory_mib=1, energy_mj=1).limits()
    assert [unit_of(name) for name in full] == ["ms", "KiB", "MiB", "mJ"]
