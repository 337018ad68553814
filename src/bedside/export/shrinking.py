"""Take the long tensor names and the metadata out of a .tflite: they can weigh more than a small model's weights."""

from typing import Any

_ALIGNMENT = 16
"""Weights start at multiples of this many bytes, as the format asks; vector units load them in place."""


def shrink_tflite(data: bytes) -> bytes:
    """Return the same model with tensor names ``0``, ``1``, ..., no metadata and every weight inside the flatbuffer."""
    from ai_edge_litert import schema_py_generated as schema

    model: Any = schema.ModelT.InitFromObj(schema.Model.GetRootAs(data, 0))
    for graph in model.subgraphs:
        graph.name = b"main"
        for i, tensor in enumerate(graph.tensors):
            tensor.name = str(i).encode()
    model.metadata, model.metadataBuffer, model.description = [], None, b""
    contents = [_content(buffer, data) for buffer in model.buffers]
    contents = _used_once(model, contents)
    model.buffers = [_Buffer(content) for content in contents]
    builder = _sharing_builder(len(data))
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def _sharing_builder(size: int) -> Any:
    """A builder that writes equal number vectors once: a zero point for every channel is eight bytes of nothing."""
    import flatbuffers

    class SharingBuilder(flatbuffers.Builder):
        written: dict[tuple[str, bytes], int]

        def CreateNumpyVector(self, x: Any) -> int:  # noqa: N802 - overrides the library's name
            key = (x.dtype.str, x.tobytes())
            if key not in self.written:
                self.written[key] = super().CreateNumpyVector(x)
            return self.written[key]

    builder = SharingBuilder(size)
    builder.written = {}
    return builder


def _used_once(model: Any, contents: list[bytes]) -> list[bytes]:
    """Keep buffer 0 (the empty one) and what tensors point to, each content once: shared weights are one constant.

    Tensors with the same bytes may differ in shape, type or scale, which a tensor says itself.
    """
    tensors = [tensor for graph in model.subgraphs for tensor in graph.tensors]
    kept: list[bytes] = [b""]
    place_of: dict[bytes, int] = {}
    for old in sorted({tensor.buffer for tensor in tensors}):
        content = contents[old]
        if old and (not content or content not in place_of):
            place_of[content] = len(kept)
            kept.append(content)
        places = 0 if old == 0 else place_of[content]
        for tensor in tensors:
            if tensor.buffer == old:
                tensor.buffer = -1 - places
    for tensor in tensors:
        tensor.buffer = -1 - tensor.buffer
    return kept


def _content(buffer: Any, data: bytes) -> bytes:
    """Bytes of a buffer, which may lie behind the flatbuffer (`offset` > 1) in files that were written for size."""
    if buffer.offset > 1:
        return data[buffer.offset : buffer.offset + buffer.size]
    return b"" if buffer.data is None else bytes(bytearray(buffer.data))


class _Buffer:
    """A buffer that packs itself with aligned content."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    def Pack(self, builder: Any) -> int:  # noqa: N802 - the name that the generated code calls
        """Write the content and its table."""
        from ai_edge_litert import schema_py_generated as schema

        place = None
        if self.content:
            builder.StartVector(1, len(self.content), _ALIGNMENT)
            builder.head = builder.Head() - len(self.content)
            builder.Bytes[builder.Head() : builder.Head() + len(self.content)] = self.content
            place = builder.EndVector()
        schema.BufferStart(builder)
        if place is not None:
            schema.BufferAddData(builder, place)
        return schema.BufferEnd(builder)
