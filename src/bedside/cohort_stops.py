"""Stops 1 and 2: the usable cohort, its split, and the parts as arrays."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from bedside.base.arrays import FloatArray
from bedside.base.digest import Digest, digest_value
from bedside.base.stamp import versions_of
from bedside.base.task import Task
from bedside.data.audit import CohortAudit, audit_cohort, usable
from bedside.data.case import Case
from bedside.data.cohort import Cohort
from bedside.data.preprocess import Preprocess
from bedside.data.sources import load_cohort
from bedside.data.split import Split, disjoint_observations, split_by_patient
from bedside.data.stacking import stack_images
from bedside.data.targets import Targets, targets_of
from bedside.data.units import units_of
from bedside.running import WORKSHOP, Run
from bedside.verify.few_cases import few_cases
from bedside.verify.judge import Truth

if TYPE_CHECKING:
    from bedside.train.fitting import TrainingData


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What stops 1 and 2 know of the cases."""

    cohort: Cohort
    audit: CohortAudit
    split: Split


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """The parts as arrays, with the digest of all that training depends on.

    Parameters
    ----------
    observation_pair
        Two disjoint sets of observed cases whose int8 files must agree, the first one `observed` itself where
        development is large enough; empty where that is not asked.
    damage_targets
        Targets of the images that layer damage is measured on: the second set, else `observed`.
    """

    task: Task
    data: "TrainingData"
    observed: FloatArray
    tuning_units: tuple[str, ...]
    digest: Digest
    observation_pair: tuple[FloatArray, ...] = field(default=(), repr=False)
    damage_targets: Targets = field(default_factory=lambda: np.zeros(0), repr=False)

    @property
    def preprocess(self) -> Preprocess:
        """How pixels become inputs."""
        return self.data.preprocess

    @property
    def tuning_truth(self) -> Truth:
        """What the reference standard says of the tuning cases."""
        return Truth(task=self.task, targets=self.data.tuning_targets, units=self.tuning_units)

    @property
    def damage_images(self) -> FloatArray:
        """Images whose ranges were not observed, where there are any: on them clipping shows."""
        return self.observation_pair[1] if self.observation_pair else self.observed

    def tuning_inputs(self) -> FloatArray:
        """Preprocessed tuning images, ``(n, C, H, W)``."""
        return self.preprocess.normalize(self.data.tuning)


def parted(run: Run, cohort: Cohort | str) -> Parts:
    """Stops 1 and 2: load a source, leave out what the audit refuses, and split by patient.

    Where a part has few cases of a class, the watch is told what that means before any work is spent on them.
    """
    run.watch.stop(1, "cohort")
    kept, audit = audited(run, load_cohort(cohort) if isinstance(cohort, str) else cohort)
    run.watch.stop(2, "split")
    split = split_by_patient(kept, seed=run.settings.seed)
    for sentence in few_cases(split, kept.task):
        run.watch.note(f"warning: few cases, {sentence}")
    return Parts(cohort=kept, audit=audit, split=split)


def audited(run: Run, cohort: Cohort) -> tuple[Cohort, CohortAudit]:
    """Stop 1: the usable cohort and what the audit saw."""
    policy = run.settings.leak_policy
    audit = run.journal.stop(
        "cohort",
        CohortAudit,
        [cohort.digest(), policy],
        lambda: audit_cohort(cohort, policy=policy, tick=run.watch.tick)[1],
    )
    return usable(cohort, audit), audit


def gathered(run: Run, cohort: Cohort, split: Split, preprocess: Preprocess) -> Material:
    """Stop 2: development, tuning and observation as arrays. The test stays sealed."""
    from bedside.train.fitting import TrainingData

    data = TrainingData(
        development=stack_images(split.development, preprocess, run.watch.tick),
        development_targets=targets_of(split.development, cohort.task, preprocess),
        tuning=stack_images(split.tuning, preprocess),
        tuning_targets=targets_of(split.tuning, cohort.task, preprocess),
        preprocess=preprocess,
        kind=cohort.task.kind,
    )
    observed = preprocess.normalize(stack_images(split.observation, preprocess))
    pair = _observation_pair(run, cohort, split)
    return Material(
        task=cohort.task,
        data=data,
        observed=observed,
        tuning_units=tuple(units_of(split.tuning)),
        observation_pair=tuple(
            observed if cases == split.observation else preprocess.normalize(stack_images(cases, preprocess))
            for cases in pair
        ),
        damage_targets=targets_of(pair[1] if pair else split.observation, cohort.task, preprocess),
        digest=digest_value([split.digest(), preprocess, cohort.task, versions_of(WORKSHOP)]),
    )


def thinned(cases: Sequence[Case], n_most: int) -> tuple[Case, ...]:
    """Every n-th case, `n_most` at the most, so that the order of the source chooses nothing."""
    return tuple(cases[:: max(1, -(-len(cases) // n_most))])


def _observation_pair(run: Run, cohort: Cohort, split: Split) -> tuple[tuple[Case, ...], ...]:
    """Two sets that share no patient; none for phantoms and quick runs, which a second conversion would slow down."""
    if not run.settings.autopilot or cohort.is_phantom or run.settings.preset.name == "quick":
        return ()
    first, second = disjoint_observations(split, cohort.task, seed=run.settings.seed)
    return (first, second) if second else ()
