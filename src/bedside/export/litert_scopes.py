"""What each operation of a LiteRT file is given: from the marks that `scopes` left in the names of its tensors."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bedside.compress.quantization import LayerBits

_INNERMOST = re.compile(r"(bedside\.Layer\d+x)[^/;]*;")
_MOVES = frozenset({"RESHAPE", "TRANSPOSE", "SQUEEZE", "EXPAND_DIMS", "PAD", "PADV2", "MIRROR_PAD", "CONCATENATION",
                    "SLICE", "STRIDED_SLICE", "SPLIT", "PACK", "UNPACK", "GATHER", "BROADCAST_TO"})  # fmt: skip
"""Operations that only move numbers: between two floats there is nothing to gain from rounding them."""


def bits_by_operation(source: Path, bits_of_mark: Mapping[str, LayerBits], usual: LayerBits) -> dict[str, LayerBits]:
    """Bit widths of every operation of the main graph, by the name under which AI Edge Quantizer knows it.

    An operation with weights goes by its weights' names (the last one's output has the name of the signature); others
    by the first place in their output's name. One that only moves numbers is float where all that it reads is.
    """
    from ai_edge_quantizer.utils import tfl_flatbuffer_utils

    model: Any = tfl_flatbuffer_utils.read_model(str(source))
    graph = model.subgraphs[0]
    names = [_text(tensor.name) for tensor in graph.tensors]
    constant = [model.buffers[tensor.buffer].data is not None for tensor in graph.tensors]
    kinds = [tfl_flatbuffer_utils.TFL_OP_CODE_TO_NAME.get(code.builtinCode, "") for code in model.operatorCodes]
    is_float: dict[int, bool] = {}
    found: dict[str, LayerBits] = {}
    for op in graph.operators:
        read = [i for i in op.inputs if i >= 0 and not constant[i]]
        bits = _own(op, names, constant, bits_of_mark) or usual
        if kinds[op.opcodeIndex] in _MOVES and read and all(is_float.get(i, False) for i in read):
            bits = LayerBits(weights=32, activations=32)
        is_float |= dict.fromkeys(op.outputs, bits.is_float)
        found[tfl_flatbuffer_utils.get_op_scope(op, graph.tensors)] = bits
    return found


def _own(op: Any, names: list[str], constant: list[bool], bits_of_mark: Mapping[str, LayerBits]) -> LayerBits | None:
    weights = [mark for i in op.inputs if i >= 0 and constant[i] for mark in _INNERMOST.findall(names[i])]
    places = [_INNERMOST.findall(names[i]) for i in op.outputs]
    marks = weights or [mark for place in places for mark in place[:1]]
    given = [bits_of_mark[mark] for mark in marks if mark in bits_of_mark]
    if not given:
        return None
    bits = given[0]
    for other in given[1:]:
        bits = bits.finer(other)
    return bits


def _text(name: Any) -> str:
    return name.decode() if isinstance(name, bytes) else str(name)
