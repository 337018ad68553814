"""Activation ranges of a whole network, from a stream of its tensors: one implementation for every format."""

from collections.abc import Callable, Collection, Iterator, Mapping

import numpy as np

from bedside.base.arrays import FloatArray
from bedside.compress.quantization import Ranges
from bedside.compress.ranges import Histogram, Range, blank_histogram, range_of

Stream = Callable[[], Iterator[Mapping[str, FloatArray]]]
"""Runs the network on the observation images anew: for each, its float tensors by name."""


def observed_ranges(stream: Stream, ranges: Ranges, *, unclipped: Collection[str]) -> dict[str, Range]:
    """Smallest and largest value that each tensor's integers will stand for.

    The images are run twice: for the ends of the histograms, and to fill them.

    Parameters
    ----------
    unclipped
        Tensors that keep their smallest and largest value: the network's outputs, the rare, large ones of which belong
        to the positives. So does a tensor that is an output seen through another shape.
    """
    ends: dict[str, Range] = {}
    for tensors in stream():
        for name, values in tensors.items():
            low, high = ends.get(name, (0.0, 0.0))
            ends[name] = (min(low, float(values.min())), max(high, float(values.max())))
    kept = {ends[name] for name in unclipped if name in ends}
    filled = {name: blank_histogram(*found) for name, found in ends.items() if found not in kept}
    if ranges == "min_max" or not filled:
        return ends
    for tensors in stream():
        filled |= _added(filled, tensors)
    return ends | {name: range_of(histogram, ranges) for name, histogram in filled.items()}


def _added(filled: Mapping[str, Histogram], tensors: Mapping[str, FloatArray]) -> dict[str, Histogram]:
    return {name: filled[name].with_values(np.asarray(v)) for name, v in tensors.items() if name in filled}
