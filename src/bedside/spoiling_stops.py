"""The stop of spoilt volumes: what corruptions take from the outlines of the shipped file, on the opened test."""

from typing import TYPE_CHECKING

from bedside.base.digest import digest_array
from bedside.bundle.sealing import ModelFile
from bedside.cohort_stops import Material
from bedside.data.cohort import Cohort
from bedside.data.corrupting_volumes import volume_suite
from bedside.running import Run
from bedside.runtime.session import open_session
from bedside.verify.judge import Truth
from bedside.verify.volume_robustness import VolumeRobustness, volume_robustness

if TYPE_CHECKING:
    from bedside.testing_stops import TestOutcome

N_SPOILT_VOLUMES = 40
"""Test volumes that are corrupted, at most: each is run thirty-two times."""

SEVERITIES_IN_SHORT = (1, 3, 5)


def spoilt(
    run: Run, cohort: Cohort, material: Material, shipped: ModelFile, own_fp32: ModelFile, outcome: "TestOutcome"
) -> VolumeRobustness | None:
    """Corrupt some of the opened test volumes and outline them; None where no volume is outlined."""
    preprocess, task = material.preprocess, material.task
    if preprocess.depth_px is None or task.kind != "segmentation":
        return None
    step = max(1, -(-len(outcome.images) // N_SPOILT_VOLUMES))
    truth = Truth(task=task, targets=outcome.targets[::step], units=outcome.units[::step])
    suite = volume_suite(cohort.modality)
    both = [(open_session(model.artifact, model.folder), model.point) for model in (shipped, own_fp32)]
    run.watch.note("spoilt volumes: " + ", ".join(suite.names))
    return run.journal.stop(
        "spoilt-volumes",
        VolumeRobustness,
        [shipped.artifact, shipped.point, own_fp32.artifact, own_fp32.point, digest_array(outcome.images), suite,
         list(SEVERITIES_IN_SHORT), step],
        lambda: volume_robustness(
            truth, outcome.images[::step], preprocess, suite, shipped=both[0], fp32=both[1],
            severities=SEVERITIES_IN_SHORT, seed=run.settings.seed, tick=run.watch.tick,
        ),
    )  # fmt: skip
