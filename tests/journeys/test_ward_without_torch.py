"""The ward runs where torch, TensorFlow and JAX cannot be imported."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = [pytest.mark.workshop, pytest.mark.slow]

Cli = Callable[..., subprocess.CompletedProcess[str]]

_BLOCKER = """
import sys

class Wall:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"torch", "torchvision", "timm", "tensorflow", "jax", "executorch"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return None

sys.meta_path.insert(0, Wall())
"""


@pytest.fixture
def walled(tmp_path: Path) -> dict[str, str]:
    """An environment whose every Python process refuses the workshop's libraries."""
    (tmp_path / "sitecustomize.py").write_text(_BLOCKER)
    return {"PYTHONPATH": str(tmp_path)}


def test_the_wall_stands(cli: Cli, walled: dict[str, str], tmp_path: Path) -> None:
    done = cli("optimize", "phantom:ultrasound", "--out", tmp_path / "x", env=walled)
    assert done.returncode == 41
    assert "pip install 'bedside[workshop]'" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("words", [("verify",), ("show",), ("profile", "--runs", "50"), ("report",)])
def test_ward_verbs(cli: Cli, walled: dict[str, str], phantom_bundle: Path, words: tuple[str, ...]) -> None:
    done = cli(words[0], phantom_bundle, *words[1:], env=walled)
    assert done.returncode == 0, done.stderr


def test_predict(cli: Cli, walled: dict[str, str], phantom_bundle: Path) -> None:
    done = cli("predict", phantom_bundle, phantom_bundle / "golden" / "phantom1.png", env=walled)
    assert done.returncode == 0, done.stderr
    assert "phantom1.png" in done.stdout


def test_verify_says_which_runtime_is_absent(cli: Cli, walled: dict[str, str], phantom_bundle: Path) -> None:
    done = cli("verify", phantom_bundle, env=walled)
    assert "executorch int8: runtime not installed" in done.stdout
    assert done.stdout.count("golden outputs") == 4


def test_doctor_gives_the_pip_lines(cli: Cli, walled: dict[str, str]) -> None:
    done = cli("doctor", env=walled)
    assert done.returncode == 0, done.stderr
    assert "bedside[workshop]" in done.stdout
    assert "passed" in done.stdout
