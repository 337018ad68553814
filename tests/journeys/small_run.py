"""A whole run in seconds, in a process that kills itself where it is told to: ``small_run.py OUT [KILL_AT]``.

KILL_AT is ``stop:N:K`` (SIGKILL when stop N is announced for the Kth time) or ``tick:N`` (at the Nth tick of progress).
"""

import os
import signal
import sys

from bedside.base.budget import Budget
from bedside.compress.presets import Preset
from bedside.data.sources import load_cohort
from bedside.pipeline import optimize

TINY = Preset(
    name="tiny", reference_images=4000, student_images=4000, max_epochs=(25, 25), n_views=2, n_candidates=2, image_px=16
)


class Executioner:
    """A watch that kills its process, as ``kill -9`` would."""

    def __init__(self, kill_at: str) -> None:
        self.kind, _, self.where = kill_at.partition(":")
        self.n_ticks = 0
        self.seen: dict[int, int] = {}

    def stop(self, number: int, name: str, detail: str = "") -> None:
        """Die at the stop."""
        self.seen[number] = self.seen.get(number, 0) + 1
        print(f"stop {number} {name}", flush=True)
        if self.kind == "stop" and self.where == f"{number}:{self.seen[number]}":
            os.kill(os.getpid(), signal.SIGKILL)

    def tick(self, done: int, total: int, detail: str = "") -> None:
        """Die at the tick of a fit."""
        self.n_ticks += "epoch" in detail
        if self.kind == "tick" and "epoch" in detail and self.n_ticks == int(self.where):
            os.kill(os.getpid(), signal.SIGKILL)

    def note(self, text: str) -> None:
        """Print what was found in the journal."""
        print(f"note {text}", flush=True)


if __name__ == "__main__":
    cohort = load_cohort("phantom:ultrasound", n="240", size_px="16")
    bundle = optimize(
        cohort,
        Budget(size_kib=150),
        out=sys.argv[1],
        preset=TINY,
        formats=("litert",),
        reference="residual",
        margin=0.5,
        watch=Executioner(sys.argv[2] if len(sys.argv) > 2 else ""),
    )
    print("digest", bundle.manifest.content_digest)
