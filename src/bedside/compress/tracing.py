"""Can a network be run and exported? If not, which layer is in the way."""

from typing import TYPE_CHECKING, Any

from bedside.base.errors import TraceError
from bedside.base.task import TensorSpec

if TYPE_CHECKING:
    from torch import nn


def check_runs(model: "nn.Module", spec: TensorSpec, *, gives_maps: bool = False) -> None:
    """Run one image through the network.

    Parameters
    ----------
    gives_maps
        Whether its answer is a map of logits, as of outlines and boxes, rather than one logit a class.

    Raises
    ------
    TraceError
        With the innermost layer that failed, or if the output isn't ``(1, K)``, of maps ``(1, K, ...)``.
    """
    import torch

    logits = "logits (1, K, ...)" if gives_maps else "logits (1, K)"
    entered: list[str] = []
    hooks = _name_hooks(model, entered)
    network: Any = model.eval()
    try:
        with torch.no_grad():
            output = network(torch.zeros(1, *spec.shape))
    except Exception as error:  # a stranger's network raises whatever it likes
        raise TraceError(
            f"the network fails on an input of {(1, *spec.shape)} in the layer {_named(entered)}: "
            f"{type(error).__name__}: {_first_line(error)}",
            expected=f"a module that maps (1, {', '.join(map(str, spec.shape))}) to {logits}",
            hint="check --input, and that layer's shapes",
        ) from error
    finally:
        for hook in hooks:
            hook.remove()
    if not isinstance(output, torch.Tensor) or (output.ndim <= 2 if gives_maps else output.ndim != 2):
        got = tuple(output.shape) if isinstance(output, torch.Tensor) else type(output).__name__
        raise TraceError(
            f"the network returns {got} for one image", expected=f"a tensor of {logits}",
            hint="wrap it in a module that returns the logits alone",
        )  # fmt: skip


def check_exports(model: "nn.Module", spec: TensorSpec) -> None:
    """Capture the network's graph as the exporters will.

    Raises
    ------
    TraceError
        With the innermost layer that cannot be captured, such as one whose control flow depends on the data.
    """
    import torch

    check_runs(model, spec)
    sample = (torch.zeros(1, *spec.shape),)
    if (error := _export_error(model, sample)) is None:
        return
    name, kind, error = _innermost(model, sample, error)
    raise TraceError(
        f"the network cannot be exported: the layer {name!r} ({kind}) cannot be traced: "
        f"{type(error).__name__}: {_first_line(error)}",
        expected="a forward pass that is the same for every image",
        hint=f"in {kind}.forward, replace branches and loops over tensor values by torch.where or masks",
    ) from error


def _innermost(model: "nn.Module", sample: tuple[Any, ...], error: Exception) -> tuple[str, str, Exception]:
    """Descend to the smallest module that fails by itself on what it is given."""
    path, module, inputs = [], model, sample
    while True:
        children = dict(module.named_children())
        given = _inputs_of(module, children, inputs)
        failures = ((name, _export_error(children[name], args)) for name, args in given.items())
        name, found = next(((name, found) for name, found in failures if found is not None), ("", None))
        if found is None:
            return ".".join(path) or "the network itself", type(module).__name__, error
        path.append(name)
        module, inputs, error = children[name], given[name], found


def _inputs_of(module: Any, children: dict[str, "nn.Module"], inputs: tuple[Any, ...]) -> dict[str, tuple[Any, ...]]:
    """What each child is given when the module runs."""
    import torch

    given: dict[str, tuple[Any, ...]] = {}

    def keeper(name: str) -> Any:
        def keep(layer: Any, args: tuple[Any, ...]) -> None:
            given[name] = args

        return keep

    hooks = [child.register_forward_pre_hook(keeper(name)) for name, child in children.items()]
    with torch.no_grad():
        module(*inputs)
    for hook in hooks:
        hook.remove()
    return given


def _export_error(module: "nn.Module", inputs: tuple[Any, ...]) -> Exception | None:
    import torch

    try:
        torch.export.export(module.eval(), inputs)
    except Exception as error:  # torch.export raises a dozen kinds
        return error
    return None


def _name_hooks(model: "nn.Module", entered: list[str]) -> list[Any]:
    """Keep a stack of the modules that are being run: after a failure its top is the culprit."""
    hooks: list[Any] = []
    for name, module in model.named_modules():
        hooks.append(module.register_forward_pre_hook(lambda layer, args, name=name: entered.append(name)))
        hooks.append(module.register_forward_hook(lambda layer, args, output: (entered.pop(), None)[1]))
    return hooks


def _named(entered: list[str]) -> str:
    return repr(entered[-1]) if entered and entered[-1] else "'the network itself'"


def _first_line(error: Exception) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[0][:200] if lines else "no message"
