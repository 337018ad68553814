"""Average precision of boxes against pycocotools, and what the bootstrap does with whole patients."""

import contextlib
import io

import numpy as np
import pytest

from bedside.base.errors import ShapeError
from bedside.verify.average_precision_boxes import box_precision
from bedside.verify.box_matching import IOU_LEVELS, Matches, match
from bedside.verify.detecting import Detections

N_CLASSES = 3


def made(n_images: int = 40, seed: int = 0, decimals: int = 1) -> tuple[list[Detections], np.ndarray]:
    """Objects, and detections that shift, miss, double and invent them; rounded scores, so that there are ties."""
    rng = np.random.default_rng(seed)
    targets = np.full((n_images, 9, 5), -1.0, np.float32)
    found = []
    for row in targets:
        n = int(rng.integers(0, 9))
        corner, side = rng.uniform(0, 200, (n, 2)), rng.uniform(30, 70, (n, 2))
        row[:n] = np.c_[rng.integers(0, N_CLASSES - 1, n), corner, corner + side]
        seen = row[:n][rng.random(n) < 0.85]
        copies = np.concatenate([seen, seen[rng.random(len(seen)) < 0.2]])
        m = int(rng.integers(0, 4))
        stray, extent = rng.uniform(0, 200, (m, 2)), rng.uniform(30, 70, (m, 2))
        boxes = np.concatenate([copies[:, 1:] + rng.normal(0, 4, (len(copies), 4)), np.c_[stray, stray + extent]])
        labels = np.concatenate([copies[:, 0], rng.integers(0, N_CLASSES - 1, m)]).astype(np.int64)
        scores = np.round(rng.random(len(boxes)), decimals)
        order = np.argsort(-scores, kind="stable")
        found.append(Detections(labels=labels[order], scores=scores[order], boxes=boxes[order].astype(np.float64)))
    return found, targets


def by_pycocotools(found: list[Detections], targets: np.ndarray) -> np.ndarray:
    """``(T, K)`` average precision of COCO's own program; -1 for a class without an object."""
    coco_module = pytest.importorskip("pycocotools.coco", reason="pycocotools is not installed")
    from pycocotools.cocoeval import COCOeval

    def boxed(box: np.ndarray) -> dict:
        sides = [float(box[2] - box[0]), float(box[3] - box[1])]
        return {"bbox": [float(box[0]), float(box[1]), *sides], "area": sides[0] * sides[1], "iscrowd": 0}

    truth = coco_module.COCO()
    annotations = [
        {"image_id": i + 1, "category_id": int(row[0]), **boxed(row[1:])}
        for i, rows in enumerate(targets.astype(np.float64)) for row in rows if row[0] >= 0
    ]  # fmt: skip
    truth.dataset = {
        "info": {},
        "images": [{"id": i + 1} for i in range(len(targets))],
        "categories": [{"id": k, "name": str(k)} for k in range(N_CLASSES)],
        "annotations": [a | {"id": i + 1} for i, a in enumerate(annotations)],
    }
    results = [
        {"image_id": i + 1, "category_id": int(label), "score": float(score), **boxed(box)}
        for i, one in enumerate(found) for label, score, box in zip(one.labels, one.scores, one.boxes, strict=True)
    ]  # fmt: skip
    with contextlib.redirect_stdout(io.StringIO()):
        truth.createIndex()
        worker = COCOeval(truth, truth.loadRes(results), "bbox")
        worker.evaluate()
        worker.accumulate()
    return worker.eval["precision"][:, :, :, 0, 2].mean(axis=1)


@pytest.mark.parametrize("decimals", [1, 9])
def test_it_is_what_pycocotools_computes(decimals: int) -> None:
    found, targets = made(decimals=decimals)
    theirs = by_pycocotools(found, targets)
    matches = match(found, targets, N_CLASSES)
    for i, level in enumerate(IOU_LEVELS):
        ours = box_precision(matches, (level,), n_resamples=1, seed=0)
        np.testing.assert_allclose([e.value for e in ours.by_class[:2]], theirs[i, :2], atol=1e-12)
    whole = box_precision(matches, IOU_LEVELS, n_resamples=1, seed=0)
    assert whole.mean.value == pytest.approx(theirs[:, :2].mean(), abs=1e-12)
    assert theirs[0, 2] == -1
    assert np.isnan(whole.by_class[2].value)


def test_a_draw_is_the_figure_of_the_images_drawn_by_patient() -> None:
    found, targets = made(n_images=12, decimals=9)  # the order of ties is nobody's to say
    patients = [f"p{i // 3}" for i in range(12)]
    whole = box_precision(match(found, targets, N_CLASSES), (0.5,), patients, n_resamples=60, seed=3)
    rng = np.random.default_rng(3)
    values = []
    for _ in range(60):
        rows = np.concatenate([np.arange(12)[3 * p : 3 * p + 3] for p in rng.integers(4, size=4)])
        drawn = match([found[i] for i in rows], targets[rows], N_CLASSES)
        values.append(box_precision(drawn, (0.5,), n_resamples=1, seed=0).mean.value)
    low, high = np.percentile(values, [2.5, 97.5])
    assert (whole.mean.low, whole.mean.high) == pytest.approx((low, high), abs=1e-12)
    assert whole.mean.n_patients == 4


def test_what_is_perfect_is_one_and_an_image_without_objects_costs_nothing_until_something_is_called() -> None:
    box = np.array([[10.0, 10, 30, 30]])
    hit = Detections(labels=np.array([0]), scores=np.array([0.6]), boxes=box)
    nothing = Detections(labels=np.zeros(0, int), scores=np.zeros(0), boxes=np.zeros((0, 4)))
    targets = np.full((2, 1, 5), -1.0)
    targets[0, 0] = [0, 10, 10, 30, 30]
    assert _ap(match([hit, nothing], targets, 1)) == 1
    above = Detections(labels=np.array([0]), scores=np.array([0.9]), boxes=box)
    assert _ap(match([hit, above], targets, 1)) == pytest.approx(0.5)
    below = Detections(labels=np.array([0]), scores=np.array([0.1]), boxes=box)
    assert _ap(match([hit, below], targets, 1)) == 1
    assert _ap(match([nothing, nothing], targets, 1)) == 0


def test_an_object_is_found_once_and_only_under_its_own_name() -> None:
    boxes = np.array([[10.0, 10, 30, 30], [10, 10, 31, 30], [10, 10, 30, 30]])
    found = Detections(labels=np.array([0, 0, 1]), scores=np.array([0.9, 0.8, 0.7]), boxes=boxes)
    targets = np.array([[[0, 10, 10, 30, 30.0]]])
    assert match([found], targets, 2).at(0.5).tolist() == [True, False, False]


def test_images_and_targets_must_be_as_many(refuses) -> None:
    with refuses(ShapeError, "2 images", "1 with targets"):
        match([made(1)[0][0]] * 2, np.full((1, 1, 5), -1.0), 1)


def _ap(matches: Matches) -> float:
    return box_precision(matches, (0.5,), n_resamples=5, seed=0).mean.value


def test_perfection_is_never_certain() -> None:
    box = np.array([[10.0, 10, 30, 30]])
    found = [Detections(labels=np.array([0]), scores=np.array([0.6]), boxes=box)] * 10
    targets = np.array([[[0, 10, 10, 30, 30.0]]] * 10)
    whole = box_precision(match(found, targets, 1), (0.5,), n_resamples=50, seed=0).mean
    assert (whole.value, whole.high) == (1, 1)
    assert whole.low == pytest.approx(0.6915, abs=1e-4), "Clopper-Pearson's bound for 10 of 10"
