"""How far an answer is on the side of the reference standard, one number a case, for every kind of task."""

from typing import TYPE_CHECKING

from bedside.base.task import TaskKind

if TYPE_CHECKING:
    from torch import Tensor


def margins(outputs: "Tensor", targets: "Tensor", kind: TaskKind) -> "Tensor":
    """Return the margin of each case, ``(n,)``; higher is more surely right.

    Classes and grades: log-odds of the own class, ``logit_k - logsumexp(other logits)``. Label maps: the same at each
    place, averaged over the places of each label, then over the labels that the case shows, so that a small lesion
    counts as much as the background. Marks: the sum of the logits of what is there, less those of what is not; unknown
    ones count nothing. Boxes: the loss of the case alone, negated.

    Unlike a loss, log-odds do not flatten where the network is sure, so their slope still tells channels apart.
    """
    if kind == "multilabel":
        return (outputs * ((targets == 1).to(outputs.dtype) - (targets == 0).to(outputs.dtype))).sum(1)
    if kind == "detection":
        return _of_boxes(outputs, targets)
    return _of_places(_log_odds(outputs, targets.long()), targets)


def _log_odds(outputs: "Tensor", labels: "Tensor") -> "Tensor":
    """Log-odds of the own class against all others, ``(n, ...)`` of outputs ``(n, K, ...)``."""
    import torch

    own = torch.nn.functional.one_hot(labels, outputs.shape[1]).movedim(-1, 1).bool()
    others = torch.logsumexp(outputs.masked_fill(own, -torch.inf), 1)
    return outputs.gather(1, labels[:, None])[:, 0] - others


def _of_places(odds: "Tensor", labels: "Tensor") -> "Tensor":
    """Mean over the places of each label, then over the labels of a case; one place is its own mean."""
    import torch

    if odds.ndim == 1:
        return odds
    return torch.stack(
        [torch.stack([case[at == k].mean() for k in at.unique()]).mean() for case, at in zip(odds, labels, strict=True)]
    )


def _of_boxes(outputs: "Tensor", targets: "Tensor") -> "Tensor":
    import torch

    from bedside.train.centre_loss import centre_loss

    return torch.stack([-centre_loss(outputs[i : i + 1], targets[i : i + 1]) for i in range(len(outputs))])
