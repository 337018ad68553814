"""Did compression move the model's gaze? Breast ultrasound with lesion masks: ``python -m benchmarks.explain``.

Benign against malignant (BUSI, 96 px, the set's own parts by near-duplicate group). A reference is fitted, a small
network is distilled from it and written as int8; all of them are mapped on the test part. Each seed is kept once done.
"""

import argparse
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bedside.base.arrays import BoolArray, FloatArray, IntArray
from bedside.base.digest import digest_array
from bedside.base.files import write_atomic
from bedside.base.journal import Journal
from bedside.base.jsonform import to_json, to_plain
from bedside.data.masks import stack_masks
from bedside.data.preprocess import Preprocess
from bedside.data.sources import load_cohort
from bedside.data.split import split_by_patient
from bedside.data.stacking import stack_images
from bedside.data.targets import labels_of
from bedside.data.units import units_of
from bedside.runtime.session import logits
from bedside.verify.deletion import faithfulness
from bedside.verify.gaze import judge_gaze
from bedside.verify.heat import HEAT_MAPS, heat_maps
from bedside.verify.heat_agreement import compare_maps
from bedside.verify.metrics import auroc
from bedside.verify.sanity import check_sanity
from benchmarks.explain_models import Looker, fitted, lesions_only
from benchmarks.explain_rows import SEEDS, summarize

if TYPE_CHECKING:
    from torch import nn

ROOT = Path(__file__).parents[1]
CELLS = ROOT / "benchmarks" / ".cells"
SIDE_PX, SMALL_SIDE_PX = 96, 48
N_FEW = 25
"""Cases of the costly measurements: deletion and insertion, RISE, gradients, randomised weights."""


def run_seed(seed: int, *, quick: bool = False, small: bool = False) -> dict[str, Any]:
    """Everything of one seed, or what was kept of it; `quick` asks the small model's two files only.

    With `small` the images are of 48 px and the reference is a residual network from scratch: minutes on one core.
    """
    name = f"explain-{seed}{'-small' if small else ''}"
    done = CELLS / f"{name}{'-quick' if quick else ''}.json"
    if done.is_file():
        return json.loads(done.read_text())
    place = Path(os.environ.get("BEDSIDE_DATA", ROOT.parent / "shared" / "data")) / "us_breast_busi"
    split = split_by_patient(lesions_only(load_cohort(f"folder:{place}")), seed=seed)
    side_px = SMALL_SIDE_PX if small else SIDE_PX
    preprocess = Preprocess(n_channels=1, height_px=side_px, width_px=side_px)
    reference, lookers = fitted(split, preprocess, seed, CELLS / name, family="residual" if small else None)
    if quick:
        del lookers["reference fp32"]
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
    if not quick:
        few_maps = {name: held[few] for name, held in maps.items()}
        few_cases = (images[few], masks[few], labels[few], few_units)
        found |= costly(reference, lookers, few_maps, few_cases, CELLS / name)
    write_atomic(done, to_json(found, indent=1))
    return found


Cases = tuple[FloatArray, BoolArray, IntArray, list[str]]


def costly(
    reference: "nn.Module", lookers: dict[str, Looker], maps: dict[str, FloatArray], cases: Cases, folder: Path
) -> dict[str, Any]:
    """RISE, gradients and randomised weights, on a few cases (images, masks, labels, units)."""
    from bedside.train.checkpoint import weights_digest
    from bedside.train.explaining import EXPLAINERS

    images, masks, labels, units = cases
    rise = {name: mapped("rise", lookers[name], images, labels) for name in ("small fp32", "small int8")}
    found: dict[str, Any] = {}
    found["rise"] = to_plain(judge_gaze("rise", rise, masks, units))
    found["rise against occlusion"] = to_plain(compare_maps(rise["small int8"], maps["small int8"], units))
    cam = EXPLAINERS.get("grad-cam++")(reference, images, labels)
    found["grad-cam++ against occlusion"] = to_plain(compare_maps(cam, maps["reference fp32"], units))
    inputs = [weights_digest(reference), digest_array(images)]
    found |= Journal(folder=folder).stop(
        "float", dict, inputs, lambda: float_methods(reference, images, masks, labels, units)
    )
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
    parser.add_argument("--small", action="store_true", help="48 px and a residual reference from scratch")
    parser.add_argument("--quick", action="store_true", help="int8 against fp32 of the small model only")
    asked, cells = parser.parse_args(), []
    for seed in SEEDS[: asked.seeds]:
        cells.append(run_seed(seed, quick=asked.quick, small=asked.small))
        summarize(cells, small=asked.small)


if __name__ == "__main__":
    main()
