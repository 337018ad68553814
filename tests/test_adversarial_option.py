"""``bedside optimize --adversarial-eps`` reaches the hall."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from bedside.cli import optimizing
from bedside.cli.app import app
from bedside.cli.optimizing import Request


def test_the_option_reaches_the_request(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seen: list[Request] = []
    monkeypatch.setattr(optimizing, "run_optimize", seen.append)
    words = ["optimize", "phantom:ultrasound", "--out", str(tmp_path / "x")]
    for more in ([], ["--adversarial-eps", "4"]):
        assert CliRunner().invoke(app, words + more).exit_code == 0
    assert [request.adversarial_eps for request in seen] == [0.0, 4.0]
