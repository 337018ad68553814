"""Fit the latency models of devices that are not at hand: ``python scripts/fit_devices.py ncnn_bench.csv``.

The table is the benchmark list of ncnn's README (BSD-3-Clause): one thread, big core, 224 px. What comes out is
always called modelled. Multiply-accumulates are those that the networks' papers publish.
"""

import csv
import json
import sys
from pathlib import Path

import numpy as np

MMACS = {
    "squeezenet": 352, "mobilenet": 569, "mobilenet_v2": 300, "mobilenet_v3": 219, "shufflenet": 140,
    "shufflenet_v2": 146, "mnasnet": 312, "proxylessnasnet": 320, "efficientnet_b0": 390, "regnety_400m": 402,
    "googlenet": 1500, "resnet18": 1814, "resnet50": 4089,
}  # fmt: skip
DEVICES = {
    "raspberry-pi-5": ("Raspberry Pi 5 Broadcom", "Raspberry Pi 5, Cortex-A76 2.4 GHz", (1.0, 3.0)),
    "raspberry-pi-4": ("Raspberry Pi 4 Model B Broadcom", "Raspberry Pi 4, Cortex-A72 1.8 GHz", (0.7, 2.0)),
    "raspberry-pi-zero-2w": ("Raspberry Pi Zero 2 W", "Raspberry Pi Zero 2 W, Cortex-A53 1.0 GHz", (0.3, 1.0)),
    "snapdragon-8-gen-2": ("Qualcomm SM8550-AB", "Snapdragon 8 Gen 2 phone, Cortex-X3 3.2 GHz", (1.5, 5.0)),
}
POWER = "range commonly reported for one busy core above idle; not measured by us"
SOURCE = "affine fit in multiply-accumulates to ncnn's published one-thread latencies at 224 px, big core"


def fit(macs: np.ndarray, ms: np.ndarray) -> tuple[float, float]:
    """Fixed and per-MMAC milliseconds of least squared relative error; the fixed part is not negative."""
    system = np.stack([1 / ms, macs / ms], axis=1)
    fixed, slope = np.linalg.lstsq(system, np.ones(len(ms)), rcond=None)[0]
    if fixed < 0:
        fixed, slope = 0.0, float((macs / ms).sum() / ((macs / ms) ** 2).sum())
    return float(fixed), float(slope)


def left_out_error(macs: np.ndarray, ms: np.ndarray) -> float:
    """Median relative error of each network predicted by a fit to the others."""
    errors = []
    for i in range(len(ms)):
        rest = np.arange(len(ms)) != i
        fixed, slope = fit(macs[rest], ms[rest])
        errors.append(abs(fixed + slope * macs[i] - ms[i]) / ms[i])
    return float(np.median(errors))


def model_of(rows: list[dict[str, str]], suffix: str) -> dict[str, float | str]:
    """Latency model of one device at one precision."""
    found = {
        r["model"].removesuffix("_int8"): float(r["min_ms"])
        for r in rows
        if r["model"].endswith("_int8") == bool(suffix)
    }
    names = [name for name in MMACS if name in found]
    macs, ms = np.array([MMACS[n] for n in names], float), np.array([found[n] for n in names])
    fixed, slope = fit(macs, ms)
    return {
        "fixed_ms": round(fixed, 4), "per_layer_ms": 0.0, "per_mmac_ms": round(slope, 6),
        "error_frac": round(left_out_error(macs, ms), 3), "fitted_on": f"{SOURCE}, {len(names)} networks",
    }  # fmt: skip


def main() -> None:
    """Write one JSON file a device beside ``host.json``."""
    folder = Path(__file__).parents[1] / "src" / "bedside" / "runtime" / "devices"
    with Path(sys.argv[1]).open(newline="") as stream:
        table = [row for row in csv.DictReader(stream) if row["gpu"] == "-1" and row["threads"] == "1"]
    for name, (prefix, description, watts) in DEVICES.items():
        rows = [row for row in table if row["device"].startswith(prefix)]
        spec = {
            "name": name, "description": description, "is_host": False, "active_power_w": watts, "power_source": POWER,
            "latency": {"fp32": model_of(rows, ""), "int8": model_of(rows, "_int8")},
        }  # fmt: skip
        (folder / f"{name}.json").write_text(json.dumps(spec, indent=2) + "\n")


if __name__ == "__main__":
    main()
