"""Peak memory of a fresh process that loads and runs a model."""

import json
import subprocess
import sys
from pathlib import Path

from bedside.base.errors import RuntimeFailureError
from bedside.base.jsonform import from_json, to_json
from bedside.runtime.artifact import Artifact

_N_RUNS = 5


def peak_memory_mib(artifact: Artifact, folder: Path, *, threads: int = 1) -> float:
    """Peak resident memory in MiB above the state before the file was opened, the runtime already imported.

    Raises
    ------
    RuntimeFailureError
        If the fresh process fails.
    """
    job = json.dumps({"artifact": to_json(artifact).decode(), "folder": str(folder), "threads": threads})
    done = subprocess.run(
        [sys.executable, "-m", "bedside.verify.peak_memory", job],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    if done.returncode:
        raise RuntimeFailureError(
            f"the process that measures memory failed: {done.stderr.strip()[-500:]}",
            expected="a model file that loads and runs",
            hint="see bedside doctor",
        )
    return float(done.stdout.strip().splitlines()[-1])


def _status_kib(field: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1])
    raise RuntimeFailureError(f"/proc/self/status has no {field}")


def _start_kib() -> int:
    """Reset the high-water mark where the kernel allows it; return what is resident now."""
    if not sys.platform.startswith("linux"):
        return _high_kib()
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return _status_kib("VmHWM:")
    return _status_kib("VmRSS:")


def _high_kib() -> int:
    if sys.platform.startswith("linux"):
        return _status_kib("VmHWM:")
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // 1024 if sys.platform == "darwin" else peak


def _measure(job: str) -> float:
    import numpy as np

    from bedside.runtime.session import INPUT, RUNTIMES, open_session

    asked = json.loads(job)
    artifact = from_json(Artifact, asked["artifact"].encode())
    _import_runtime(artifact.format)
    RUNTIMES.get(artifact.format)
    image = {INPUT: np.zeros((1, *artifact.spec.shape), np.float32)}
    before = _start_kib()
    session = open_session(artifact, Path(asked["folder"]), threads=asked["threads"], check_digest=False)
    for _ in range(_N_RUNS):
        session.run(image)
    return max(0, _high_kib() - before) / 1024


def _import_runtime(format_: str) -> None:
    """Import the libraries first, so that only the model is counted."""
    from importlib import import_module

    modules = {
        "litert": ["ai_edge_litert.interpreter"],
        "onnx": ["onnxruntime"],
        "executorch": ["torch", "executorch.runtime"],
    }
    for name in modules.get(format_, []):
        import_module(name)


if __name__ == "__main__":
    print(_measure(sys.argv[1]))
