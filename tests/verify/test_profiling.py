"""Profiles: time is owned by the test, sizes are exact, and each number says where it comes from."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bedside.base.budget import Budget
from bedside.base.errors import PluginError, RuntimeFailureError
from bedside.base.jsonform import from_json, to_json
from bedside.base.seam import missing
from bedside.runtime.artifact import Artifact
from bedside.runtime.devices import DeviceSpec, LatencyModel, device_named, devices
from bedside.runtime.session import RUNTIMES
from bedside.runtime.toys import toy_artifact
from bedside.verify.meter import RaplMeter, find_meter
from bedside.verify.peak_memory import peak_memory_mib
from bedside.verify.profiling import Profile, profile, time_session

SLOW_BOARD = DeviceSpec(
    name="board",
    description="a board that is not here",
    is_host=False,
    active_power_w=(1.0, 4.0),
    power_source="data sheet",
    latency={
        "fp32": LatencyModel(fixed_ms=2.0, per_layer_ms=0.5, per_mmac_ms=0.1, error_frac=0.2, fitted_on="three boards"),
        "int8": LatencyModel(
            fixed_ms=1.0, per_layer_ms=0.5, per_mmac_ms=0.05, error_frac=0.2, fitted_on="three boards"
        ),
    },
)


class Counting:
    """A session that counts its runs and moves the clock by a known amount."""

    def __init__(self) -> None:
        self.n_runs, self.now_ns = 0, 0

    def run(self, inputs):
        self.n_runs += 1
        self.now_ns += self.n_runs * 1_000_000
        return {"logits": np.zeros((len(inputs["image"]), 2), np.float32)}


@pytest.fixture(scope="module")
def litert() -> tuple[Artifact, Path]:
    return toy_artifact("litert")[:2]


@pytest.fixture(scope="module")
def host_profile(litert: tuple[Artifact, Path]) -> Profile:
    artifact, folder = litert
    return profile(
        artifact, folder, np.zeros(artifact.spec.shape, np.float32), device_named("host"), n_runs=50, meter=Fixed()
    )


class Fixed:
    """An energy meter that knows its answer."""

    def millijoule_per_call(self, call, *, seconds: float) -> float:
        call()
        return 1.25

    def describe(self) -> str:
        return "a fixed meter"


def test_only_the_timed_runs_are_timed() -> None:
    session = Counting()
    got = time_session(session, np.zeros((1, 2, 2), np.float32), n_warmup=3, n_runs=4, now_ns=lambda: session.now_ns)
    assert got.tolist() == [4.0, 5.0, 6.0, 7.0]
    assert session.n_runs == 7


def test_the_host_is_measured(host_profile: Profile, litert: tuple[Artifact, Path]) -> None:
    artifact, folder = litert
    assert host_profile.size_kib.value == (folder / artifact.file).stat().st_size / 1024
    for name in ("latency_p50_ms", "latency_p90_ms", "peak_memory_mib", "size_kib", "energy_mj"):
        quantity = getattr(host_profile, name)
        assert quantity.origin == "measured", name
        assert quantity.how, name
        assert quantity.low <= quantity.value <= quantity.high, name
    assert 0 < host_profile.latency_p50_ms.value <= host_profile.latency_p90_ms.value
    assert host_profile.energy_mj.value == 1.25
    assert host_profile.device == "host"
    assert host_profile.machine
    assert host_profile.runtime.startswith("litert ")
    assert host_profile.n_runs == 50
    assert "50 runs" in host_profile.latency_p50_ms.how


def test_another_device_is_modelled_and_says_so(litert: tuple[Artifact, Path]) -> None:
    artifact, folder = litert
    image = np.zeros(artifact.spec.shape, np.float32)
    got = profile(artifact, folder, image, SLOW_BOARD, mmacs=10.0, n_layers=4, n_runs=5)
    assert got.latency_p50_ms.value == pytest.approx(2.0 + 0.5 * 4 + 0.1 * 10)
    assert (got.latency_p50_ms.low, got.latency_p50_ms.high) == pytest.approx((3 * 0.6, 5 * 1.4))
    assert got.energy_mj.value == pytest.approx(2.0 * 5)
    assert (got.energy_mj.low, got.energy_mj.high) == pytest.approx((1 * 3 * 0.6, 4 * 7))
    for quantity in (got.latency_p50_ms, got.latency_p90_ms, got.energy_mj):
        assert quantity.origin == "modelled"
    assert "three boards" in got.latency_p90_ms.how
    assert "data sheet" in got.energy_mj.how
    assert got.size_kib.origin == got.peak_memory_mib.origin == "measured"
    assert got.device == "board"


def test_without_a_meter_energy_is_modelled(litert: tuple[Artifact, Path], monkeypatch) -> None:
    monkeypatch.setattr("bedside.verify.profiling.find_meter", lambda: None)
    artifact, folder = litert
    got = profile(artifact, folder, np.zeros(artifact.spec.shape, np.float32), device_named("host"), n_runs=5)
    assert got.energy_mj.origin == "modelled"
    assert "no meter" in got.energy_mj.how


def test_a_ceiling_is_compared_with_the_upper_end_of_what_is_modelled(host_profile: Profile) -> None:
    modelled = replace(host_profile.energy_mj, value=2.0, low=1.0, high=4.0, origin="modelled")
    made = replace(host_profile, energy_mj=modelled)
    assert made.excess(Budget(energy_mj=3.0)) == {"energy_mj": pytest.approx(4 / 3)}
    assert made.excess(Budget(energy_mj=4.0)) == {}


def test_a_ceiling_is_compared_with_the_p90(host_profile: Profile) -> None:
    p50 = replace(host_profile.latency_p50_ms, value=1.0, low=0.5, high=2.0)
    p90 = replace(host_profile.latency_p90_ms, value=2.0, low=1.0, high=9.0)
    made = replace(host_profile, latency_p50_ms=p50, latency_p90_ms=p90)
    assert made.excess(Budget(latency_ms=1.5)) == {"latency_ms": pytest.approx(2 / 1.5)}
    assert made.excess(Budget(latency_ms=2.0, size_kib=1e9, memory_mib=1e9)) == {}
    assert set(made.excess(Budget(latency_ms=0.1, size_kib=0.1))) == {"latency_ms", "size_kib"}


def test_a_profile_goes_to_json_and_back(host_profile: Profile) -> None:
    assert from_json(Profile, to_json(host_profile)) == host_profile


@pytest.mark.parametrize("format_", ["litert", "onnx"])
def test_memory_is_that_of_a_fresh_process(format_: str) -> None:
    if lacking := missing(RUNTIMES.get(format_).requires):
        pytest.skip("pip install " + " ".join(lacking))
    artifact, folder, *_ = toy_artifact(format_)
    hoard = np.ones(30_000_000)  # 240 MB of ours must not count
    got = peak_memory_mib(artifact, folder)
    assert 0 <= got < 60
    assert hoard.sum()


def test_a_process_that_fails_is_an_error(litert: tuple[Artifact, Path], tmp_path: Path, refuses) -> None:
    artifact, _ = litert
    with refuses(RuntimeFailureError, artifact.file):
        peak_memory_mib(artifact, tmp_path)


def test_the_meter_reads_the_kernels_counter_and_knows_that_it_wraps(tmp_path: Path) -> None:
    zone = tmp_path / "intel-rapl:0"
    zone.mkdir()
    (zone / "energy_uj").write_text("900\n")
    (zone / "max_energy_range_uj").write_text("1000\n")
    assert find_meter(tmp_path) == RaplMeter(zone)

    def burn() -> None:
        (zone / "energy_uj").write_text("400\n")

    got = RaplMeter(zone).millijoule_per_call(burn, seconds=0.01)
    assert got > 0
    assert "intel-rapl:0" in RaplMeter(zone).describe()


def test_a_counter_that_cannot_be_read_is_no_meter(tmp_path: Path) -> None:
    assert find_meter(tmp_path) is None
    (tmp_path / "intel-rapl:0").mkdir()
    assert find_meter(tmp_path) is None


def test_devices_are_found_by_name(refuses) -> None:
    assert device_named("host").is_host
    assert all(spec.latency.keys() >= {"fp32", "int8"} for spec in devices().values())
    with refuses(PluginError, "no device called 'hots'", "host"):
        device_named("hots")
