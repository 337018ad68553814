"""Class activation map from a file's own features: one more run, no gradient (Zhou et al., CVPR 2016)."""

import numpy as np

from bedside.base.arrays import FloatArray
from bedside.base.errors import InputError
from bedside.runtime.features import ShowsFeatures
from bedside.runtime.session import Session
from bedside.verify.content import content_box
from bedside.verify.operating_point import OperatingPoint


def class_activation_map(session: Session, image: FloatArray, point: OperatingPoint, class_index: int) -> FloatArray:
    """Map what each place adds to one class, beyond what it adds to the classes on average.

    The logit is the mean over places of ``w_k . f(x, y)``; a class's map is ``relu((w_k - mean_j w_j) . f(x, y))``.
    Softmax does not change when every class gains the same, and by the subtraction neither does the map.

    Parameters
    ----------
    image
        One preprocessed ``(C, H, W)`` image. The constant bars of a letterbox are never hot.

    Returns
    -------
    FloatArray
        ``(H, W)`` in [0, 1], the hottest place scaled to 1; all zero where no place speaks for the class.

    Raises
    ------
    InputError
        If the session does not show its features (LiteRT's does), or the network has another head.
    """
    if not isinstance(session, ShowsFeatures):
        raise InputError(
            f"a {type(session).__name__} shows no features", expected="a LiteRT model",
            hint="use --format litert, or the methods occlusion or rise",
        )  # fmt: skip
    found = session.last_features(image)
    weight = found.weights[class_index] - found.weights.mean(axis=0)
    coarse = np.maximum(0, np.tensordot(weight.astype(np.float64), found.features.astype(np.float64), axes=1))
    heat, box = np.zeros(image.shape[1:]), content_box(image)
    heat[box] = enlarged(coarse, *image.shape[1:])[box]
    return heat / heat.max() if heat.max() > 1e-9 else np.zeros_like(heat)


def enlarged(coarse: FloatArray, height: int, width: int) -> FloatArray:
    """Bilinear enlargement of ``(h, w)`` with pixel centres in their places, the rim repeated."""
    rows, columns = _weights(coarse.shape[0], height), _weights(coarse.shape[1], width)
    return rows @ coarse @ columns.T


def _weights(n_from: int, n_to: int) -> FloatArray:
    """What each of `n_to` places takes from `n_from`, ``(n_to, n_from)``; rows add up to 1."""
    at = np.clip((np.arange(n_to) + 0.5) * n_from / n_to - 0.5, 0, n_from - 1)
    return np.maximum(0, 1 - np.abs(at[:, None] - np.arange(n_from)[None]))
