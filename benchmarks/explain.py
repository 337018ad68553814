"""Did compression move the model's gaze? Breast ultrasound with lesion masks: ``python -m benchmarks.explain``.

Benign against malignant (BUSI, 96 px, the set's own parts by near-duplicate group). A reference is fitted, a small
network is distilled from it and written as int8; all of them are mapped on the test part. Each seed is kept once done.
"""

import argparse
import json
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bedside.base.arrays import BoolArray, FloatArray, IntArray
from bedside.base.digest import digest_array
from bedside.base.files import write_atomic
from bedside.base.journal import Journal
from bedside.base.jsonform import to_json, to_plain
from bedside.base.task import Task
from bedside.compress.compressing import CompressedModel, compress, load_compressed
from bedside.compress.quantization import QuantizationPlan
from bedside.compress.recipe import Recipe, Workbench
from bedside.data.augment import Augment
from bedside.data.case import Cohort, labels_of, units_of
from bedside.data.masks import stack_masks
from bedside.data.preprocess import Preprocess
from bedside.data.sources import load_cohort
from bedside.data.split import Split, split_by_patient
from bedside.data.stacking import stack_images
from bedside.export.converting import ExportJob, convert
from bedside.export.exported import eager_session
from bedside.runtime.session import Session, logits, open_session
from bedside.stops import monitor_for
from bedside.train.architecture import Architecture
from bedside.train.baseline import Baseline, fit_reference, load_reference, reference_architecture
from bedside.train.plan import TrainPlan
from bedside.verify.deletion import faithfulness
from bedside.verify.gaze import judge_gaze
from bedside.verify.heat import HEAT_MAPS, heat_maps
from bedside.verify.heat_agreement import compare_maps
from bedside.verify.metrics import auroc
from bedside.verify.operating_point import OperatingPoint, lock_operating_point
from bedside.verify.sanity import check_sanity
from benchmarks.explain_rows import SEEDS, summarize

if TYPE_CHECKING:
    from torch import nn

    from bedside.train.fitting import TrainingData

ROOT = Path(__file__).parents[1]
CELLS = ROOT / "benchmarks" / ".cells"
SIDE_PX = 96
N_FEW = 25
"""Cases of the costly measurements: deletion and insertion, RISE, gradients, randomised weights."""

