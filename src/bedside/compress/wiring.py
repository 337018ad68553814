"""Which layer feeds which: the captured graph, each operation named by the layer whose weights it applies."""

from collections import Counter
from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bedside.base.errors import TraceError
from bedside.base.task import TensorSpec

if TYPE_CHECKING:
    from torch import nn
    from torch.fx import Node

_WEIGHTED = ("conv", "linear", "batch_norm")


@dataclass(frozen=True, slots=True)
class Wiring:
    """The operations of one network in order of running.

    Parameters
    ----------
    nodes
        Every operation, as torch.export captures it (ATen, not decomposed).
    layer_of
        Path of the layer whose ``weight`` a convolution, linear layer or batch norm applies; a layer that runs twice,
        or whose weight is computed (a parametrization), is not among them.
    """

    nodes: "tuple[Node, ...]"
    layer_of: "dict[Node, str]"

    def kind(self, node: "Node") -> str:
        """Name of an operation without overload and in-place mark, such as ``conv2d``."""
        return str(node.target).split(".")[1].rstrip("_") if node.op == "call_function" else node.op

    def only_reader(self, node: "Node") -> "Node | None":
        """The one operation that reads the result, or None where several do, or the network returns it."""
        readers = list(node.users)
        return readers[0] if len(readers) == 1 and readers[0].op == "call_function" else None


def wiring_of(model: "nn.Module", spec: TensorSpec) -> Wiring:
    """Capture a copy of the network in evaluation mode.

    Raises
    ------
    TraceError
        If it cannot be captured.
    """
    import torch

    try:
        program = torch.export.export(deepcopy(model).eval(), (torch.zeros(1, *spec.shape),))
    except Exception as error:  # a stranger's network raises whatever it likes
        raise TraceError(
            f"the network cannot be captured: {type(error).__name__}: {str(error).strip().splitlines()[0][:200]}",
            expected=f"a module that maps (1, {', '.join(map(str, spec.shape))}), with the same path for every image",
            hint="bedside.compress.tracing.check_exports names the layer",
        ) from error
    parameters = dict(program.graph_signature.inputs_to_parameters)
    nodes = tuple(program.graph.nodes)
    found = {node: path for node in nodes if (path := _layer(node, parameters))}
    uses = Counter(found.values())
    modules = dict(model.named_modules())
    return Wiring(nodes, {n: p for n, p in found.items() if uses[p] == 1 and _owns_weight(modules.get(p))})


def _layer(node: Any, parameters: dict[str, str]) -> str:
    """Path of the layer whose weight an operation is given as its second argument, or nothing."""
    if node.op != "call_function" or not any(word in str(node.target) for word in _WEIGHTED):
        return ""
    weight = node.args[1] if len(node.args) > 1 else None
    path = parameters.get(getattr(weight, "name", ""), "")
    return path.removesuffix(".weight") if path.endswith(".weight") else ""


def _owns_weight(module: Any) -> bool:
    return module is not None and "weight" in getattr(module, "_parameters", {})
