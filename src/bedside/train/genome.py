"""A light network as one readable line: block, kernel, expansion, depth and width of each stage, attention, exits."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bedside.base.errors import RecipeError

KINDS = ("inverted", "ghost", "fire", "rep", "residual")
ATTENTIONS = ("none", "se", "eca", "cbam", "coord")
ACTIVATIONS = ("relu6", "relu", "hardswish")
KERNELS_PX = (3, 5, 7)
MOST = {"expansions": 8, "depths": 8, "widths": 512, "stages": 6}
"""Upper limits of what a genome may ask for."""

_USUAL = {"kinds": "inverted", "kernels_px": 3, "expansions": 4, "depths": 2, "attentions": "none"}
_NUMBERS = {"k": "kernels_px", "e": "expansions", "d": "depths", "w": "widths"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Genome:
    """What the family ``elastic`` builds; every tuple has one entry a stage, but `exits`.

    Parameters
    ----------
    kinds
        Block of each stage, of `KINDS`.
    kernels_px
        Side of its spatial kernels: 3, 5 or 7.
    expansions
        How wide a block is inside: inverted and ghost blocks have ``e`` times their input's channels; residual blocks
        ``e / 4`` and fire modules ``e / 24`` (the squeeze) of their output's; rep blocks are trained with ``e``
        parallel branches and shipped with one.
    depths
        Blocks of each stage.
    widths
        Channels of each stage, multiples of 8, before the architecture's width multiplies them.
    attentions
        Of `ATTENTIONS`, in every block of the stage.
    activation
        Of `ACTIVATIONS`.
    exits
        Stages, counted from 1, after which a further head is trained with the network; see `at_exit`.

    Raises
    ------
    RecipeError
        If the genome cannot be built.
    """

    kinds: tuple[str, ...]
    kernels_px: tuple[int, ...]
    expansions: tuple[int, ...]
    depths: tuple[int, ...]
    widths: tuple[int, ...]
    attentions: tuple[str, ...]
    activation: str = "relu6"
    exits: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        n = len(self.widths)
        for name in ("kinds", "kernels_px", "expansions", "depths", "attentions"):
            if len(getattr(self, name)) != n:
                raise _refusal(f"{len(getattr(self, name))} {name} for {n} stages", "one a stage, or one for all")
        _check_among("stages", [n], range(1, MOST["stages"] + 1))
        _check_among("block", self.kinds, KINDS)
        _check_among("attention", self.attentions, ATTENTIONS)
        _check_among("activation", [self.activation], ACTIVATIONS)
        _check_among("kernel", self.kernels_px, KERNELS_PX)
        _check_among("expansion", self.expansions, range(1, MOST["expansions"] + 1))
        _check_among("depth", self.depths, range(1, MOST["depths"] + 1))
        _check_among("width", self.widths, range(8, MOST["widths"] + 1, 8))
        _check_among("exit", self.exits, range(1, n))
        if list(self.exits) != sorted(set(self.exits)):
            raise _refusal(f"the exits {self.exits}", "rising stages")

    @property
    def n_stages(self) -> int:
        """How many stages there are."""
        return len(self.widths)

    @property
    def text(self) -> str:
        """The genome as a line, such as ``inverted-k3-e4-d1.2.2-w16.24.40-eca``; what is usual is left out."""
        parts = [_joined(self.kinds), *(f"{letter}{_joined(getattr(self, name))}" for letter, name in _NUMBERS.items())]
        parts[-1] = "w" + ".".join(map(str, self.widths))
        if set(self.attentions) != {"none"}:
            parts.append(_joined(self.attentions))
        if self.activation != "relu6":
            parts.append(self.activation)
        if self.exits:
            parts.append("exit" + ".".join(map(str, self.exits)))
        return "-".join(parts)

    @property
    def family(self) -> str:
        """Name of the family for `bedside.train.architecture.Architecture`."""
        return f"elastic:{self.text}"

    @classmethod
    def parse(cls, text: str) -> "Genome":
        """Read a line as `text` writes it, with or without the family's name before it.

        Fields are joined by ``-`` and may come in any order; values of stages are joined by ``.``, and one value
        stands for all stages. ``w`` states one a stage and cannot be left out; the others default to ``inverted``,
        ``k3``, ``e4``, ``d2``, ``none``, ``relu6`` and no exits.

        Examples
        --------
        >>> Genome.parse("ghost-k5-e3-d1.2-w16.32-se").depths
        (1, 2)
        """
        said: dict[str, Any] = {}
        for part in text.removeprefix("elastic:").split("-"):
            name, value = _read(part, text)
            if name in said:
                raise _refusal(f"{text!r} states its {name} twice", "each field once")
            said[name] = value
        if "widths" not in said:
            raise _refusal(f"{text!r} states no widths", "w16.24.40, one a stage")
        n = len(said["widths"])
        for name, value in _USUAL.items():
            said[name] = _spread(said.get(name, (value,)), n)
        return cls(**said)

    def at_exit(self, n_stages: int) -> "Genome":
        """The network that ends after so many stages, where this one has an exit or its own end."""
        if n_stages not in (*self.exits, self.n_stages):
            raise _refusal(f"an exit after stage {n_stages} of {self.text}", f"one of {(*self.exits, self.n_stages)}")
        per_stage = ("kinds", "kernels_px", "expansions", "depths", "widths", "attentions")
        cut = {name: getattr(self, name)[:n_stages] for name in per_stage}
        exits = tuple(k for k in self.exits if k < n_stages)
        return Genome(**cut, activation=self.activation, exits=exits)


def _read(part: str, text: str) -> tuple[str, Any]:
    values = tuple(part.split("."))
    if values[0] in KINDS:
        return "kinds", values
    if values[0] in ATTENTIONS:
        return "attentions", values
    if part in ACTIVATIONS:
        return "activation", part
    letters = "exit" if part.startswith("exit") else part[:1]
    name = "exits" if letters == "exit" else _NUMBERS.get(letters)
    numbers = part[len(letters) :].split(".")
    if name is None or not all(number.isascii() and number.isdigit() for number in numbers):
        raise _refusal(f"{part!r} in {text!r}", f"a field such as k3, e4, d1.2, w16.24, exit1, or one of "
                       f"{', '.join((*KINDS, *ATTENTIONS, *ACTIVATIONS))}")  # fmt: skip
    return name, tuple(map(int, numbers))


def _spread(values: tuple[Any, ...], n: int) -> tuple[Any, ...]:
    return values * n if len(values) == 1 else values


def _joined(values: Sequence[object]) -> str:
    return ".".join(map(str, values[:1] if len(set(values)) == 1 else values))


def _check_among(what: str, values: Sequence[object], known: Sequence[object]) -> None:
    for value in values:
        if value not in known:
            raise _refusal(f"{what} {value}", _listed(known))


def _listed(known: Sequence[object]) -> str:
    if isinstance(known, range) and known:
        return f"{known.start} to {known[-1]} in steps of {known.step}"
    return ", ".join(map(str, known)) or "none"


def _refusal(got: str, expected: str) -> RecipeError:
    return RecipeError(f"an elastic network with {got}", expected=expected, hint="see docs/explanation/light-blocks.md")
