"""``bedside compress``."""

import os
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from bedside.base.errors import InputError
from bedside.base.seam import Requirement, require
from bedside.cli.optimizing import Request, load_request_cohort, show_result
from bedside.cli.terminal_watch import terminal_watch
from bedside.data.preprocess import Preprocess

_NEEDS = (Requirement("torch", "bedside[workshop]"), Requirement("torch_pruning", "bedside[workshop]"))


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnRequest:
    """What the command adds to the options of ``bedside optimize``."""

    model: str
    recipe: str
    weights: Path | None
    input_shape: str
    mean: float
    std: float

    def preprocess(self) -> Preprocess:
        """The input of the network.

        Raises
        ------
        InputError
            If the shape is not three whole numbers.
        """
        parts = self.input_shape.replace("x", ",").split(",")
        if len(parts) != 3 or not all(part.strip().isdigit() for part in parts):
            raise InputError(f"an input of {self.input_shape!r}", expected="C,H,W, such as 1,224,224",
                             hint="see --input")  # fmt: skip
        n_channels, height_px, width_px = (int(part) for part in parts)
        return Preprocess(n_channels=n_channels, height_px=height_px, width_px=width_px, mean=self.mean, std=self.std)


def run_compress(own_request: OwnRequest, request: Request) -> None:
    """Compress a user's network, then show what came of it."""
    require("bedside compress", _NEEDS)
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    console = Console()
    preprocess = own_request.preprocess()
    cohort = load_request_cohort(request, console)
    from bedside.own_model import OwnModel, compress_own

    own = OwnModel(callable_name=own_request.model, weights=own_request.weights, preprocess=preprocess)
    with terminal_watch(console) as watch:
        bundle = compress_own(
            own,
            cohort,
            own_request.recipe,
            request.budget(),
            **request.asked_of_any(),
            out=request.out,
            key=request.key,
            resume=request.resume,
            watch=watch,
        )
    show_result(console, bundle, request.out)
