"""Named devices: what is known of the machine that a model shall run on."""

import platform
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

from bedside.base.errors import PluginError
from bedside.base.jsonform import from_json


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyModel:
    """Milliseconds of one image on one thread: ``fixed + per_layer * layers + per_mmac * MMACs``.

    `error_frac` is the median relative error of the fit, left one network out.
    """

    fixed_ms: float
    per_layer_ms: float
    per_mmac_ms: float
    error_frac: float
    fitted_on: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceSpec:
    """A device by name.

    Parameters
    ----------
    is_host
        Whether it is the machine that runs the measurement; all else is modelled.
    active_power_w
        Low and high end of the power drawn while computing on one core, above idle.
    latency
        A model for each precision, by name.
    """

    name: str
    description: str
    is_host: bool
    active_power_w: tuple[float, float]
    power_source: str
    latency: dict[str, LatencyModel]

    def predict_latency_ms(self, mmacs: float, n_layers: int, precision: str) -> float:
        """Milliseconds by the device's latency model."""
        model = self.latency[precision]
        return model.fixed_ms + model.per_layer_ms * n_layers + model.per_mmac_ms * mmacs


@cache
def devices() -> dict[str, DeviceSpec]:
    """Every built-in device, by name."""
    folder = files("bedside.runtime") / "devices"
    found = [
        from_json(DeviceSpec, item.read_bytes(), where=item.name)
        for item in folder.iterdir()
        if item.name.endswith(".json")
    ]
    return {spec.name: spec for spec in sorted(found, key=lambda spec: spec.name)}


def device_named(name: str) -> DeviceSpec:
    """Return the device called `name`.

    Raises
    ------
    PluginError
        If there is none.
    """
    known = devices()
    if name not in known:
        raise PluginError(
            f"no device called {name!r}", expected="one of " + ", ".join(known), hint="see bedside doctor"
        )
    return known[name]


def host_name() -> str:
    """Processor and system of this machine, in words."""
    return f"{_processor()}, {platform.system()} {platform.machine()}"


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown processor"
