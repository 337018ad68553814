"""ExecuTorch (``.pte``): the only file in the ward that knows executorch, which brings torch with it."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from bedside.base.arrays import FloatArray
from bedside.base.quiet import quiet
from bedside.base.seam import Requirement
from bedside.runtime.artifact import Artifact
from bedside.runtime.session import Session
from bedside.runtime.stepping import SteppedSession


@dataclass(frozen=True, slots=True)
class ExecuTorchSession:
    """A `Session` over one loaded method; the file is made for batch 1."""

    method: Any
    as_tensor: Any

    def run(self, inputs: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
        """Run the images one by one."""
        images = np.ascontiguousarray(inputs["image"], np.float32)
        rows = [self.method.execute([self.as_tensor(images[i : i + 1])])[0].numpy().copy() for i in range(len(images))]
        return {"logits": np.concatenate(rows)}


@dataclass(frozen=True, slots=True)
class ExecuTorchStep:
    """A `Step` over one loaded method: a frame, and a state where the model carries one."""

    method: Any
    as_tensor: Any
    n_state: int

    def step(self, image: FloatArray, state: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Run one frame."""
        if not self.n_state:
            return self.method.execute([self.as_tensor(image)])[0].numpy().copy(), state
        given = [self.as_tensor(image), self.as_tensor(state)]
        logits, state = (output.numpy().copy() for output in self.method.execute(given))
        return logits, state


@dataclass(frozen=True, slots=True)
class ExecuTorch:
    """The adapter."""

    requires: tuple[Requirement, ...] = (Requirement("executorch", "executorch"), Requirement("torch", "torch"))

    def version(self) -> str:
        """Version of the installed runtime."""
        return version("executorch")

    def open(self, path: Path, artifact: Artifact, threads: int) -> Session:
        """Load the program; its thread pool is the process's and is set to `threads` where the binding allows."""
        from importlib import import_module

        as_tensor = import_module("torch").from_numpy
        with quiet(Path(os.devnull)):  # the C++ side lists the processors it looked for; failures arrive as exceptions
            runtime = import_module("executorch.runtime").Runtime.get()
            method = runtime.load_program(str(path)).load_method("forward")
            session = (
                ExecuTorchSession(method, as_tensor)
                if artifact.spec.n_frames is None
                else SteppedSession(ExecuTorchStep(method, as_tensor, _n_state_of(method)))
            )
            session.run({"image": np.zeros((1, *artifact.spec.shape), np.float32)})
        return session


def _n_state_of(method: Any) -> int:
    """Length of the second input, where there is one."""
    meta = method.metadata
    return int(meta.input_tensor_meta(1).sizes()[1]) if meta.num_inputs() > 1 else 0


EXECUTORCH = ExecuTorch()
