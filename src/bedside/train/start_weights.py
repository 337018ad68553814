"""Start weights from a file of one's own: another hospital's network, a hub's download, or `bedside pretrain`."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bedside.base.digest import Digest, digest_file
from bedside.base.errors import InputError
from bedside.train.architecture import Architecture, build

if TYPE_CHECKING:
    from torch import Tensor, nn

LEAST_SHARE_FRAC = 0.5
"""A file that has less than this share of a network's weights (counted in numbers, not in names) does not fit it."""

_WRAPPERS = ("module.", "model.", "backbone.", "encoder.", "network.")


@dataclass(frozen=True, slots=True, kw_only=True)
class StartFile:
    """A file of start weights; its digest enters the lineage."""

    path: Path
    digest: Digest

    @property
    def title(self) -> str:
        """Name and digest, as the model card gives them."""
        return f"{self.path.name} (SHA-256 {self.digest})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What came of loading.

    Parameters
    ----------
    share_frac
        Share of the network's weights that the file provided.
    fresh
        Names of weights that keep their random start: the classifier, as a rule.
    """

    share_frac: float
    fresh: tuple[str, ...]


def start_file(path: Path) -> StartFile:
    """Name a file as start weights.

    Raises
    ------
    InputError
        If it isn't there, or is no state dict.
    """
    from bedside.train.own_networks import read_state

    read_state(path)
    return StartFile(path=path, digest=digest_file(path))


def started(architecture: Architecture, *, seed: int, start: StartFile | None = None) -> "nn.Module":
    """Build a network and give it the start weights where they fit; otherwise it begins as its architecture says."""
    from bedside.train.own_networks import read_state

    if start is None:
        return build(architecture, seed=seed)
    state = read_state(start.path)
    bare = build(replace(architecture, pretrained=False), seed=seed)
    if share_of(bare, state) < LEAST_SHARE_FRAC:
        return build(architecture, seed=seed)
    load_start_weights(bare, state)
    return bare


def share_of(model: "nn.Module", state: Mapping[str, Any]) -> float:
    """Share of the network's weights, in numbers, that a state dict has under the same names and in the same shapes."""
    own = model.state_dict()
    matched = _matched(own, state)
    total = sum(value.numel() for value in own.values())
    return sum(own[key].numel() for key in matched) / max(1, total)


def load_start_weights(model: "nn.Module", state: Mapping[str, Any]) -> Loaded:
    """Load all weights that fit by name and shape, in place; the rest keep their random start.

    Wrappers' prefixes such as ``module.`` or ``backbone.`` are ignored, and a first convolution of three channels
    becomes one of one channel as in `bedside.train.transfer.adapt_channels`.

    Raises
    ------
    InputError
        If the file has less than half of the network: another family, or another width.
    """
    own = model.state_dict()
    matched = _matched(own, state)
    share_frac = share_of(model, state)
    if share_frac < LEAST_SHARE_FRAC:
        lacking = [key for key in own if key not in matched]
        raise InputError(
            f"the start weights have {share_frac:.0%} of the network; it lacks {', '.join(lacking[:3])}",
            expected=f"at least {LEAST_SHARE_FRAC:.0%}, under the network's own names and shapes",
            hint="give the weights of the same family and width",
        )
    model.load_state_dict({**own, **matched}, strict=True)
    return Loaded(share_frac=share_frac, fresh=tuple(key for key in own if key not in matched))


def _matched(own: Mapping[str, "Tensor"], state: Mapping[str, Any]) -> dict[str, "Tensor"]:
    from torch import Tensor

    from bedside.train.transfer import adapt_channels

    plain = {_bare(key): value for key, value in state.items() if isinstance(value, Tensor)}
    found: dict[str, Tensor] = {}
    for key, value in own.items():
        theirs = plain.get(_bare(key))
        if theirs is None:
            continue
        if theirs.ndim == 4 and value.ndim == 4 and theirs.shape[1] == 3 and value.shape[1] == 1:
            theirs = adapt_channels(theirs, 1)
        if theirs.shape == value.shape:
            found[key] = theirs.to(value.dtype)
    return found


def _bare(key: str) -> str:
    while prefix := next((wrapper for wrapper in _WRAPPERS if key.startswith(wrapper)), ""):
        key = key.removeprefix(prefix)
    return key
