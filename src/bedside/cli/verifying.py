"""``bedside verify``, ``profile`` and ``show``."""

from pathlib import Path

from rich.console import Console
from rich.table import Table

from bedside.base.errors import GoldenError
from bedside.base.seam import missing
from bedside.bundle.golden import OUTPUTS, replay
from bedside.bundle.opening import Bundle, open_bundle
from bedside.runtime.devices import device_named
from bedside.runtime.session import RUNTIMES, open_session
from bedside.verify.profiling import Profile, Quantity

console = Console()


def run_verify(path: Path, trust: str | None) -> None:
    """Check everything, and say each thing that was checked."""
    bundle = open_bundle(path, trusted=trust)
    manifest = bundle.manifest
    console.print(
        f"[green]ok[/]  schema version {manifest.schema_version}, {len(manifest.files)} files have their digests"
    )
    known = "trusted" if trust else "not compared with a trusted key; pass --trust"
    console.print(f"[green]ok[/]  signed by {bundle.signature.fingerprint} ({known})")
    replayed = _replay_all(bundle)
    if not replayed:
        raise GoldenError("no runtime of this bundle is installed here", hint="see bedside doctor")
    console.print(f"[green]ok[/]  {path.name}: content {manifest.content_digest[:16]}, made {manifest.created}")


def _replay_all(bundle: Bundle) -> int:
    """Replay the golden inputs on every model whose runtime is here; return how many there were."""
    done = 0
    for shipped in bundle.manifest.models:
        artifact = shipped.artifact
        if lacking := missing(RUNTIMES.get(artifact.format).requires):
            console.print(f"[yellow]--[/]  {artifact.name}: runtime not installed (pip install {' '.join(lacking)})")
            continue
        session = open_session(artifact, bundle.models_folder)
        change = replay(bundle.folder, shipped, bundle.manifest.preprocess, session)
        console.print(
            f"[green]ok[/]  {artifact.name}: golden outputs of {OUTPUTS} reproduced, largest change {change:.6f}"
        )
        done += 1
    return done


def run_profile(path: Path, format_: str | None, precision: str | None, runs: int, trust: str | None) -> None:
    """Measure on this machine."""
    import numpy as np

    from bedside.verify.profiling import profile

    bundle = open_bundle(path, trusted=trust)
    shipped = bundle.model(format_, precision)
    image = np.zeros(shipped.artifact.spec.shape, np.float32)
    found = profile(shipped.artifact, bundle.models_folder, image, device_named("host"), n_runs=runs)
    console.print(profile_table(f"{shipped.artifact.name} on {found.machine}", found))


def profile_table(title: str, found: Profile) -> Table:
    """Lay out a profile, each number with its origin."""
    table = Table("what", "value", "band", "origin", "how", title=title)
    rows: dict[str, tuple[Quantity, str]] = {
        "latency p50": (found.latency_p50_ms, "ms"),
        "latency p90": (found.latency_p90_ms, "ms"),
        "peak memory": (found.peak_memory_mib, "MiB"),
        "energy": (found.energy_mj, "mJ"),
        "size": (found.size_kib, "KiB"),
    }
    for name, (quantity, unit) in rows.items():
        band = "" if quantity.low == quantity.high else f"{quantity.low:.3g} to {quantity.high:.3g}"
        table.add_row(name, f"{quantity.value:.3g} {unit}", band, quantity.origin, quantity.how)
    return table


def run_show(path: Path, trust: str | None) -> None:
    """Render the model card."""
    from rich.markdown import Markdown

    console.print(Markdown(open_bundle(path, trusted=trust).text("model_card.md")))
