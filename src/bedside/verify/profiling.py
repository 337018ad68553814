"""Latency, memory, energy and size of a model file on a named device; each number says measured or modelled."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter_ns
from typing import Literal

import numpy as np

from bedside.base.arrays import FloatArray
from bedside.base.budget import Budget
from bedside.runtime.artifact import Artifact
from bedside.runtime.devices import DeviceSpec, host_name
from bedside.runtime.session import INPUT, RUNTIMES, Session, open_session
from bedside.verify.meter import EnergyMeter, find_meter
from bedside.verify.peak_memory import peak_memory_mib

N_WARMUP = 10
N_TIMED = 100
_ENERGY_WINDOW_S = 2.0

Origin = Literal["measured", "modelled"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantity:
    """A number with its band and where it comes from."""

    value: float
    low: float
    high: float
    origin: Origin
    how: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """Cost of one image at batch 1, warm, one thread, on one named device."""

    device: str
    machine: str
    runtime: str
    latency_p50_ms: Quantity
    latency_p90_ms: Quantity
    peak_memory_mib: Quantity
    energy_mj: Quantity
    size_kib: Quantity
    n_warmup: int
    n_runs: int
    threads: int

    def value_of(self, limit: str) -> float:
        """Return the number that a ceiling of the budget is compared with (the upper end of a modelled band)."""
        chosen = {
            "latency_ms": self.latency_p90_ms,
            "memory_mib": self.peak_memory_mib,
            "energy_mj": self.energy_mj,
            "size_kib": self.size_kib,
        }[limit]
        return chosen.value if chosen.origin == "measured" else chosen.high

    def excess(self, budget: Budget) -> dict[str, float]:
        """By how much each ceiling is missed, as a ratio above 1; empty where everything fits."""
        ratios = {name: self.value_of(name) / ceiling for name, ceiling in budget.limits().items()}
        return {name: ratio for name, ratio in ratios.items() if ratio > 1}


def time_session(
    session: Session,
    image: FloatArray,
    *,
    n_warmup: int = N_WARMUP,
    n_runs: int = N_TIMED,
    now_ns: Callable[[], int] = perf_counter_ns,
) -> FloatArray:
    """Milliseconds of each timed run, ``(n_runs,)``, on one ``(C, H, W)`` image; warm-up runs are not counted."""
    batch = {INPUT: image[None]}
    for _ in range(n_warmup):
        session.run(batch)
    elapsed_ms = np.empty(n_runs)
    for i in range(n_runs):
        start_ns = now_ns()
        session.run(batch)
        elapsed_ms[i] = (now_ns() - start_ns) / 1e6
    return elapsed_ms


def profile(
    artifact: Artifact,
    folder: Path,
    image: FloatArray,
    device: DeviceSpec,
    *,
    mmacs: float | None = None,
    n_layers: int | None = None,
    threads: int = 1,
    n_runs: int = N_TIMED,
    meter: EnergyMeter | None = None,
) -> Profile:
    """Measure on this machine, and model what cannot be measured here.

    Parameters
    ----------
    image
        One preprocessed ``(C, H, W)`` image.
    device
        For a device other than the host, latency and energy come from its model, which needs `mmacs` and `n_layers`.
    meter
        Energy meter; by default the first one that works here, if any.
    """
    session = open_session(artifact, folder, threads=threads)
    elapsed = time_session(session, image, n_runs=n_runs)
    host = _measured_latency(elapsed)
    p50, p90 = host if device.is_host else _modelled_latency(artifact, device, mmacs, n_layers)
    memory = peak_memory_mib(artifact, folder, threads=threads)
    return Profile(
        device=device.name,
        machine=host_name(),
        runtime=f"{artifact.format} {RUNTIMES.get(artifact.format).version()}",
        latency_p50_ms=p50,
        latency_p90_ms=p90,
        peak_memory_mib=_exact(
            memory, "peak of a fresh process above its state before the model was loaded, on this machine"
        ),
        energy_mj=_energy(device, session, image, p50, meter or find_meter()),
        size_kib=_exact(artifact.size_kib, "size of the file"),
        n_warmup=N_WARMUP,
        n_runs=n_runs,
        threads=threads,
    )


def _exact(value: float, how: str) -> Quantity:
    return Quantity(value=value, low=value, high=value, origin="measured", how=how)


def _measured_latency(elapsed: FloatArray) -> tuple[Quantity, Quantity]:
    low, p50, p90, high = (float(x) for x in np.percentile(elapsed, [5, 50, 90, 99]))
    how = f"{len(elapsed)} runs after {N_WARMUP} warm-ups; band: 5th to 99th percentile; {os.cpu_count()} cores"
    return (
        Quantity(value=p50, low=low, high=p90, origin="measured", how=how),
        Quantity(value=p90, low=p50, high=high, origin="measured", how=how),
    )


def _modelled_latency(
    artifact: Artifact, device: DeviceSpec, mmacs: float | None, n_layers: int | None
) -> tuple[Quantity, Quantity]:
    model = device.latency[artifact.precision]
    value = device.predict_latency_ms(mmacs or 0.0, n_layers or 0, artifact.precision)
    without_fixed = value - model.fixed_ms
    band = Quantity(
        value=value,
        low=without_fixed * max(0.0, 1 - 2 * model.error_frac),
        high=value * (1 + 2 * model.error_frac),
        origin="modelled",
        how=f"{model.fitted_on}; band: twice the median error of {100 * model.error_frac:.0f} %, "
        "its low end without the fixed part, which was fitted on larger networks",
    )
    return band, band


def _energy(
    device: DeviceSpec, session: Session, image: FloatArray, latency: Quantity, meter: EnergyMeter | None
) -> Quantity:
    """Energy of one image: the meter's, on the host; else active power times latency, with the band of both."""
    if device.is_host and meter is not None:
        value = meter.millijoule_per_call(lambda: session.run({INPUT: image[None]}), seconds=_ENERGY_WINDOW_S)
        return Quantity(value=value, low=value, high=value, origin="measured", how=meter.describe())
    low_w, high_w = device.active_power_w
    middle = (low_w * high_w) ** 0.5
    return Quantity(
        value=middle * latency.value,
        low=low_w * latency.low,
        high=high_w * latency.high,
        origin="modelled",
        how=f"active power {low_w:g}-{high_w:g} W ({device.power_source}) times latency; no meter here",
    )
