"""How a network is fitted."""

from dataclasses import dataclass, field
from typing import Literal

from bedside.base.errors import InputError
from bedside.base.jsonform import OMIT_DEFAULT
from bedside.data.augment import Augment
from bedside.data.augment_volumes import AugmentVolumes

TeacherAverage = Literal["probabilities", "logits"]


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
    rate_decay
        Each unit of depth learns at this share of the rate of the unit behind it; 1 is one rate for all. See
        `bedside.train.unfreezing`, as for the next three.
    head_epochs
        Epochs in which only the head learns.
    stage_epochs
        Epochs after which one more unit thaws, the deepest first; 0 thaws all that is to thaw at once.
    frozen_units
        First units that never learn.
    augment_volumes
        For volumes, in the place of `augment`.
    n_teachers
        References, fitted from different seeds, whose answers to each view are averaged.
    teacher_average
        What of them is averaged: ``probabilities``, or ``logits``.
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
    rate_decay: float = field(default=1.0, metadata=OMIT_DEFAULT)
    head_epochs: int = field(default=0, metadata=OMIT_DEFAULT)
    stage_epochs: int = field(default=0, metadata=OMIT_DEFAULT)
    frozen_units: int = field(default=0, metadata=OMIT_DEFAULT)
    n_teachers: int = field(default=1, metadata=OMIT_DEFAULT)
    teacher_average: TeacherAverage = field(default="probabilities", metadata=OMIT_DEFAULT)

    def __post_init__(self) -> None:
        if not 0 < self.rate_decay <= 1 or min(self.head_epochs, self.stage_epochs, self.frozen_units) < 0:
            raise InputError(
                f"a rate decay of {self.rate_decay}, {self.head_epochs} head and {self.stage_epochs} stage epochs, "
                f"{self.frozen_units} frozen units",
                expected="a decay above 0 and at most 1, and counts of 0 or more",
                hint="leave them out for one rate and nothing frozen",
            )
        if self.n_teachers < 1:
            raise InputError(f"{self.n_teachers} teachers", expected="1 or more", hint="leave n_teachers out for one")


@dataclass(frozen=True, slots=True)
class EpochMark:
    """What one epoch came to."""

    epoch: int
    loss: float
    tuning_score: float
