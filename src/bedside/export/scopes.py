"""Names that survive a conversion: every layer gets a class of its own, and converters write classes beside tensors."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bedside.compress.quantization import LayerBits, QuantizationPlan

if TYPE_CHECKING:
    from torch import nn

_STEP_PREFIX = "network."
"""Where the layers of a clip model lie inside its captured step."""


@dataclass(frozen=True, slots=True)
class Scoped:
    """A copy of a network whose layers can be told apart in a converted file.

    Parameters
    ----------
    mark_of
        Path of each layer to the word that stands in the names of its tensors.
    """

    model: "nn.Module"
    mark_of: Mapping[str, str]


def scoped(model: "nn.Module") -> Scoped:
    """Mark the layers of a copy; paths alone won't do, for a list of layers leaves none in the names."""
    copy = deepcopy(model)
    marks: dict[str, str] = {}
    for i, (path, layer) in enumerate(copy.named_modules()):
        marks[path] = f"bedside.Layer{i}x"
        kind: Any = type(f"Layer{i}x", (type(layer),), {"__module__": "bedside", "__qualname__": f"Layer{i}x"})
        layer.__class__ = kind
    return Scoped(copy, marks)


def bits_by_layer(plan: QuantizationPlan, model: "nn.Module", *, is_step: bool) -> dict[str, LayerBits]:
    """Bit widths of every path of the captured module; `is_step` if it wraps a clip model, of which rules speak."""
    return {
        path: plan.bits_of(path.removeprefix(_STEP_PREFIX) if is_step else path) for path, _ in model.named_modules()
    }
