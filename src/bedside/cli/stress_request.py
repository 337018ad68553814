"""The options of ``bedside robustness``, and what they are tried on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bedside.base.arrays import ByteArray
from bedside.bundle.manifest import ShippedModel
from bedside.bundle.opening import Bundle
from bedside.data.targets import Targets
from bedside.runtime.session import Session, open_session
from bedside.verify.operating_point import OperatingPoint


@dataclass(frozen=True, slots=True, kw_only=True)
class StressRequest:
    """The options of the command."""

    bundle: Path
    data: str
    out: Path | None = None
    plot: Path | None = None
    severities: str = ""
    modality: str | None = None
    attack: str | None = None
    eps: str = "1,2,4,8,16,32"
    queries: int = 300
    attack_images: int = 100
    white_box: bool = False
    options: Mapping[str, str] = field(default_factory=dict)
    trust: str | None = None
    seed: int = 0


@dataclass(frozen=True, slots=True)
class StressMaterial:
    """What is tried: the bundle, its int8 and fp32 models, and the cases as the model sees them.

    `images` are ``(n, *spec.shape)`` uint8, `targets` labels ``(n,)`` or, of outlined volumes, label maps.
    """

    bundle: Bundle
    shipped: ShippedModel
    own_fp32: ShippedModel
    images: ByteArray
    targets: Targets
    units: tuple[str, ...]
    modality: str

    def opened(self, model: ShippedModel) -> tuple[Session, OperatingPoint]:
        """Open a model with its operating point; the bundle has checked its digest."""
        return open_session(model.artifact, self.bundle.models_folder, check_digest=False), model.point
