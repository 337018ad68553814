"""Whether a network can be fitted to a task at all: one case goes through before the first step."""

from typing import TYPE_CHECKING

from bedside.base.errors import ShapeError

if TYPE_CHECKING:
    from torch import nn

    from bedside.train.views import TrainingData


def check_suits(model: "nn.Module", data: "TrainingData") -> None:
    """Run one tuning case and look at the shape of the answer; the network is left in evaluation mode.

    Raises
    ------
    ShapeError
        If the network cannot take the case, or answers another kind of question than the task asks.
    """
    import torch

    from bedside.train.views import as_batch

    spec, families = data.preprocess.spec, data.objective.families(data.preprocess.spec)
    asked, shape = _asked(data)
    hint = f"families for this task are {', '.join(families)}"
    try:
        with torch.no_grad():
            answer = model.eval()(as_batch(data.preprocess.normalize(data.tuning[:1])))
    except (RuntimeError, ValueError) as error:
        raise ShapeError(
            f"the network cannot take an input of {spec.shape}: {str(error).strip().splitlines()[0]}",
            expected=f"a network of such inputs that answers {asked}", hint=hint,
        ) from error  # fmt: skip
    found = tuple(answer.shape)
    if len(found) != len(shape) or any(n not in (None, m) for n, m in zip(shape, found, strict=True)):
        raise ShapeError(
            f"the network answers {found} to one case, which is no answer to a task of {data.kind}",
            expected=asked, hint=hint,
        )  # fmt: skip


def _asked(data: "TrainingData") -> tuple[str, tuple[int | None, ...]]:
    """What is asked of the answer to one case, in words, and its shape; None where any size will do."""
    if data.kind == "segmentation":
        grid = data.tuning_targets.shape[1:]
        return f"a map a class, (1, K, {', '.join(map(str, grid))})", (1, None, *grid)
    if data.kind == "detection":
        return "maps of heat and of boxes, (1, K + 4, h, w)", (1, None, None, None)
    return "a number a class, (1, K)", (1, None)
