"""How far apart two networks are inside: attention maps, hints, relations; batches of maps in, scalars out."""

import torch
from torch.nn import functional

EPS = 1e-12


def attention_map(maps: torch.Tensor) -> torch.Tensor:
    """Where a network looks: the mean of squares over channels, ``(N, C, H, W)`` to ``(N, H * W)`` of length one."""
    return functional.normalize(maps.pow(2).mean(1).flatten(1), dim=1)


def attention_loss(student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    """Mean square distance of attention maps ``(N, P)`` (Zagoruyko & Komodakis, ICLR 2017, equation 2, squared)."""
    return (student - teacher).pow(2).mean()


def hint_loss(guessed: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    """Half the mean square error of regressed maps (Romero et al., ICLR 2015, equation 3)."""
    return 0.5 * (guessed - teacher).pow(2).mean()


def distance_loss(student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    """Huber loss of pairwise distances, each set in units of its own mean (Park et al., CVPR 2019, equation 6).

    Both are ``(N, d)`` and ``(N, e)``: the widths may differ.
    """
    return functional.smooth_l1_loss(_distances(student), _distances(teacher))


def _distances(points: torch.Tensor) -> torch.Tensor:
    """Distances ``(N, N)`` over the mean of those that are above zero; nought along the diagonal."""
    squares = points.pow(2).sum(1)
    products = points @ points.T
    squared = (squares[:, None] + squares[None, :] - 2 * products).clamp(min=EPS)
    apart = squared.sqrt() * (1 - torch.eye(len(points), dtype=points.dtype))
    mean = apart[apart > EPS**0.5].mean() if bool((apart > EPS**0.5).any()) else torch.ones(())
    return apart / mean


def angle_loss(student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    """Huber loss of the cosines of the angles in every triplet (Park et al., CVPR 2019, equation 8)."""
    return functional.smooth_l1_loss(_angles(student), _angles(teacher))


def _angles(points: torch.Tensor) -> torch.Tensor:
    """Cosine of the angle at ``j`` between ``i`` and ``k``, ``(N, N, N)``."""
    towards = functional.normalize(points[None, :] - points[:, None], dim=2, eps=1e-6)
    return torch.bmm(towards, towards.transpose(1, 2))
