"""A codebook in an ONNX file: weights of few values are stored as packed indices and looked up when the file is loaded.

ONNX Runtime folds constants before it runs anything, so that the session holds the same int8 weights, and takes the
same time an image, as without.
"""

from typing import Any

import numpy as np

from bedside.base.arrays import ByteArray

LEAST_SAVED_BYTES = 256
"""What a codebook must save beyond its own nodes."""

_NODES_BYTES = 400
_BITS = (1, 2, 4)


def with_codebooks(model: Any) -> Any:
    """Replace every int8 weight of at most 16 values by a lookup where that makes the file smaller, in place.

    The values of a weight are its codebook; its indices are packed two (four, eight) to a byte, and unpacked by a table
    of all 256 bytes that the layers of a file share.

    Parameters
    ----------
    model
        An ``onnx.ModelProto`` that holds its weights.
    """
    import onnx
    from onnx import numpy_helper

    graph, nodes, widths = model.graph, [], set()
    for number, tensor in enumerate(list(graph.initializer)):
        if tensor.data_type != onnx.TensorProto.INT8:
            continue
        values = numpy_helper.to_array(tensor)
        book, codes = np.unique(values, return_inverse=True)
        bits = next((b for b in _BITS if len(book) <= 2**b), 8)
        if values.size - -(-values.size * bits // 8) - _NODES_BYTES < LEAST_SAVED_BYTES:
            continue
        graph.initializer.remove(tensor)
        widths.add(bits)
        packed = pack_codes(codes.ravel(), bits)
        nodes += _lookup(graph, f"c{number}", tensor.name, values.shape, book, packed, bits)
    for node in reversed([*_tables(graph, widths), *nodes]):
        graph.node.insert(0, node)
    return model


def pack_codes(codes: np.ndarray[Any, Any], bits: int) -> ByteArray:
    """Pack codes ``(n,)`` below ``2 ** bits`` into bytes, the first in the highest bits; zeros fill the last byte."""
    per_byte = 8 // bits
    filled = np.zeros(-(-len(codes) // per_byte) * per_byte, np.uint8)
    filled[: len(codes)] = codes
    shifts = bits * np.arange(per_byte - 1, -1, -1)
    return (filled.reshape(-1, per_byte).astype(np.uint16) << shifts).sum(1).astype(np.uint8)


def unpacking_table(bits: int) -> ByteArray:
    """The codes in each of the 256 bytes, ``(256, 8 / bits)``."""
    shifts = bits * np.arange(8 // bits - 1, -1, -1)
    return ((np.arange(256)[:, None] >> shifts) & (2**bits - 1)).astype(np.uint8)


def _tables(graph: Any, widths: set[int]) -> list[Any]:
    """Nodes that make each table a table of indices, and what else lookups share."""
    from onnx import TensorProto, helper, numpy_helper

    if not widths:
        return []
    shared = {"c_flat": np.array([-1], np.int64), "c_zero": np.array([0], np.int64)}
    shared |= {f"c_bytes{bits}": unpacking_table(bits) for bits in widths}
    graph.initializer.extend(numpy_helper.from_array(array, key) for key, array in shared.items())
    return [
        helper.make_node("Cast", [f"c_bytes{bits}"], [f"c_codes{bits}"], to=TensorProto.INT32)
        for bits in sorted(widths)
    ]


def _lookup(
    graph: Any, short: str, name: str, shape: tuple[int, ...], book: np.ndarray[Any, Any], packed: ByteArray, bits: int
) -> list[Any]:
    """Nodes that make the weight `name`: bytes, to codes, to values, in its shape; `short` names what is between."""
    from onnx import TensorProto, helper, numpy_helper

    size = int(np.prod(shape))
    held = {f"{short}_book": book, f"{short}_packed": packed, f"{short}_shape": np.array(shape, np.int64)}
    steps: list[tuple[str, list[str], dict[str, Any]]] = [
        ("Cast", [f"{short}_packed"], {"to": TensorProto.INT32}),
        ("Gather", [f"c_codes{bits}", ""], {}),
        ("Gather", [f"{short}_book", ""], {}),
        ("Reshape", ["", f"{short}_shape"], {}),
    ]
    if size * bits % 8:  # the last byte is not full
        held[f"{short}_size"] = np.array([size], np.int64)
        steps[3:3] = [("Reshape", ["", "c_flat"], {}), ("Slice", ["", "c_zero", f"{short}_size"], {})]
    graph.initializer.extend(numpy_helper.from_array(array, key) for key, array in held.items())
    nodes, last = [], ""
    for number, (kind, inputs, attributes) in enumerate(steps):
        output = name if number == len(steps) - 1 else f"{short}_{number}"
        nodes.append(helper.make_node(kind, [value or last for value in inputs], [output], **attributes))
        last = output
    return nodes
