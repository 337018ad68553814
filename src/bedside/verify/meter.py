"""Energy meters: Intel and AMD RAPL through the kernel's powercap; nothing is guessed where none is found."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Protocol

POWERCAP = Path("/sys/class/powercap")


class EnergyMeter(Protocol):
    """Something that counts energy."""

    def millijoule_per_call(self, call: Callable[[], object], *, seconds: float) -> float:
        """Energy of one call, over a window of `seconds`."""
        ...

    def describe(self) -> str:
        """Where the number comes from."""
        ...


@dataclass(frozen=True, slots=True)
class RaplMeter:
    """The package domain of RAPL; the idle power of the same window length is subtracted."""

    zone: Path

    def _microjoule(self) -> int:
        return int((self.zone / "energy_uj").read_text())

    def _spent(self, start: int) -> int:
        """Microjoule since `start`; the counter wraps at its maximum."""
        now = self._microjoule()
        return now - start if now >= start else now - start + int((self.zone / "max_energy_range_uj").read_text())

    def millijoule_per_call(self, call: Callable[[], object], *, seconds: float) -> float:
        """Energy of one call above idle, over as many calls as fit in the window."""
        from time import sleep

        start = self._microjoule()
        sleep(seconds / 2)
        idle_uj_per_s = self._spent(start) / (seconds / 2)
        start, begun, n = self._microjoule(), perf_counter(), 0
        while perf_counter() - begun < seconds:
            call()
            n += 1
        busy_s = perf_counter() - begun
        return max(0.0, self._spent(start) - idle_uj_per_s * busy_s) / n / 1000

    def describe(self) -> str:
        """Where the number comes from."""
        return f"RAPL {self.zone.name}, package domain, idle subtracted"


def find_meter(root: Path = POWERCAP) -> EnergyMeter | None:
    """Return the first readable RAPL package zone, or None."""
    for zone in sorted(root.glob("*-rapl:[0-9]")):
        meter = RaplMeter(zone)
        try:
            meter._microjoule()
        except (OSError, ValueError):
            continue
        return meter
    return None
