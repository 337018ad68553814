"""The tuning score of a candidate's network, in floats or as its int8 file would compute it."""

from typing import TYPE_CHECKING

import numpy as np

from bedside.compress.folding import folded
from bedside.compress.quantization import LayerBits

if TYPE_CHECKING:
    from torch import nn

    from bedside.train.fitting import Monitor, TrainingData

N_OBSERVED = 200
"""Development images that set the ranges, evenly over the part."""

_INT8 = LayerBits(weights=8, activations=8)


def score_of(model: "nn.Module", data: "TrainingData", monitor: "Monitor", *, rounded: bool) -> float:
    """Score a fitted network on the tuning part.

    Parameters
    ----------
    rounded
        Whether weights and activations are rounded as in the int8 file: in simulation, so that no file is made.

    Raises
    ------
    TraceError
        If it shall be rounded and cannot be captured.
    """
    from bedside.compress.simulating import every_layer, observe, rounded_logits
    from bedside.train.fitting import logits_of

    if not rounded:
        return float(monitor(data.tuning_targets, logits_of(model, data.tuning, data.preprocess)))
    rows = np.unique(np.linspace(0, len(data.development) - 1, N_OBSERVED).round().astype(np.int64))
    network = folded(model, data.preprocess.spec)
    ranges = observe(network, data.preprocess.normalize(data.development[rows]))
    outputs = rounded_logits(network, data.preprocess.normalize(data.tuning), ranges, every_layer(_INT8))
    return float(monitor(data.tuning_targets, outputs))
