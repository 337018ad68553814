"""Adversarial training: the network learns from images that were changed against it (Madry et al., ICLR 2018)."""

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from bedside.base.errors import InputError
from bedside.data.preprocess import Preprocess


@dataclass(frozen=True, slots=True, kw_only=True)
class Hardening:
    """How development images are changed while fitting.

    Parameters
    ----------
    eps_levels
        Largest change of a pixel, in grey levels of 255.
    n_steps
        Steps of projected gradient from a random start; 1 is the fast version of Wong, Rice & Kolter (ICLR 2020).
    share_frac
        Share of each batch that is changed; the rest keeps the accuracy on clean images.
    """

    eps_levels: float
    n_steps: int = 3
    share_frac: float = 0.5

    def __post_init__(self) -> None:
        if not 0 < self.eps_levels <= 255 or self.n_steps < 1 or not 0 < self.share_frac <= 1:
            raise InputError(
                f"adversarial training with {self.eps_levels} grey levels, {self.n_steps} steps, {self.share_frac}",
                expected="above 0 and at most 255 levels, 1 step or more, a share above 0 and at most 1",
                hint="leave it out for ordinary training",
            )


def harden(
    model: nn.Module,
    images: torch.Tensor,
    labels: torch.Tensor,
    preprocess: Preprocess,
    hardening: Hardening,
    *,
    seed: int,
) -> torch.Tensor:
    """Change the first share of a normalized batch ``(N, C, H, W)`` against the network as it stands.

    The network is in evaluation mode meanwhile, so that its batch statistics see no step of the search, and the global
    random state is not touched.
    """
    n = max(1, round(hardening.share_frac * len(images)))
    clean, target = images[:n].detach(), labels[:n]
    eps = hardening.eps_levels / preprocess.std
    low, high = -preprocess.mean / preprocess.std, (255 - preprocess.mean) / preprocess.std
    dice = torch.Generator().manual_seed(seed)
    found = clean + eps * (2 * torch.rand(clean.shape, generator=dice) - 1)
    was_training = model.training
    model.eval()
    for _ in range(hardening.n_steps):
        found = found.clamp(low, high).detach().requires_grad_(True)
        loss = functional.cross_entropy(model(found), target, reduction="sum")
        (slope,) = torch.autograd.grad(loss, found)
        found = found.detach() + 1.25 * eps / hardening.n_steps * slope.sign()
        found = clean + (found - clean).clamp(-eps, eps)
    model.train(was_training)
    return torch.cat([found.clamp(low, high).detach(), images[n:]]).contiguous(memory_format=torch.channels_last)
