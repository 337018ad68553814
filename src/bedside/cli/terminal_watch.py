"""A watch for the terminal: a line a stop, a bar within it; a log hears of progress now and then."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

SILENCE_S = 30.0
"""A log, which shows no bar, hears of progress this often."""


class TerminalWatch:
    """Shows each stop on a line and the work within it as a bar."""

    def __init__(self, console: Console, progress: Progress) -> None:
        self.console = console
        self.progress = progress
        self.begun = self.spoken = monotonic()
        self.task = progress.add_task("starting", total=None)

    def stop(self, number: int, name: str, detail: str = "") -> None:
        """Print the stop and start a new bar."""
        elapsed = monotonic() - self.begun
        self.console.print(f"[dim]{elapsed:6.0f} s[/]  [bold]{number:>2} {name}[/]  {detail}", highlight=False)
        self.progress.reset(self.task, total=None, description=f"{name} {detail}".strip())

    def tick(self, done: int, total: int, detail: str = "") -> None:
        """Move the bar."""
        self.progress.update(self.task, completed=done, total=total, description=detail or None)
        if not self.console.is_terminal and monotonic() - self.spoken >= SILENCE_S:  # a log shows no bar
            self.spoken = monotonic()
            self.note(f"{self.spoken - self.begun:.0f} s: {done} of {total} {detail}".rstrip())

    def note(self, text: str) -> None:
        """Print a line."""
        style = "yellow" if text.startswith("warning:") else "dim"
        self.console.print(f"          [{style}]{escape(text)}[/]", highlight=False)


@contextmanager
def terminal_watch(console: Console) -> Iterator[TerminalWatch]:
    """Yield a watch whose bar lives as long as the block."""
    columns = (TextColumn("          {task.description}"), BarColumn(), TextColumn("{task.completed}/{task.total}"))
    with Progress(*columns, TimeElapsedColumn(), console=console, transient=True) as progress:
        yield TerminalWatch(console, progress)
