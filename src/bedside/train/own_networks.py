"""A user's own network: ``python:package.module:callable`` or ``python:file.py:callable``, and its weights."""

import importlib
import importlib.util
import sys
from pathlib import Path
from typing import Any

from torch import nn

from bedside.base.digest import Digest, digest_file
from bedside.base.errors import InputError
from bedside.train.architecture import Architecture

PREFIX = "python:"


def from_callable(architecture: Architecture) -> nn.Module:
    """Call what ``python:WHERE:NAME`` names; it takes no arguments and returns the network.

    Raises
    ------
    InputError
        If the file, the module or the callable isn't there, or what it returns is no `nn.Module`.
    """
    where, colon, name = architecture.family.removeprefix(PREFIX).rpartition(":")
    if not colon or not where or not name:
        raise InputError(
            f"{architecture.family.removeprefix(PREFIX)!r} does not name a network",
            expected="package.module:callable or file.py:callable", hint="such as nets.py:make_network",
        )  # fmt: skip
    maker = getattr(_module(where), name, None)
    if not callable(maker):
        raise InputError(f"{where} has no callable {name!r}", expected="a function that returns an nn.Module",
                         hint="check the name behind the colon")  # fmt: skip
    try:
        network = maker()
    except TypeError as error:
        raise InputError(f"{name} cannot be called: {error}", expected="a callable without arguments",
                         hint="wrap it in a function that needs none") from error  # fmt: skip
    if not isinstance(network, nn.Module):
        raise InputError(f"{where}:{name} returns {type(network).__name__}", expected="an nn.Module",
                         hint="return the network itself")  # fmt: skip
    return network


def _module(where: str) -> Any:
    if not where.endswith(".py"):
        sys.path.insert(0, str(Path.cwd()))
        try:
            return importlib.import_module(where)
        except ImportError as error:
            raise InputError(
                f"the module {where!r} cannot be imported: {error}",
                expected="an installed module, or one in this folder", hint="check the name, or install its package",
            ) from error  # fmt: skip
        finally:
            sys.path.remove(str(Path.cwd()))
    path = Path(where)
    found = importlib.util.spec_from_file_location(f"bedside_own_{path.stem}", path)
    if not path.is_file() or found is None or found.loader is None:
        raise InputError(f"there is no file {where}", expected="a Python file", hint="check the path")
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def digest_source(architecture: Architecture) -> Digest:
    """Digest of the file that the callable stands in: other code may be another network with the same weights."""
    where = architecture.family.removeprefix(PREFIX).rpartition(":")[0]
    return digest_file(Path(str(_module(where).__file__)))


def read_state(path: Path) -> dict[str, Any]:
    """Read a state dict (safetensors, or a PyTorch file read with ``weights_only``); names to tensors.

    Raises
    ------
    InputError
        If the file isn't there, can't be read, or holds code.
    """
    import torch
    from safetensors.torch import load

    if not path.is_file():
        raise InputError(
            f"there are no weights at {path}", expected="a .safetensors or .pt file", hint="check the path"
        )
    try:
        is_safe = path.suffix == ".safetensors"
        held: Any = load(path.read_bytes()) if is_safe else torch.load(path, weights_only=True, map_location="cpu")
    except Exception as error:  # a damaged or hostile file raises whatever its bytes spell
        raise InputError(
            f"{path.name} cannot be read as weights: {[*str(error).splitlines(), type(error).__name__][0][:200]}",
            expected="a state dict, saved by safetensors or torch.save(model.state_dict(), path)",
            hint="save the state dict, not the module",
        ) from error
    return held.get("state_dict", held) if isinstance(held, dict) else {}


def load_own_weights(model: nn.Module, path: Path) -> nn.Module:
    """Load a state dict (safetensors, or a PyTorch file read with ``weights_only``) into the network, strictly.

    Raises
    ------
    InputError
        If the file can't be read, holds code, or its weights are not those of the network; the first names are given.
    """
    state: Any = read_state(path)
    if wrong := sorted(set(model.state_dict()) ^ set(state)):
        raise InputError(
            f"{path.name} does not fit the network: {', '.join(map(str, wrong[:5]))}",
            expected="the network's own names, no more and no less", hint="save the weights of the same network",
        )  # fmt: skip
    try:
        model.load_state_dict(state, strict=True)
    except RuntimeError as error:
        raise InputError(
            f"{path.name} does not fit the network: {str(error).splitlines()[-1].strip()}",
            expected="weights of the same shapes", hint="check the network's arguments",
        ) from error  # fmt: skip
    return model.eval()
