"""Sessions over torch itself: the eager model and its exported graph, the first stages of the parity chain."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bedside.base.arrays import FloatArray
from bedside.base.task import TensorSpec
from bedside.export.stepping import TorchStep, blank_inputs, exportable, n_state_of
from bedside.runtime.session import Session
from bedside.runtime.stepping import SteppedSession

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, slots=True)
class TorchSession:
    """A `Session` over any callable that maps a batch tensor to logits."""

    call: Any
    batch_size: int

    def run(self, inputs: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
        """Run in blocks of `batch_size`, without gradients."""
        import torch

        from bedside.train.fitting import at_once

        images = torch.from_numpy(np.ascontiguousarray(inputs["image"], np.float32))
        block_size = at_once(tuple(images.shape[1:]), self.batch_size)
        with torch.no_grad():
            rows = [self.call(block).numpy() for block in images.split(block_size)]
        return {"logits": np.concatenate(rows)}


def eager_session(model: "nn.Module") -> TorchSession:
    """The model as PyTorch runs it."""
    return TorchSession(model.eval(), 128)


def exported_session(model: "nn.Module", spec: TensorSpec) -> Session:
    """The graph that `torch.export` captured, for one image at a time; of a clip model for one frame and its state."""
    import torch

    sample = tuple(map(torch.from_numpy, blank_inputs(model, spec)))
    graph = torch.export.export(exportable(model, spec), sample).module()
    if spec.n_frames is not None:
        return SteppedSession(TorchStep(graph, n_state_of(model)))
    return TorchSession(graph, 1)
