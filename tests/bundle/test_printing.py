"""Printing through a browser that is here; where none is, or it fails, an error that says what to do."""

from collections.abc import Callable
from pathlib import Path

import pytest
from chromium import ABSENT, chromium_path

from bedside.base.errors import MissingPackageError, RuntimeFailureError, StorageError
from bedside.bundle.printing import print_pdf


@pytest.fixture
def page(tmp_path: Path) -> Path:
    path = tmp_path / "page with a space.html"
    path.write_text("<!doctype html><title>t</title><p>one page</p>", encoding="utf-8")
    return path


@pytest.fixture
def pretend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Put a program called chromium alone on the PATH."""

    def make(script: str) -> None:
        folder = tmp_path / "bin"
        folder.mkdir()
        (folder / "chromium").write_text(f"#!/bin/sh\n{script}\n")
        (folder / "chromium").chmod(0o755)
        monkeypatch.setenv("PATH", str(folder))

    return make


def test_a_page_is_printed(page: Path, tmp_path: Path) -> None:
    if chromium_path() is None:
        pytest.skip(ABSENT)
    assert print_pdf(page, tmp_path / "new" / "out.pdf").read_bytes().startswith(b"%PDF")


def test_without_a_browser_the_install_line_is_given(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refuses: Callable
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with refuses(MissingPackageError, "apt-get install chromium"):
        print_pdf(page, tmp_path / "out.pdf")


def test_a_browser_that_fails_is_an_error_with_its_last_word(
    page: Path, tmp_path: Path, pretend: Callable, refuses: Callable
) -> None:
    pretend("echo first >&2; echo 'no display' >&2; exit 3")
    with refuses(RuntimeFailureError, "no display"):
        print_pdf(page, tmp_path / "out.pdf")
    assert not (tmp_path / "out.pdf").exists()


def test_a_browser_that_writes_nothing_is_an_error(
    page: Path, tmp_path: Path, pretend: Callable, refuses: Callable
) -> None:
    pretend("exit 0")
    with refuses(RuntimeFailureError, "no PDF"):
        print_pdf(page, tmp_path / "out.pdf")


def test_a_place_that_cannot_be_written_is_a_storage_error(
    page: Path, tmp_path: Path, pretend: Callable, refuses: Callable
) -> None:
    pretend('for a; do case "$a" in --print-to-pdf=*) printf "%%PDF-1.4" > "${a#*=}";; esac; done')
    (tmp_path / "file").write_text("")
    with refuses(StorageError, "cannot be written"):
        print_pdf(page, tmp_path / "file" / "out.pdf")
