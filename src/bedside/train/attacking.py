"""White-box attacks on the float network, by the Adversarial Robustness Toolbox; the only file that knows it.

Sources: FGSM, Goodfellow et al., ICLR 2015; PGD, Madry et al., ICLR 2018; AutoAttack, Croce & Hein, ICML 2020.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from bedside.base.arrays import ByteArray, FloatArray, IntArray
from bedside.base.errors import InputError
from bedside.base.seam import Requirement, require
from bedside.data.preprocess import Preprocess

if TYPE_CHECKING:
    from torch import nn

REQUIRES = (
    Requirement("art", "adversarial-robustness-toolbox"),
    Requirement("multiprocess", "multiprocess"),
    Requirement("torch", "bedside[workshop]"),
)
WhiteBox = Literal["fgsm", "pgd", "autoattack"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AttackPlan:
    """How a white-box attack is run.

    Parameters
    ----------
    n_steps
        Steps of gradient of PGD and AutoPGD, queries of the Square attack inside AutoAttack; FGSM takes one.
    n_restarts
        Random starts of PGD and AutoPGD.
    """

    attack: WhiteBox
    n_steps: int = 40
    n_restarts: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        if self.attack not in ("fgsm", "pgd", "autoattack") or self.n_steps < 1 or self.n_restarts < 1:
            raise InputError(
                f"an attack {self.attack!r} of {self.n_steps} steps and {self.n_restarts} restarts",
                expected="fgsm, pgd or autoattack, 1 or more of each",
                hint="correct the plan",
            )


def white_box(
    model: "nn.Module",
    images: ByteArray,
    labels: IntArray,
    preprocess: Preprocess,
    plan: AttackPlan,
    *,
    eps_levels: int,
    offset: FloatArray | None = None,
) -> ByteArray:
    """Images within `eps_levels` grey levels of the given ones that the network shall get wrong; it is left as it was.

    Parameters
    ----------
    images, labels
        ``(n, C, H, W)`` uint8 after `Preprocess.geometry`, and their true classes.
    offset
        ``(K,)`` added to the logits, so that the largest one is the call at a locked threshold rather than the most
        probable class; none by default.

    Returns
    -------
    ByteArray
        Rounded to whole grey levels, which leaves the distance as it is, so that each could be stored and sent.

    Raises
    ------
    MissingPackageError
        Without the extra ``attack``.
    """
    require("white-box attacks", REQUIRES)
    classifier = _classifier(model, images.shape[1:], preprocess, offset)
    with _seeded(plan.seed), _quiet_bars():
        attack = _attack(classifier, plan, float(eps_levels))
        found = attack.generate(x=images.astype(np.float32), y=labels)
    clean = images.astype(np.int16)
    return np.clip(np.round(found), clean - eps_levels, clean + eps_levels).clip(0, 255).astype(np.uint8)


def _classifier(model: "nn.Module", shape: tuple[int, ...], preprocess: Preprocess, offset: FloatArray | None) -> Any:
    from copy import deepcopy

    import torch
    from art.estimators.classification import PyTorchClassifier
    from torch import nn

    class Shifted(nn.Module):
        """The network with the operating point's offset on its logits."""

        def __init__(self, inner: nn.Module, shift: torch.Tensor) -> None:
            super().__init__()
            self.inner = inner
            self.register_buffer("shift", shift)

        def forward(self, batch: torch.Tensor) -> torch.Tensor:
            return self.inner(batch) + self.shift

    copy = deepcopy(model).eval()
    for parameter in copy.parameters():
        parameter.requires_grad_(False)
    last = [m for m in copy.modules() if isinstance(m, nn.Linear | nn.Conv2d)][-1]
    n_classes = last.out_features if isinstance(last, nn.Linear) else last.out_channels
    shift = np.zeros(n_classes) if offset is None else offset
    return PyTorchClassifier(
        model=Shifted(copy, torch.tensor(shift, dtype=torch.float32)).eval(),
        loss=nn.CrossEntropyLoss(),
        input_shape=tuple(shape),
        nb_classes=n_classes,
        clip_values=(0.0, 255.0),
        preprocessing=(preprocess.mean, preprocess.std),
        device_type="cpu",
    )


def _attack(classifier: Any, plan: AttackPlan, eps: float) -> Any:
    from art.attacks.evasion import FastGradientMethod, ProjectedGradientDescentPyTorch

    if plan.attack == "fgsm":
        return FastGradientMethod(classifier, norm=np.inf, eps=eps, eps_step=eps, batch_size=128)
    if plan.attack == "pgd":
        return ProjectedGradientDescentPyTorch(
            classifier, norm=np.inf, eps=eps, eps_step=2.5 * eps / plan.n_steps, max_iter=plan.n_steps,
            num_random_init=plan.n_restarts, batch_size=128, verbose=False,
        )  # fmt: skip
    return _autoattack(classifier, plan, eps)


def _autoattack(classifier: Any, plan: AttackPlan, eps: float) -> Any:
    """AutoPGD on cross-entropy, on the logit ratio where it is defined (three classes and more), and Square."""
    from art.attacks.evasion import AutoAttack, AutoProjectedGradientDescent, SquareAttack

    losses = ["cross_entropy"] if classifier.nb_classes < 3 else ["cross_entropy", "difference_logits_ratio"]
    parts = [
        AutoProjectedGradientDescent(
            classifier, norm=np.inf, eps=eps, eps_step=2 * eps, max_iter=plan.n_steps, nb_random_init=plan.n_restarts,
            batch_size=128, loss_type=loss, verbose=False,
        )
        for loss in losses
    ]  # fmt: skip
    square = SquareAttack(
        classifier, norm=np.inf, max_iter=plan.n_steps, eps=eps, p_init=0.8, nb_restarts=1, batch_size=128,
        verbose=False,
    )  # fmt: skip
    return AutoAttack(classifier, norm=np.inf, eps=eps, eps_step=2 * eps, attacks=[*parts, square], batch_size=128)


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Seed the global generators, which the toolbox draws from, and put them back as they were."""
    import torch

    numpy_state = np.random.get_state()  # noqa: NPY002 - not ours to choose: the toolbox reads it
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        np.random.seed(seed)  # noqa: NPY002
        try:
            yield
        finally:
            np.random.set_state(numpy_state)  # noqa: NPY002


@contextmanager
def _quiet_bars() -> Iterator[None]:
    """Keep the toolbox's progress bars off the terminal."""
    import os

    before = os.environ.get("TQDM_DISABLE")
    os.environ["TQDM_DISABLE"] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ["TQDM_DISABLE"]
        else:
            os.environ["TQDM_DISABLE"] = before
