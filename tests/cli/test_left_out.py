"""What a source could not use is said before anything is made of the rest; options of a source reach it."""

from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rich.console import Console
from rich.progress import Progress

from bedside.cli import terminal_watch
from bedside.cli.left_out import tell_left_out
from bedside.data.sources import load_cohort


@pytest.fixture
def console() -> Console:
    return Console(file=StringIO(), width=200)


def said(console: Console) -> str:
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def test_files_that_were_left_out_are_counted_and_one_is_named(tmp_path: Path, console: Console) -> None:
    for name in ("a/1.png", "a/2.png", "b/3.png", "b/4.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.fromarray(np.full((4, 5), 50, np.uint8)).save(tmp_path / name)
    tell_left_out(console, load_cohort(f"folder:{tmp_path}"), "folder:x")
    assert not said(console)
    (tmp_path / "a" / "film[1].mp4").write_bytes(b"0")
    tell_left_out(console, load_cohort(f"folder:{tmp_path}"), "folder:x")
    assert "1 left out, such as a/film[1].mp4: .mp4" in said(console)
    assert "bedside data inspect folder:x" in said(console)


def test_a_log_hears_of_progress_though_it_shows_no_bar(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(terminal_watch, "monotonic", lambda: now[0])
    watch = terminal_watch.TerminalWatch(console, Progress(console=console))
    watch.tick(1, 30, "epoch 1")
    assert not said(console)
    now[0] = terminal_watch.SILENCE_S
    watch.tick(2, 30, "epoch 2")
    watch.tick(3, 30, "epoch 3")
    assert said(console).split() == ["30", "s:", "2", "of", "30", "epoch", "2"]
