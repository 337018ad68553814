"""``bedside report`` on a sealed bundle, folder and single file."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from chromium import ABSENT, chromium_path

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def report(monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("COLUMNS", "200")

    def run(*words: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "bedside", "report", *map(str, words)]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=240)

    return run


def test_the_numbers_are_printed_as_they_lie_in_the_bundle(report: Run, packed: Path) -> None:
    for path in (packed, packed.with_name("toy.bedside")):
        done = report(path, "--json")
        assert done.returncode == 0, done.stderr
        assert done.stdout == (packed / "report.json").read_text(encoding="utf-8")


def test_it_is_printed_to_pdf(report: Run, packed: Path, tmp_path: Path) -> None:
    if chromium_path() is None:
        pytest.skip(ABSENT)
    done = report(packed.with_name("toy.bedside"), "--pdf", tmp_path / "out.pdf")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out.pdf").read_bytes().startswith(b"%PDF")


def test_the_pack_is_laid_out(report: Run, packed: Path, tmp_path: Path) -> None:
    done = report(packed, "--pack", tmp_path / "pack")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "pack" / "index.html").is_file()


@pytest.mark.parametrize("name", ["toy", "toy.bedside"])
def test_the_browser_is_given_a_file_that_lasts(
    report: Run, packed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    program, told = tmp_path / "browser", tmp_path / "told"
    program.write_text(f'#!/bin/sh\nprintf "%s" "$1" > {told}\n')
    program.chmod(0o755)
    monkeypatch.setenv("BROWSER", str(program))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    done = report(packed.with_name(name), "--open")
    assert done.returncode == 0, done.stderr
    shown = Path(told.read_text().removeprefix("file://"))
    assert shown.read_bytes() == (packed / "report.html").read_bytes()


def test_a_bundle_without_a_report_says_so(report: Run, sealed: Path) -> None:
    done = report(sealed, "--json")
    assert done.returncode == 30
    assert "holds no report.json" in done.stderr


def test_a_changed_bundle_is_not_read(report: Run, bundle: Path) -> None:
    (bundle / "report.html").write_text("<html>better</html>")
    done = report(bundle, "--open")
    assert done.returncode == 31
