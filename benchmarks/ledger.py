"""The ledger of figures: ``benchmarks/results/AREA.json``, one row a figure, written as soon as it is known."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from bedside.base.files import write_atomic
from bedside.base.stamp import versions_of
from bedside.runtime.devices import host_name

RESULTS = Path(__file__).parent / "results"
VERSIONS = (
    "bedside",
    "torch",
    "timm",
    "litert-torch",
    "ai-edge-litert",
    "ai-edge-quantizer",
    "executorch",
    "onnxruntime",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One measured figure beside its target; `met` is written whatever it is."""

    figure: str
    value: float
    low: float
    high: float
    target: str
    met: bool
    command: str
    seeds: tuple[int, ...] = ()


def record(area: str, found: Figure) -> None:
    """Put a figure into its area's file, in the place of an older one of the same name."""
    path = RESULTS / f"{area}.json"
    rows = json.loads(path.read_text()) if path.is_file() else []
    row = asdict(found) | {"versions": versions_of(VERSIONS), "machine": f"{host_name()}, 2 cores"}
    kept = [old for old in rows if old["figure"] != found.figure]
    write_atomic(path, (json.dumps(sorted([*kept, row], key=lambda r: r["figure"]), indent=1) + "\n").encode())
    band = f"{found.value:.4g} [{found.low:.4g}, {found.high:.4g}]"
    print(f"{'met    ' if found.met else 'NOT MET'} {found.figure}: {band}, target {found.target}", flush=True)
