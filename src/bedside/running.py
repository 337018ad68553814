"""What a run is asked for, and what each of its stops may lean on."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from bedside.base.errors import InputError
from bedside.base.files import storage_errors, sweep_leftovers
from bedside.base.journal import Journal
from bedside.base.seam import require
from bedside.base.watch import Silent, Watch
from bedside.compress.presets import Preset, preset_named
from bedside.data.audit import LeakPolicy
from bedside.export.converting import CONVERTERS
from bedside.train.start_weights import StartFile, start_file

if TYPE_CHECKING:
    from bedside.train.hardening import Hardening

FORMATS = ("litert", "executorch", "onnx")
"""Formats that are made when none are named; the first one is the one that the evidence is about."""

WORKSHOP = ("bedside", "torch", "timm", "litert-torch", "ai-edge-quantizer", "executorch", "torchao", "onnx",
            "onnxruntime", "ai-edge-litert", "numpy", "pillow")  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a run was asked for, beyond cohort and budget; nonsense is refused before any work is done.

    Parameters
    ----------
    margin
        Non-inferiority margin in AUROC, set before anything is seen.
    target_sensitivity
        Sensitivity that the threshold must reach on tuning; without it the Youden index decides.
    leak_policy
        What a leak does: ``stop``, ``drop`` the copies in the less protected part, or ``allow`` and mark the report.
    adversarial_eps
        Grey levels of adversarial training of the small models; 0 is ordinary training.
    start
        Weights that every network starts from that the run fits, where they fit it.
    autopilot
        Whether an int8 file that is refused is mended.
    n_teachers
        References, fitted from different seeds, that teach together.
    """

    preset: Preset
    formats: tuple[str, ...] = FORMATS
    seed: int = 0
    threads: int = 1
    margin: float = 0.02
    target_sensitivity: float | None = None
    leak_policy: LeakPolicy = "stop"
    reference: str | None = None
    image_px: int | None = None
    adversarial_eps: float = 0.0
    start: "StartFile | None" = None
    autopilot: bool = True
    n_teachers: int = 1

    def __post_init__(self) -> None:
        if not self.formats:
            raise InputError("no format was named", expected="one at least of " + ", ".join(CONVERTERS.names()))
        if not 0 < self.margin < 1:
            raise InputError(f"a margin of {self.margin}", expected="a number between 0 and 1, such as 0.02")
        if self.target_sensitivity is not None and not 0 < self.target_sensitivity <= 1:
            raise InputError(f"a target sensitivity of {self.target_sensitivity}", expected="above 0 and at most 1")
        if self.threads < 1:
            raise InputError(f"{self.threads} threads", expected="1 or more")
        if self.n_teachers < 1:
            raise InputError(f"{self.n_teachers} teachers", expected="1 or more", hint="leave --teachers out for one")

    def hardening(self) -> "Hardening | None":
        """Adversarial training of the students, where it is asked for."""
        from bedside.train.hardening import Hardening

        return Hardening(eps_levels=self.adversarial_eps) if self.adversarial_eps else None


class Asked(TypedDict, total=False):
    """Keywords that every door of the hall takes: the names of `Settings`; a preset may be named."""

    preset: str | Preset
    formats: Sequence[str]
    seed: int
    threads: int
    margin: float
    target_sensitivity: float | None
    leak_policy: LeakPolicy
    autopilot: bool


class AskedOfNetworks(Asked, total=False):
    """Further keywords of the doors that fit networks of their own; start weights are a file."""

    reference: str | None
    image_px: int | None
    adversarial_eps: float
    start_weights: Path | str | None
    n_teachers: int


def settings_of(**asked: Unpack[AskedOfNetworks]) -> Settings:
    """Make settings of keywords, and refuse what could not be done in the end.

    Raises
    ------
    InputError
        For a preset that nobody knows, a file that holds no weights, and numbers out of bounds.
    PluginError
        If a format needs what is not installed.
    """
    named: dict[str, Any] = dict(asked)
    preset, start = named.pop("preset", "standard"), named.pop("start_weights", None)
    settings = Settings(
        preset=preset if isinstance(preset, Preset) else preset_named(preset),
        formats=tuple(named.pop("formats", FORMATS)),
        start=start_file(Path(start)) if start is not None else None,
        **named,
    )
    for name in settings.formats:
        require(f"export to {name}", CONVERTERS.get(name).requires)
    settings.hardening()
    return settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What every stop may lean on: settings, journal, watch. It holds no result."""

    settings: Settings
    journal: Journal
    watch: Watch

    def ticker(self, n_epochs: int):
        """Return a listener that shows epochs."""
        return lambda mark: self.watch.tick(
            mark.epoch + 1, n_epochs, f"epoch {mark.epoch + 1}, tuning score {mark.tuning_score:.4f}"
        )


def begun(settings: Settings, out: Path, *, resume: bool, watch: Watch | None = None) -> Run:
    """Begin a run, or go on with it: its journal lies in ``OUT.work``."""
    watch = watch or Silent()
    journal = Journal(
        folder=_work_folder(out, resume=resume), on_reuse=lambda stop: watch.note(f"{stop}: found in the journal")
    )
    return Run(settings=settings, journal=journal, watch=watch)


def _work_folder(out: Path, *, resume: bool) -> Path:
    work = out.with_name(out.name + ".work")
    with storage_errors(work):
        if work.exists() and not resume:
            shutil.rmtree(work)
        work.mkdir(parents=True, exist_ok=True)
    sweep_leftovers(work)
    for folder in (path for path in work.iterdir() if path.is_dir()):
        sweep_leftovers(folder)
    return work
