"""Outputs of a detector become boxes in the pixels of the image that was handed in."""

import numpy as np

from bedside.data.box_geometry import placing_of
from bedside.runtime.box_maps import BOX_CHANNELS
from bedside.serve.answers import Block, Waiting
from bedside.serve.prediction import NOTHING, REFER, FoundBox, Prediction
from bedside.verify.box_parity import called


def box_answers(block: Block) -> list[Prediction]:
    """Boxes at or above the locked threshold of their kind; the image is called by the kind that is looked for.

    `probabilities` are the highest heat of each kind anywhere in the image. `called` names the kind of object that is
    looked for if there is one, else the kind of the most certain box, else ``nothing``.
    """
    return [
        _prediction(block, item, refer)
        for item, refer in zip(block.items, block.refers, strict=True)
    ]  # fmt: skip


def _prediction(block: Block, item: Waiting, refer: str) -> Prediction:
    task, point = block.task, block.point
    boxes = found_boxes(block, item)
    has_positive = any(box.name == task.positive_name for box in boxes)
    most = task.positive_name if has_positive else boxes[0].name if boxes else NOTHING
    heat = point.probabilities(item.logits[:, :-BOX_CHANNELS]).max(axis=(2, 3))[0]
    return Prediction(
        file=item.file,
        called=REFER if refer else most,
        is_positive=None if refer else has_positive,
        probabilities=tuple(np.nan_to_num(heat).tolist()),
        classes=task.classes,
        positive=task.positive_name,
        threshold_prob=point.threshold_prob,
        refer=refer,
        boxes=() if refer else boxes,
    )


def found_boxes(block: Block, item: Waiting) -> tuple[FoundBox, ...]:
    """Boxes of one image in its own pixels, the most certain first."""
    found = called(item.logits, block.point)[0]
    placing = placing_of(block.preprocess, *item.raw.shape[:2])
    spacing_mm = None if item.spacing_mm is None else (item.spacing_mm[0], item.spacing_mm[1])
    rows = zip(found.labels, found.scores, placing.back(found.boxes), strict=True)
    return tuple(
        FoundBox(
            name=block.task.classes[int(label)],
            probability=float(score),
            x0_px=float(x0),
            y0_px=float(y0),
            x1_px=float(x1),
            y1_px=float(y1),
            spacing_mm=spacing_mm,
        )
        for label, score, (x0, y0, x1, y1) in rows
    )
