"""How a network is fitted."""

from dataclasses import dataclass, field

from bedside.base.jsonform import OMIT_DEFAULT
from bedside.data.augment import Augment
from bedside.data.augment_volumes import AugmentVolumes


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainPlan:
    """Settings of one fit.

    Parameters
    ----------
    n_epochs
        Upper limit; the learning rate falls to zero over it.
    patience
        Epochs without a better tuning score before the fit stops.
    ema_decay
        Decay a step of the averaged weights that are scored and kept.
    distil_weight, distil_temperature
        Weight of the soft-target term against cross-entropy and its temperature (Hinton et al., arXiv:1503.02531);
        used only where a teacher is given.
    n_views
        Augmented views of the development part that teacher and student share and that epochs cycle through
        (Beyer et al., CVPR 2022, "a good teacher is patient and consistent").
    augment_volumes
        For volumes, in the place of `augment`.
    """

    n_epochs: int
    batch_size: int = 64
    learning_rate: float = 2e-3
    weight_decay: float = 0.05
    label_smoothing: float = 0.05
    patience: int = 10
    warmup_frac: float = 0.1
    ema_decay: float = 0.99
    distil_weight: float = 0.8
    distil_temperature: float = 2.0
    n_views: int = 8
    augment: Augment = field(default_factory=Augment)
    augment_volumes: AugmentVolumes | None = field(default=None, metadata=OMIT_DEFAULT)
    threads: int = 1
    seed: int = 0


@dataclass(frozen=True, slots=True)
class EpochMark:
    """What one epoch came to."""

    epoch: int
    loss: float
    tuning_score: float
