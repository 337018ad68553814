"""What a newcomer waits for: ``make demo`` after install, and ``make test`` from a clean clone, install included.

``python -m benchmarks.whole demo`` or ``... test``; both want two idle cores, the second one a network.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.ledger import Figure, record

ROOT = Path(__file__).parents[1]


def minutes(figure: str, words: list[str], folder: Path, ceiling: float, command: str) -> None:
    """Run a command once and write how long it took; a command that fails is not met, whatever the time."""
    begun = time.monotonic()
    done = subprocess.run(words, cwd=folder, check=False)
    spent = (time.monotonic() - begun) / 60
    met = spent <= ceiling and done.returncode == 0
    title = figure if done.returncode == 0 else f"{figure}, which failed"
    record(
        "main",
        Figure(figure=f"{title}, minutes", value=spent, low=spent, high=spent, target=f"<= {ceiling:g}", met=met,
               command=command),
    )  # fmt: skip


def demo() -> None:
    """Time ``make demo`` with the venv that runs this."""
    with tempfile.TemporaryDirectory() as folder:
        words = ["make", "demo", f"VENV={Path(sys.executable).parent.parent}", f"DEMO_OUT={folder}/demo-bundle"]
        minutes("make demo after install", words, ROOT, 8, "python -m benchmarks.whole demo")


def whole_test() -> None:
    """Clone what is committed beside the real data, and time its ``make test``."""
    with tempfile.TemporaryDirectory(dir=ROOT.parent) as folder:
        clone = Path(folder) / "clone"
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        if (ROOT.parent / "shared").is_dir():
            (Path(folder) / "shared").symlink_to(ROOT.parent / "shared")
        minutes(
            "make test from a clean clone, install included", ["make", "test"], clone, 25,
            "python -m benchmarks.whole test",
        )  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("demo", "test"))
    {"demo": demo, "test": whole_test}[parser.parse_args().what]()
