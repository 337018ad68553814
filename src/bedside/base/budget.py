"""What the device can afford."""

from dataclasses import dataclass, fields

from bedside.base.errors import InputError

_UNITS = {"latency_ms": "ms", "size_kib": "KiB", "memory_mib": "MiB", "energy_mj": "mJ"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Ceilings for one image at batch 1 on the named device; None means no ceiling.

    `latency_ms` is compared with the p90, `memory_mib` with the peak of a fresh process above its baseline,
    `energy_mj` with the upper end of the energy band where it is modelled.
    """

    device: str = "host"
    latency_ms: float | None = None
    size_kib: float | None = None
    memory_mib: float | None = None
    energy_mj: float | None = None

    def __post_init__(self) -> None:
        for limit, ceiling in self.limits().items():
            if not ceiling > 0:
                raise InputError(
                    f"a budget of {ceiling} for {limit} is not positive",
                    expected="a number above 0",
                    hint="leave it out for no ceiling",
                )

    def limits(self) -> dict[str, float]:
        """Return the ceilings that are set, by name."""
        named = {item.name: getattr(self, item.name) for item in fields(self) if item.name in _UNITS}
        return {name: ceiling for name, ceiling in named.items() if ceiling is not None}

    def __str__(self) -> str:
        parts = [f"{name.rsplit('_', 1)[0]} <= {ceiling:g} {_UNITS[name]}" for name, ceiling in self.limits().items()]
        return f"{', '.join(parts) or 'no ceilings'} on {self.device}"


def unit_of(limit: str) -> str:
    """Return the unit of a ceiling's name."""
    return _UNITS[limit]
