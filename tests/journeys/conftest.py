"""A bundle made once through the CLI, for every journey that needs one."""

import os
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
    """A whole run on the phantom: all three formats, a small reference."""
    pytest.importorskip("torch", reason="the main job needs the workshop extra")
    out = tmp_path_factory.mktemp("journey") / "bundle"
    done = cli(
        "optimize", "phantom:ultrasound", "--out", out, "--preset", "quick", "--reference", "residual", "--threads", 1,
        "--size-kib", 300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "SIMULATED DATA" in done.stdout
    return out
