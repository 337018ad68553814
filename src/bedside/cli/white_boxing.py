"""``bedside robustness --white-box``: the float network of the run, attacked with its gradients."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bedside.base.errors import InputError
from bedside.base.seam import Requirement, require
from bedside.bundle.opening import Bundle
from bedside.bundle.sealing import ModelFile
from bedside.cli.stress_request import StressMaterial, StressRequest
from bedside.verify.adversarial import AdversarialReport
from bedside.verify.attack_checks import LARGE_EPS

if TYPE_CHECKING:
    from torch import nn

_NEEDS = (
    Requirement("torch", "bedside[workshop]"),
    Requirement("art", "bedside[attack]"),
    Requirement("multiprocess", "bedside[attack]"),
)
_WORK, _SINGLE = ".work", ".bedside"


def bundle_of(path: Path) -> Path:
    """Return the bundle that a work folder stands beside; any other path is a bundle's own."""
    return path.with_name(path.name.removesuffix(_WORK)) if path.name.endswith(_WORK) else path


def work_of(path: Path) -> Path:
    """Return the work folder beside a bundle, folder or single file; a work folder is its own."""
    return path if path.name.endswith(_WORK) else path.with_name(path.name.removesuffix(_SINGLE) + _WORK)


def white_boxed(request: StressRequest, bundle: Bundle) -> "nn.Module":
    """Rebuild the float network before anything is measured, so that a lost work folder is noticed at once.

    Raises
    ------
    InputError
        If the work folder is gone or is another run's, or --attack is asked for beside it.
    MissingPackageError
        Without torch or the attacks' toolbox.
    """
    if request.attack is not None:
        raise InputError(
            "--white-box holds the attack that --attack names", expected="one of them", hint="leave --attack out"
        )
    require("white-box attacks", _NEEDS)
    from bedside.attack_stops import float_network_of

    return float_network_of(bundle, work_of(request.bundle.resolve()))


def white_box_report(
    request: StressRequest, material: StressMaterial, network: "nn.Module", eps: tuple[int, ...], tick
) -> AdversarialReport:
    """FGSM, PGD, AutoAttack and Square on the float network; their transfer and Square on the file that ships.

    The size at which every working attack must win is added to those that were asked for.
    """
    from bedside.attack_stops import attacked

    rows = np.arange(len(material.images))[:: -(-len(material.images) // max(1, request.attack_images))]
    manifest, shipped = material.bundle.manifest, material.shipped
    file = ModelFile(artifact=shipped.artifact, folder=material.bundle.models_folder, point=shipped.point)
    return attacked(
        network, material.own_fp32.point, file, manifest.task, manifest.preprocess, material.images[rows],
        material.targets[rows], tuple(material.units[i] for i in rows), eps_levels=sorted({*eps, LARGE_EPS}),
        n_queries=request.queries, seed=request.seed, tick=tick,
    )  # fmt: skip
