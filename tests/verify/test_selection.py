"""The choice: faithful, good enough, within budget, then the cheapest of equals."""

import re

import pytest

from bedside.base.budget import Budget
from bedside.base.digest import Digest
from bedside.base.errors import BudgetError
from bedside.base.estimate import Estimate
from bedside.base.task import TensorSpec
from bedside.runtime.artifact import Artifact
from bedside.verify.noninferiority import NonInferiority
from bedside.verify.operating_point import OperatingPoint
from bedside.verify.parity import ParityReport, StageParity
from bedside.verify.profiling import Profile, Quantity
from bedside.verify.selection import Trial, select

DIGEST = Digest("0" * 64)


def exactly(value: float) -> Quantity:
    return Quantity(value=value, low=value, high=value, origin="measured", how="by the test")


def trial(
    name: str, *, auroc: float = 0.9, error: float = 0.01, mmacs: float = 10.0, latency_ms: float = 1.0,
    size_kib: float = 100.0, memory_mib: float = 10.0, energy_mj: float = 5.0, verdict: str = "PASS",
    broken_by: str = "",
) -> Trial:  # fmt: skip
    stage = StageParity(
        stage="litert int8", max_change_prob=0, mean_change_prob=0, max_change_steps=0, flips_frac=0,
        edge_change_prob=0, tolerance_prob=0.1, broken_by=broken_by,
    )  # fmt: skip
    half = 1.96 * error
    artifact = Artifact(
        format="litert", precision="int8", file="m.tflite", digest=DIGEST, size_bytes=int(size_kib * 1024),
        spec=TensorSpec(n_channels=1, height_px=8, width_px=8), n_classes=2,
    )  # fmt: skip
    return Trial(
        name=name,
        recipe=DIGEST,
        artifacts=(artifact,),
        tuning_score=Estimate(value=auroc, low=auroc - half, high=auroc + half, n_patients=100),
        non_inferiority=NonInferiority(
            verdict=verdict, difference=Estimate(value=-0.01, low=-0.03, high=0.01, n_patients=100), margin=0.02
        ),
        point=OperatingPoint(temperature=1, threshold_prob=0.5, positive=1, rule=""),
        parity=ParityReport(chain=("eager", "litert int8"), stages=(stage,), end_to_end=stage, n_images=10),
        profile=Profile(
            device="host", machine="m", runtime="litert 2", latency_p50_ms=exactly(latency_ms / 2),
            latency_p90_ms=exactly(latency_ms), peak_memory_mib=exactly(memory_mib), energy_mj=exactly(energy_mj),
            size_kib=exactly(size_kib), n_warmup=10, n_runs=100, threads=1,
        ),
        mmacs=mmacs,
        n_parameters=1000,
    )  # fmt: skip


def test_the_cheapest_within_a_tenth_of_the_margin_of_the_best_ships() -> None:
    trials = [
        trial("best", auroc=0.950, mmacs=40),
        trial("equal", auroc=0.9485, mmacs=20),
        trial("cheap", auroc=0.947, mmacs=5),
    ]
    choice = select(trials, Budget(), margin=0.02)
    assert choice.name == "equal"
    assert "best" in choice.why
    assert set(choice.refused) == {"best", "cheap"}
    assert select(trials, Budget(), margin=0.05).name == "cheap", "a wider margin makes more of them equal"
    assert select(trials, Budget(), margin=0.001).name == "best"


def test_a_busy_machine_does_not_change_the_choice() -> None:
    trials = [trial("a", mmacs=10, latency_ms=9.0), trial("b", mmacs=11, latency_ms=1.0)]
    assert select(trials, Budget()).name == "a"


def test_among_equals_in_work_the_smaller_file_ships_then_the_name_decides() -> None:
    assert select([trial("a", size_kib=90), trial("b", size_kib=80)], Budget()).name == "b"
    assert select([trial("b"), trial("a")], Budget()).name == select([trial("a"), trial("b")], Budget()).name == "a"


@pytest.mark.parametrize(
    ("unfit", "word"),
    [
        ({"broken_by": "a probability changes"}, "parity broken at litert int8"),
        ({"verdict": "FAIL"}, "inferior on tuning"),
        ({"latency_ms": 5.1}, "over budget: latency 5.1 ms"),
        ({"size_kib": 301}, "over budget: size 301 KiB"),
        ({"memory_mib": 65}, "over budget: memory 65 MiB"),
        ({"energy_mj": 7}, "over budget: energy 7 mJ"),
    ],
)
def test_the_unfit_does_not_ship_however_good(unfit: dict, word: str) -> None:
    budget = Budget(latency_ms=5, size_kib=300, memory_mib=64, energy_mj=6)
    choice = select([trial("good", auroc=0.999, mmacs=1, **unfit), trial("fit", auroc=0.9)], budget)
    assert choice.name == "fit"
    assert word in choice.refused["good"]


def test_inconclusive_may_ship() -> None:
    assert select([trial("a", verdict="INCONCLUSIVE")], Budget()).name == "a"


def test_the_worst_excess_is_the_one_that_is_named() -> None:
    assert "size 900 KiB" in trial("a", latency_ms=6, size_kib=900).refusal(Budget(latency_ms=5, size_kib=300))


def test_when_nothing_fits_the_binding_limit_and_the_nearest_budget_are_named(refuses) -> None:
    trials = [trial("far", size_kib=900, latency_ms=2), trial("near", size_kib=123.4567, latency_ms=1.33333)]
    with refuses(
        BudgetError,
        "none of 2 trials fits",
        "binding limit is size_kib",
        "near",
        "123.5 KiB",
        "--size-kib",
        "--latency-ms",
    ):
        select(trials, Budget(size_kib=50, latency_ms=1))


@pytest.mark.parametrize("size_kib", [123.4412, 123.4567, 1234.56, 99999.4, 0.0123456])
def test_the_nearest_budget_that_would_fit_does_fit(size_kib: float) -> None:
    trials = [
        trial("far", size_kib=2 * size_kib, latency_ms=3.1234567),
        trial("near", size_kib=size_kib, latency_ms=3.1234321),
    ]
    with pytest.raises(BudgetError) as caught:
        select(trials, Budget(size_kib=size_kib / 3, latency_ms=2, memory_mib=64))
    offered = {
        name.replace("-", "_"): float(value) for name, value in re.findall(r"--([a-z-]+) ([\d.e+]+)", caught.value.hint)
    }
    assert set(offered) == {"size_kib", "latency_ms"}
    assert select(trials, Budget(**{"memory_mib": 64, **offered})).name == "near"
    assert offered["size_kib"] < 1.01 * size_kib, "and it is near"


def test_an_unsound_trial_is_not_offered_as_a_way_out(refuses) -> None:
    trials = [trial("broken", size_kib=10, broken_by="NaN"), trial("sound", size_kib=200)]
    with refuses(BudgetError, "sound", "--size-kib 200"):
        select(trials, Budget(size_kib=100))


def test_when_nothing_is_sound_no_budget_is_promised(refuses) -> None:
    trials = [trial("a", broken_by="NaN"), trial("b", verdict="FAIL")]
    with refuses(BudgetError, "a: parity broken", "b: inferior", "sound") as _:
        select(trials, Budget(size_kib=1000))
    with refuses(BudgetError, "no candidate was left"):
        select([], Budget())
