"""How int8 was reached: every try of the autopilot with what it cost, and the layers that were damaged most."""

from dataclasses import dataclass
from typing import Any

from bedside.base.estimate import Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class CulpritLayer:
    """What rounding one layer does to the answers on observation images.

    Parameters
    ----------
    alone_sqnr_db
        Signal-to-noise ratio of the outputs when only this layer is rounded; low is bad.
    without_sqnr_db
        The same when every layer but this one is rounded; what lies above that of the whole is this layer's doing.
    flips_frac, score_change
        When only this layer is rounded: decisions that change, and the change of the score (NaN without labels).
    """

    layer: str
    alone_sqnr_db: float
    without_sqnr_db: float
    flips_frac: float
    score_change: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Int8Try:
    """One fix, tried on the real file in its real runtime; None where the file could not be made.

    Parameters
    ----------
    fix
        What was tried; ``plain`` is the file as it is without the autopilot.
    layers
        Layers that were treated otherwise than the rest.
    tuning_score, difference
        Of the int8 file on the tuning part, and less that of the network's own fp32.
    flips_frac
        Tuning images whose call changes from the float network to the file.
    agreement_flips_frac
        Images whose call differs between two files of disjoint observation sets; None where that was not asked.
    seconds
        What the try cost.
    why
        What refused it; empty where it passed.
    """

    fix: str
    layers: tuple[str, ...] = ()
    tuning_score: Estimate | None = None
    difference: Estimate | None = None
    flips_frac: float | None = None
    agreement_flips_frac: float | None = None
    size_kib: float | None = None
    latency_p50_ms: float | None = None
    seconds: float
    why: str = ""

    @property
    def passed(self) -> bool:
        """Whether the file may ship."""
        return not self.why


@dataclass(frozen=True, slots=True, kw_only=True)
class AutopilotReport:
    """What it took to reach int8 for one model in one format.

    Parameters
    ----------
    margin
        Largest loss of the tuning score, as a point estimate, against the network's own fp32 file.
    culprits
        The most damaged layers, worst first; empty where plain int8 passed and nothing had to be measured.
    whole_sqnr_db
        Signal-to-noise ratio with every layer rounded; None likewise.
    chosen
        The fix that passed, or empty: then there is no int8 file and fp32 remains.
    plan
        The quantization plan of the file that passed.
    """

    model: str
    format: str
    metric: str
    margin: float
    fp32_score: Estimate
    fp32_size_kib: float
    fp32_latency_p50_ms: float
    n_observed: tuple[int, int]
    tries: tuple[Int8Try, ...]
    culprits: tuple[CulpritLayer, ...] = ()
    whole_sqnr_db: float | None = None
    n_layers: int = 0
    chosen: str
    plan: dict[str, Any]

    @property
    def passed(self) -> bool:
        """Whether an int8 file was reached."""
        return bool(self.chosen)

    @property
    def was_needed(self) -> bool:
        """Whether more than the plain file was tried."""
        return len(self.tries) > 1

    def __str__(self) -> str:
        if not self.passed:
            return f"{self.model}, {self.format}: no int8 file passes after {len(self.tries)} tries; fp32 remains"
        if self.chosen == "plain":
            return f"{self.model}, {self.format}: plain int8 passes"
        worst = f"; the layer damaged most is {self.culprits[0].layer}" if self.culprits else ""
        return f"{self.model}, {self.format}: int8 reached by {self.chosen} after {len(self.tries)} tries{worst}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Int8Reports:
    """One report a model and format, the shipped model's first."""

    reports: tuple[AutopilotReport, ...]
