"""``bedside demo``: the main job on an embedded default."""

from pathlib import Path

from rich.console import Console

from bedside.base.errors import InputError
from bedside.cli.optimizing import Request, run_optimize
from bedside.data.sources import load_cohort

SOURCE = "medmnist:pneumoniamnist"
SIZE_KIB = 300.0
_OPENING = f"""[bold]bedside demo[/]
Chest X-rays of children (PneumoniaMNIST) and a ceiling of {SIZE_KIB:g} KiB go in; a signed int8 model with its
evidence comes out. On the way a reference network is fitted, small ones are distilled from it, exported to
LiteRT, ExecuTorch and ONNX, and checked against it; the sealed test is opened once; the report is written.
About 7 minutes on two idle cores."""


def run_demo(out: Path, preset: str, threads: int) -> None:
    """Say what will happen, then optimize PneumoniaMNIST, or loudly the phantom where the images cannot be had."""
    console = Console()
    console.print(_OPENING)
    source = _source(console)
    run_optimize(Request(source=source, out=out, size_kib=SIZE_KIB, preset=preset, threads=threads, drop_leaks=True))


def _source(console: Console) -> str:
    try:
        load_cohort(SOURCE)
    except InputError as error:
        console.print(f"[bold white on red] NO REAL IMAGES [/] {error.message}\n{error.hint}")
        console.print("[bold white on red] FALLING BACK TO THE SIMULATED ULTRASOUND PHANTOM [/]")
        return "phantom:ultrasound"
    return SOURCE
