"""Print a report to PDF with a browser that is already here: the only file that knows Chromium."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from bedside.base.errors import MissingPackageError, RuntimeFailureError
from bedside.base.files import write_atomic

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "microsoft-edge")
"""Programs that print, in the order in which the PATH is searched for them."""

_FLAGS = (
    "--headless", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--disable-quic", "--no-pdf-header-footer", "--host-resolver-rules=MAP * ~NOTFOUND",
)  # fmt: skip
_TIMEOUT_S = 180


def find_browser() -> str:
    """Return the path of a browser that can print.

    Raises
    ------
    MissingPackageError
        If there is none on the PATH.
    """
    for name in BROWSERS:
        if path := shutil.which(name):
            return path
    raise MissingPackageError(
        "printing the report needs Chromium or Chrome, and none is on the PATH",
        expected="one of " + ", ".join(BROWSERS),
        hint="apt-get install chromium (macOS: brew install --cask chromium), or open report.html and print it",
    )


def print_pdf(page: Path, target: Path) -> Path:
    """Print an HTML file to `target`, without any network, in a profile that is thrown away.

    Raises
    ------
    MissingPackageError
        If no browser is here.
    RuntimeFailureError
        If the browser fails or takes longer than three minutes.
    StorageError
        If `target` cannot be written.
    """
    browser = find_browser()
    with tempfile.TemporaryDirectory(prefix="bedside-print-") as folder:
        made = Path(folder) / "report.pdf"
        # Chromium refuses its sandbox to root (containers, CI); the page is ours and loads nothing.
        root = ("--no-sandbox",) if getattr(os, "geteuid", lambda: 1)() == 0 else ()
        command = [browser, *_FLAGS, *root, f"--user-data-dir={folder}/profile", f"--print-to-pdf={made}"]
        _run([*command, page.resolve().as_uri()], browser)
        data = made.read_bytes() if made.is_file() else b""
    if not data.startswith(b"%PDF"):
        raise RuntimeFailureError(
            f"{browser} wrote no PDF of {page}", expected="a file that starts with %PDF", hint="print it from a browser"
        )
    write_atomic(target, data)
    return target


def _run(command: list[str], browser: str) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RuntimeFailureError(
            f"{browser} could not print: {error}", expected="a working browser", hint="print it from a browser"
        ) from error
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise RuntimeFailureError(
            f"{browser} ended with {done.returncode}: {last}", expected="a working browser", hint="update Chromium"
        )