TASK = Task(classes=("benign", "malignant"), positive=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Looker:
    """A model that can be asked where it looks."""

    session: Session
    point: OperatingPoint


def lesions_only(cohort: Cohort) -> Cohort:
    """Leave the normal images out, which have no lesion to point at."""
    kept = [case for case in cohort.cases if cohort.task.classes[case.label] in TASK.classes]
    cases = (replace(case, label=TASK.classes.index(cohort.task.classes[case.label])) for case in kept)
    return replace(cohort, task=TASK, cases=tuple(cases), may_flip=True)


def training_data(split: Split, preprocess: Preprocess) -> "TrainingData":
    from bedside.train.fitting import TrainingData

    return TrainingData(
        development=stack_images(split.development, preprocess),
        development_labels=labels_of(split.development),
        tuning=stack_images(split.tuning, preprocess),
        tuning_labels=labels_of(split.tuning),
        preprocess=preprocess,
    )


def fitted(split: Split, preprocess: Preprocess, seed: int, folder: Path) -> tuple["nn.Module", dict[str, Looker]]:
    """Fit the reference, distil the small network, write its files; return the reference network and all lookers."""
    from bedside.train.fitting import teach

    data, monitor = training_data(split, preprocess), monitor_for(TASK)
    flips = Augment(flip_prob=0.5)
    plan = TrainPlan(n_epochs=12, learning_rate=5e-4, patience=12, n_views=10_000, batch_size=32, augment=flips,
                     seed=seed)  # fmt: skip
    architecture, journal = reference_architecture(preprocess.spec, TASK.n_classes), Journal(folder=folder)
    baseline = journal.stop(
        "reference",
        Baseline,
        [architecture, plan, split.digest()],
        lambda: fit_reference(architecture, plan, data, folder, monitor=monitor, on_epoch=print),
    )
    reference = load_reference(baseline, folder)
    student = replace(plan, n_epochs=40, learning_rate=3e-3, patience=40, n_views=4)
    small = Architecture(family="depthwise", width=0.75, spec=preprocess.spec, n_classes=TASK.n_classes)
    recipe = Recipe(architecture=small, plan=student)

    def distilled() -> CompressedModel:
        taught = teach(reference, student, data)
        bench = Workbench(data=data, monitor=monitor, teacher_logits=taught, folder=folder, on_epoch=print)
        return compress(recipe, bench, folder)

    model = journal.stop("small", CompressedModel, [recipe, baseline.digest], distilled)
    network = load_compressed(model, folder)
    observed = preprocess.normalize(stack_images(split.observation, preprocess))
    job = ExportJob(
        model=network, spec=preprocess.spec, n_classes=TASK.n_classes, observed=observed, folder=folder,
        plan=QuantizationPlan(n_observed=len(observed), observation=digest_array(observed)),
    )  # fmt: skip
    sessions = {"reference fp32": eager_session(reference)}
    for artifact in convert(job, "litert"):
        sessions[f"small {artifact.precision}"] = open_session(artifact, folder)
    tuning = preprocess.normalize(data.tuning)
    points = {
        name: lock_operating_point(data.tuning_labels, logits(session, tuning), TASK)
        for name, session in sessions.items()
    }
    return reference, {name: Looker(session=held, point=points[name]) for name, held in sessions.items()}


def run_seed(seed: int) -> dict[str, Any]:
    """Everything of one seed, or what was kept of it."""
    done = CELLS / f"explain-{seed}.json"
    if done.is_file():
        return json.loads(done.read_text())
    place = Path(os.environ.get("BEDSIDE_DATA", ROOT.parent / "shared" / "data")) / "us_breast_busi"
    split = split_by_patient(lesions_only(load_cohort(f"folder:{place}")), seed=seed)
    preprocess = Preprocess(n_channels=1, height_px=SIDE_PX, width_px=SIDE_PX)
    from bedside.train.checkpoint import weights_digest
    from bedside.train.explaining import EXPLAINERS

    reference, lookers = fitted(split, preprocess, seed, CELLS / f"explain-{seed}")
    cases = split.test.open(reason="where the models look, after all of them were fitted")
    images, masks = preprocess.normalize(stack_images(cases, preprocess)), stack_masks(cases, preprocess)
    labels, units = labels_of(cases), units_of(cases)
    found: dict[str, Any] = {"auroc": {}}
    for name, looker in lookers.items():
        score = looker.point.probabilities(logits(looker.session, images))[:, 1]
        found["auroc"][name] = auroc(labels == 1, score)
    maps = {name: mapped("occlusion", looker, images, labels) for name, looker in lookers.items()}
    few = np.arange(0, len(images), len(images) // N_FEW)
    few_units = [units[i] for i in few]
    faithful = {
        name: faithfulness(looker.session, images[few], maps[name][few], labels[few], looker.point, few_units)
        for name, looker in lookers.items()
    }
    found["occlusion"] = to_plain(judge_gaze("occlusion", maps, masks, units, faithfulness=faithful))
    sick = np.flatnonzero(labels == 1)
    sick_maps = {name: held[sick] for name, held in maps.items()}
    found["malignant"] = to_plain(judge_gaze("occlusion", sick_maps, masks[sick], [units[i] for i in sick]))
    rise = {name: mapped("rise", lookers[name], images[few], labels[few]) for name in ("small fp32", "small int8")}
    found["rise"] = to_plain(judge_gaze("rise", rise, masks[few], few_units))
    found["rise against occlusion"] = to_plain(compare_maps(rise["small int8"], maps["small int8"][few], few_units))
    cam = EXPLAINERS.get("grad-cam++")(reference, images[few], labels[few])
    found["grad-cam++ against occlusion"] = to_plain(compare_maps(cam, maps["reference fp32"][few], few_units))
    inputs = [weights_digest(reference), digest_array(images[few])]
    found |= Journal(folder=CELLS / f"explain-{seed}").stop(
        "float", dict, inputs, lambda: float_methods(reference, images[few], masks[few], labels[few], few_units)
    )
    write_atomic(done, to_json(found, indent=1))
    return found


def mapped(method: str, looker: Looker, images: FloatArray, labels: IntArray) -> FloatArray:
    return heat_maps(HEAT_MAPS.get(method), looker.session, images, labels, looker.point)


def float_methods(
    reference: "nn.Module", images: FloatArray, masks: BoolArray, labels: IntArray, units: list[str]
) -> dict[str, Any]:
    """Gradient maps of the reference: where they point, and the sanity check."""
    from bedside.train.explaining import EXPLAINERS
    from bedside.train.randomizing import randomized_cascade
    from bedside.verify.pointing import look

    found: dict[str, Any] = {"float": {}, "sanity": {}}
    for name in EXPLAINERS.names():
        method = EXPLAINERS.get(name)
        maps = method(reference, images, labels)
        found["float"][name] = to_plain(look(name, maps, masks, units))
        cascade = [(layer, method(net, images, labels)) for layer, net in randomized_cascade(reference, n_stages=2)]
        found["sanity"][name] = to_plain(check_sanity(name, maps, cascade, units))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=len(SEEDS), help="how many of them")
    cells = []
    for seed in SEEDS[: parser.parse_args().seeds]:
        cells.append(run_seed(seed))
        summarize(cells)


if __name__ == "__main__":
    main()
