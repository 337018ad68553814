"""``bedside optimize``."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from bedside.base.budget import Budget
from bedside.base.errors import InputError
from bedside.base.seam import Requirement, require
from bedside.bundle.opening import Bundle
from bedside.cli.left_out import tell_left_out
from bedside.cli.source_options import source_options
from bedside.cli.terminal_watch import terminal_watch
from bedside.data.audit import LeakPolicy
from bedside.data.cohort import Cohort
from bedside.data.sources import load_cohort

if TYPE_CHECKING:
    from bedside.running import Asked, AskedOfNetworks

_NEEDS = (Requirement("torch", "bedside[workshop]"), Requirement("timm", "bedside[workshop]"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """The options of the command."""

    source: str
    out: Path
    device: str = "host"
    latency_ms: float | None = None
    size_kib: float | None = None
    memory_mib: float | None = None
    energy_mj: float | None = None
    target_sensitivity: float | None = None
    margin: float = 0.02
    formats: str = "litert,executorch,onnx"
    preset: str = "standard"
    seed: int = 0
    threads: int = 0
    resume: bool = True
    allow_leak: bool = False
    drop_leaks: bool = False
    positive: str | None = None
    image_px: int | None = None
    reference: str | None = None
    key: Path | None = None
    labels: Path | None = None
    options: tuple[str, ...] = ()
    window: str | None = None
    enhance: str | None = None
    spacing_mm: str | None = None
    recipes: tuple[str, ...] = ()
    adversarial_eps: float = 0.0
    start_weights: Path | None = None
    n_teachers: int = 1
    autopilot: bool = True
    fit: str = "letterbox"

    def asked(self) -> "AskedOfNetworks":
        """Keyword arguments that `bedside.optimize` and a search take alike."""
        return {
            **self.asked_of_any(), "target_sensitivity": self.target_sensitivity, "reference": self.reference,
            "image_px": self.image_px, "adversarial_eps": self.adversarial_eps, "start_weights": self.start_weights,
            "n_teachers": self.n_teachers,
        }  # fmt: skip

    def asked_of_any(self) -> "Asked":
        """Keyword arguments of every door of the hall."""
        return {
            "preset": self.preset, "formats": self.format_names, "seed": self.seed, "threads": self.n_threads,
            "margin": self.margin, "leak_policy": self.leak_policy, "autopilot": self.autopilot,
        }  # fmt: skip

    @property
    def leak_policy(self) -> LeakPolicy:
        """What a leak does."""
        if self.allow_leak and self.drop_leaks:
            raise InputError("--allow-leak and --drop-leaks exclude each other", expected="one of them")
        return "allow" if self.allow_leak else "drop" if self.drop_leaks else "stop"

    @property
    def format_names(self) -> tuple[str, ...]:
        """The formats, one by one."""
        return tuple(name.strip() for name in self.formats.split(",") if name.strip())

    @property
    def n_threads(self) -> int:
        """Training threads: as asked, or every core that this process may use."""
        return self.threads or len(os.sched_getaffinity(0))

    def preprocessing(self) -> dict[str, Any]:
        """Fields of `Preprocess` that were asked for."""
        from bedside.data.enhance.steps import steps_named
        from bedside.data.usual_spacing import spacing_named
        from bedside.data.window import window_named

        asked: dict[str, Any] = {}
        if self.window is not None:
            asked["window"] = window_named(self.window)
        if self.enhance is not None:
            asked["enhance"] = steps_named(self.enhance)
        if self.spacing_mm is not None:
            asked["spacing_mm"] = spacing_named(self.spacing_mm)
        if self.fit != "letterbox":
            asked["fit"] = self.fit
        return asked

    def budget(self) -> Budget:
        """The ceilings."""
        return Budget(
            device=self.device,
            latency_ms=self.latency_ms,
            size_kib=self.size_kib,
            memory_mib=self.memory_mib,
            energy_mj=self.energy_mj,
        )


def run_optimize(request: Request) -> None:
    """Optimize, then show what came of it and what to try next."""
    require("bedside optimize", _NEEDS)
    # Two busy-waiting thread pools on two cores slow each other tenfold; passive ones do not.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    console = Console()
    cohort = announced(request, console)
    from bedside.pipeline import optimize

    with terminal_watch(console) as watch:
        bundle = optimize(
            cohort,
            request.budget(),
            **request.asked(),
            out=request.out,
            preprocessing=request.preprocessing(),
            recipes=request.recipes,
            key=request.key,
            resume=request.resume,
            watch=watch,
        )
    show_result(console, bundle, request.out)


def announced(request: Request, console: Console) -> Cohort:
    """Load the cohort and say what is asked of it."""
    cohort = load_request_cohort(request, console)
    console.print(f"[bold]{cohort.name}[/], {len(cohort.cases)} cases, budget: {request.budget()}", highlight=False)
    tell_left_out(console, cohort, request.source)
    return cohort


def load_request_cohort(request: Request, console: Console) -> Cohort:
    """Load the cohort; for a phantom, say loudly that it is one."""
    options = source_options(list(request.options), labels=request.labels, positive=request.positive)
    cohort = load_cohort(request.source, **options)
    if cohort.is_phantom:
        console.print("[bold white on red] SIMULATED DATA [/] this model will know nothing of patients")
    return cohort


def show_result(console: Console, bundle: Bundle, out: Path) -> None:
    """Print the table of reference against shipped model, where the report lies, and the next command."""
    from rich.table import Table

    from bedside.bundle.summary import read_summary

    summary = read_summary(bundle)
    table = Table(
        "on the sealed test, 95 % intervals",
        f"reference ({summary.reference_name})",
        f"shipped ({summary.shipped_name})",
    )
    for row in summary.rows:
        table.add_row(*row)
    console.print(table)
    console.print(f"non-inferiority  {summary.verdict}", highlight=False)
    console.print(f"report           {out / 'report.html'}", highlight=False, soft_wrap=True)
    console.print(
        f"bundle           {out} and {out}.bedside, signed by {bundle.signature.fingerprint}",
        highlight=False,
        soft_wrap=True,
    )
    console.print(f"next             bedside verify {out}.bedside", highlight=False, soft_wrap=True)
