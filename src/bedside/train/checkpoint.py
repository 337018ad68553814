"""Weights and the state of an unfinished fit, on disk."""

import io
from pathlib import Path
from typing import Any

import torch
from torch import nn

from bedside.base.digest import Digest, digest_array, digest_many
from bedside.base.files import write_atomic
from bedside.train.plan import EpochMark
from bedside.train.resizing import resized


def save_checkpoint(path: Path, state: Any) -> None:
    """Write the whole state of a fit, atomically."""
    held = {
        "model": state.model.state_dict(),
        "averaged": state.averaged.state_dict(),
        "optimizer": state.optimizer.state_dict(),
        "best_weights": state.best_weights,
        "epoch": state.epoch,
        "best_score": state.best_score,
        "best_epoch": state.best_epoch,
        "history": [(mark.epoch, mark.loss, mark.tuning_score) for mark in state.history],
    }
    if state.beside is not None:
        held["beside"] = state.beside.state_dict()
    buffer = io.BytesIO()
    torch.save(held, buffer)
    write_atomic(path, buffer.getvalue())


def load_checkpoint(path: Path, state: Any) -> bool:
    """Fill `state` from `path` if it is there and readable."""
    if not path.is_file():
        return False
    try:
        held = torch.load(path, weights_only=True)
    except Exception:  # a damaged pickle raises whatever its bytes happen to spell; the fit then starts again
        return False
    state.model.load_state_dict(held["model"])
    state.averaged.load_state_dict(held["averaged"])
    state.optimizer.load_state_dict(held["optimizer"])
    if state.beside is not None:
        state.beside.load_state_dict(held["beside"])
    for name in ("best_weights", "epoch", "best_score", "best_epoch"):
        setattr(state, name, held[name])
    state.history = [EpochMark(*mark) for mark in held["history"]]
    return True


def save_weights(model: nn.Module, path: Path) -> Digest:
    """Write the weights (safetensors) and return their digest."""
    from safetensors.torch import save

    held = {key: value.contiguous() for key, value in model.state_dict().items()}
    write_atomic(path, save(held))
    return weights_digest(model)


def load_weights(model: nn.Module, path: Path) -> nn.Module:
    """Load weights written by `save_weights`, pruned ones too; returns `model` in evaluation mode."""
    from safetensors.torch import load

    state = load(path.read_bytes())
    resized(model, state).load_state_dict(state, strict=True)
    return model.eval()


def weights_digest(model: nn.Module) -> Digest:
    """Digest of every weight and buffer, by name."""
    state = model.state_dict()
    return digest_many([f"{key} {digest_array(state[key].contiguous().numpy())}" for key in sorted(state)])


def shapes_digest(model: nn.Module) -> Digest:
    """Digest of the shape of every weight and buffer, by name: which network it is, whatever it has learned."""
    return digest_many([f"{key} {tuple(value.shape)}" for key, value in sorted(model.state_dict().items())])
