"""LiteRT (``.tflite``): the only file that knows ai-edge-litert."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from bedside.base.arrays import FloatArray
from bedside.base.quiet import quiet
from bedside.base.seam import Requirement
from bedside.runtime.artifact import Artifact


class _Interpreter(Protocol):
    """The part of ai_edge_litert's interpreter that we use."""

    def allocate_tensors(self) -> None: ...
    def get_input_details(self) -> list[dict[str, Any]]: ...
    def get_output_details(self) -> list[dict[str, Any]]: ...
    def set_tensor(self, tensor_index: int, value: np.ndarray) -> None: ...
    def invoke(self) -> None: ...
    def get_tensor(self, tensor_index: int) -> np.ndarray: ...


@dataclass(frozen=True, slots=True)
class LiteRtSession:
    """A `Session` over one LiteRT interpreter with a float input of one image or volume, channels last.

    Outputs of four axes and more are maps; in the file they are channels last, as the input is.
    """

    interpreter: _Interpreter
    input_index: int
    output_index: int

    def run(self, inputs: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
        """Run the images one by one: the file is made for batch 1."""
        images = np.ascontiguousarray(np.moveaxis(inputs["image"], 1, -1), np.float32)
        interpreter, rows = self.interpreter, []
        for i in range(len(images)):
            interpreter.set_tensor(self.input_index, images[i : i + 1])
            interpreter.invoke()
            rows.append(interpreter.get_tensor(self.output_index))
        answers = rows[0] if len(rows) == 1 else np.concatenate(rows)
        return {"logits": np.ascontiguousarray(np.moveaxis(answers, -1, 1)) if answers.ndim >= 4 else answers}


@dataclass(frozen=True, slots=True)
class LiteRt:
    """The adapter."""

    requires: tuple[Requirement, ...] = (Requirement("ai_edge_litert", "ai-edge-litert"),)

    def version(self) -> str:
        """Version of the installed runtime."""
        return version("ai-edge-litert")

    def open(self, path: Path, artifact: Artifact, threads: int) -> LiteRtSession:
        """Load the file and plan its memory."""
        from ai_edge_litert.interpreter import Interpreter

        with quiet(Path(os.devnull)):  # the C++ side announces its delegate; failures arrive as exceptions
            interpreter = Interpreter(model_path=str(path), num_threads=threads)
            interpreter.allocate_tensors()
        entry, exit_ = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
        expected = (1, *artifact.spec.shape[1:], artifact.spec.shape[0])
        if tuple(entry["shape"]) != expected:
            raise ValueError(f"its input is {tuple(entry['shape'])}, expected {expected}")
        return LiteRtSession(interpreter, entry["index"], exit_["index"])


LITERT = LiteRt()
