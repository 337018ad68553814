"""``bedside demo``: the main job on an embedded default."""

from pathlib import Path

from rich.console import Console

from bedside.base.errors import InputError
from bedside.cli.optimizing import Request, run_optimize
from bedside.data.sources import load_cohort

SOURCE = "medmnist:pneumoniamnist"
SIZE_KIB = 300.0


def run_demo(out: Path, preset: str, threads: int) -> None:
    """Say what will happen, then optimize PneumoniaMNIST, or loudly the phantom where the images cannot be had."""
    console = Console()
    console.print(
        "[bold]bedside demo[/]: chest X-rays of children (PneumoniaMNIST) and a ceiling of "
        f"{SIZE_KIB:g} KiB go in; a signed int8 model with its evidence comes out.\n"
        "It fits a reference network, distils small ones from it, exports them to LiteRT, ExecuTorch and ONNX, checks\n"
        "each file against the network, opens the sealed test once, and writes the report. About 5 minutes on two cores."
    )
    run_optimize(
        Request(
            source=_source(console), out=out, device="host", latency_ms=None, size_kib=SIZE_KIB, memory_mib=None,
            energy_mj=None, target_sensitivity=None, margin=0.02, formats="litert,executorch,onnx", preset=preset, seed=0,
            threads=threads, resume=True, allow_leak=False, drop_leaks=True, positive=None, image_px=None, reference=None,
            key=None,
        )
    )  # fmt: skip


def _source(console: Console) -> str:
    try:
        load_cohort(SOURCE)
    except InputError as error:
        console.print(f"[bold white on red] NO REAL IMAGES [/] {error.message}\n{error.hint}")
        console.print("[bold white on red] FALLING BACK TO THE SIMULATED ULTRASOUND PHANTOM [/]")
        return "phantom:ultrasound"
    return SOURCE
