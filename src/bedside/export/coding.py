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

    graph, nodes, tables = model.graph, [], {}
    for tensor in list(graph.initializer):
        if tensor.data_type != onnx.TensorProto.INT8:
            continue
        values = numpy_helper.to_array(tensor)
        book, codes = np.unique(values, return_inverse=True)
        bits = next((b for b in _BITS if len(book) <= 2**b), 8)
        packed_bytes = -(-values.size * bits // 8)
        if values.size - packed_bytes - _NODES_BYTES < LEAST_SAVED_BYTES:
            continue
        graph.initializer.remove(tensor)
        tables[bits] = unpacking_table(bits)
        nodes += _lookup(graph, tensor.name, values.shape, book, pack_codes(codes.ravel(), bits), bits)
    for bits, table in tables.items():
        graph.initializer.append(numpy_helper.from_array(table, f"unpack{bits}"))
    for node in reversed(nodes):
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


def _lookup(
    graph: Any, name: str, shape: tuple[int, ...], book: np.ndarray[Any, Any], packed: ByteArray, bits: int
) -> list[Any]:
    """Nodes that make the weight `name`: bytes, to codes, to values, in its shape."""
    from onnx import TensorProto, helper, numpy_helper

    size = int(np.prod(shape))
    held = {
        f"{name}_b": book,
        f"{name}_p": packed,
        f"{name}_n": np.array([size], np.int64),
        f"{name}_s": np.array(shape, np.int64),
    }
    graph.initializer.extend(numpy_helper.from_array(array, key) for key, array in held.items())
    flat, zero = np.array([-1], np.int64), np.array([0], np.int64)
    if not any(tensor.name == "unpack_flat" for tensor in graph.initializer):
        graph.initializer.extend(
            [numpy_helper.from_array(flat, "unpack_flat"), numpy_helper.from_array(zero, "unpack_zero")]
        )
    steps = [
        ("Cast", [f"{name}_p"], {"to": TensorProto.INT32}),
        ("Gather", [f"unpack{bits}", ""], {}),
        ("Reshape", ["", "unpack_flat"], {}),
        ("Slice", ["", "unpack_zero", f"{name}_n"], {}),
        ("Cast", [""], {"to": TensorProto.INT32}),
        ("Gather", [f"{name}_b", ""], {}),
        ("Reshape", ["", f"{name}_s"], {}),
    ]  # fmt: skip
    nodes, last = [], ""
    for number, (kind, inputs, attributes) in enumerate(steps):
        output = name if number == len(steps) - 1 else f"{name}_{number}"
        nodes.append(helper.make_node(kind, [value or last for value in inputs], [output], **attributes))
        last = output
    return nodes
