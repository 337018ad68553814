"""Another site, no labels: the statistics of batch norm are taken from its images, the weights stay."""

from copy import deepcopy
from typing import Any

import torch
from torch import nn

from bedside.base.arrays import ByteArray
from bedside.base.errors import CohortError, InputError
from bedside.data.preprocess import Preprocess
from bedside.train.fitting import as_batch

_BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


@torch.no_grad()
def adapt_statistics(
    model: nn.Module, images: ByteArray, preprocess: Preprocess, *, keep_frac: float = 0.0, batch_size: int = 64
) -> nn.Module:
    """Return a copy whose batch norm has the mean and variance of `images` (AdaBN: Li et al., ICLR workshop 2017).

    It answers a shift of brightness, contrast or noise between scanners. It does not answer another mix of patients:
    give images whose classes are mixed as they will be met, or the statistics take the mix for a shift.

    Parameters
    ----------
    images
        ``(n, *spec.shape)`` uint8 of the target site; labels are not needed.
    keep_frac
        Share of the old statistics that is kept, for few images; 0 replaces them.

    Raises
    ------
    CohortError
        With fewer than 16 images: their statistics would be noise.
    InputError
        If the network has no batch norm, or `keep_frac` is not from 0 up to 1.
    """
    if len(images) < 16:
        raise CohortError(f"{len(images)} images to adapt to", expected="16 or more", hint="gather some of the site's")
    if not 0 <= keep_frac < 1:
        raise InputError(f"a share of {keep_frac} to keep", expected="0 up to, not including, 1")
    adapted = deepcopy(model)
    norms: list[Any] = [layer for layer in adapted.modules() if isinstance(layer, _BATCH_NORMS)]
    if not norms:
        raise InputError("the network has no batch norm", expected="a network with batch norm",
                         hint="fine-tune it on labelled images instead")  # fmt: skip
    old = [(norm.running_mean.clone(), norm.running_var.clone(), norm.momentum) for norm in norms]
    adapted.eval()
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the plain mean over batches
        norm.train()
    n_batches = max(1, len(images) // batch_size)
    for rows in torch.arange(len(images)).tensor_split(n_batches):  # no small last batch, whose mean would count alike
        adapted(as_batch(preprocess.normalize(images[rows.numpy()])))
    for norm, (mean, var, momentum) in zip(norms, old, strict=True):
        norm.momentum = momentum
        norm.running_mean.lerp_(mean, keep_frac)
        norm.running_var.lerp_(var, keep_frac)
    return adapted.eval()
