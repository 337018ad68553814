"""A bundle made once through the CLI, for every journey that needs one."""

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Cli = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def journey_env(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """One thread, its own key, cache and settings: nothing of the user's is touched."""
    home = tmp_path_factory.mktemp("home")
    own = {
        "BEDSIDE_KEY": str(home / "signing.key"),
        "BEDSIDE_CACHE": str(home / "cache"),
        "CUDA_VISIBLE_DEVICES": "",
        "OMP_NUM_THREADS": "1",
        "COLUMNS": "120",
    }
    return os.environ | own


@pytest.fixture(scope="session")
def cli(journey_env: dict[str, str]) -> Cli:
    """Run ``bedside ...`` in a process of its own."""

    def run(*words: str | Path, cwd: Path | None = None, env: dict[str, str] | None = None):
        command = [sys.executable, "-m", "bedside", *map(str, words)]
        return subprocess.run(
            command, capture_output=True, text=True, cwd=cwd, env=journey_env | (env or {}), timeout=1200, check=False
        )

    return run


@pytest.fixture(scope="session")
def phantom_bundle(cli: Cli, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole run on the phantom: all three formats, a small reference. Workers share the run and copy its files."""
    pytest.importorskip("torch", reason="the main job needs the workshop extra")
    place = tmp_path_factory.getbasetemp()
    shared = (place.parent if "PYTEST_XDIST_WORKER" in os.environ else place) / "the-phantom-run"
    shared.mkdir(exist_ok=True)
    with (shared / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (shared / "made").is_file():
            _run_the_phantom(cli, shared / "bundle")
            (shared / "made").touch()
    own = tmp_path_factory.mktemp("journey")
    for name in ("bundle", "bundle.work"):
        shutil.copytree(shared / name, own / name)
    shutil.copy(shared / "bundle.bedside", own / "bundle.bedside")
    return own / "bundle"


def _run_the_phantom(cli: Cli, out: Path) -> None:
    done = cli(
        "optimize", "phantom:ultrasound", "--out", out, "--preset", "quick", "--reference", "residual", "--threads", 1,
        "--size-kib", 300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "SIMULATED DATA" in done.stdout
