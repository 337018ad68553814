"""What each node of an ONNX graph is given: from the module paths that torch's exporter leaves beside it."""

import ast
from collections.abc import Mapping
from typing import Any

from bedside.compress.quantization import FLOAT, LayerBits

_SCOPES = "pkg.torch.onnx.name_scopes"
_MERGED = frozenset({"Relu", "Clip"})
"""Activations that every runtime makes part of the layer before: they share its treatment."""
_MOVES = frozenset({"Reshape", "Flatten", "Transpose", "Squeeze", "Unsqueeze", "Concat", "Slice", "Split", "Gather",
                    "Pad", "Expand", "Identity"})  # fmt: skip
"""Nodes that only move numbers: between two floats there is nothing to gain from rounding them."""


def layers_by_output(raw: Any) -> dict[str, tuple[str, ...]]:
    """Module paths of every node of the exporter's graph, by the node's first output.

    Parameters
    ----------
    raw
        The model as it was exported: later passes lose the paths.
    """
    weights = {initializer.name for initializer in raw.graph.initializer}
    found = {}
    for node in raw.graph.node:
        scopes = [ast.literal_eval(p.value) for p in node.metadata_props if p.key == _SCOPES]
        paths = [scope[-2] for scope in scopes if len(scope) > 1]
        paths += [name.removesuffix(".weight") for name in node.input if name in weights and name.endswith(".weight")]
        found[node.output[0]] = tuple(paths)
    return found


def bits_by_node(
    graph: Any, layers: Mapping[str, tuple[str, ...]], bits_of: Mapping[str, LayerBits], usual: LayerBits
) -> dict[str, LayerBits]:
    """Bit widths of every node, by its name; all nodes must have one.

    Nodes that a function was unfolded into go by the node that reads them; a clamp by the layer before it, if that is
    treated more exactly; a node that only moves numbers is float where all that it reads is.
    """
    given: dict[str, LayerBits | None] = {}
    reader = {name: node for node in graph.node for name in node.input}
    for node in reversed(graph.node):
        known = [bits_of[path] for path in layers.get(node.output[0], ()) if path in bits_of]
        after = reader.get(node.output[0])
        if node.output[0] not in layers and after is not None:
            known = [bits for bits in [given[after.name]] if bits is not None]
        given[node.name] = _finest(known)
    found: dict[str, LayerBits] = {}
    made_by: dict[str, LayerBits] = {}
    for node in graph.node:
        read = [made_by[name] for name in node.input if name in made_by]
        bits = given[node.name] or usual
        if node.op_type in _MERGED and read:
            bits = bits.finer(read[0])
        elif node.op_type in _MOVES and read and all(one.is_float for one in read):
            bits = FLOAT
        found[node.name] = bits
        made_by |= dict.fromkeys(node.output, bits)
    return found


def _finest(known: list[LayerBits]) -> LayerBits | None:
    bits = None
    for other in known:
        bits = other if bits is None else bits.finer(other)
    return bits
