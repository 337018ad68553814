"""Heat maps of any session, by name: a model file needs no gradients to be asked where it looks."""

from collections.abc import Callable
from typing import Protocol

import numpy as np

from bedside.base.arrays import FloatArray, IntArray
from bedside.base.seam import Seam
from bedside.runtime.session import Session
from bedside.verify.operating_point import OperatingPoint


class HeatMap(Protocol):
    """Where does the model look for one class?"""

    def __call__(self, session: Session, image: FloatArray, point: OperatingPoint, class_index: int) -> FloatArray:
        """Return ``(H, W)`` in [0, 1] for one preprocessed ``(C, H, W)`` image; all zero where nothing counts.

        A method that is named in `OF_VOLUMES` maps ``(C, D, H, W)`` to ``(D, H, W)`` too.
        """
        ...


HEAT_MAPS: Seam[HeatMap] = Seam(
    "bedside.heat_maps",
    {
        "occlusion": "bedside.verify.occlusion:occlusion_map",
        "rise": "bedside.verify.rise:RISE",
        "cam": "bedside.verify.cam:class_activation_map",
    },
)

OF_VOLUMES = ("occlusion",)
"""Methods that map volumes too: soft masks and class activations are made for two dimensions."""


def heat_maps(
    method: HeatMap,
    session: Session,
    images: FloatArray,
    classes: IntArray,
    point: OperatingPoint,
    *,
    tick: Callable[[int, int], None] = lambda done, total: None,
) -> FloatArray:
    """Map every image for its own class.

    Parameters
    ----------
    images, classes
        Preprocessed ``(n, C, H, W)`` and the class that each is mapped for, ``(n,)``.

    Returns
    -------
    FloatArray
        ``(n, H, W)`` in [0, 1].
    """
    maps = np.zeros((len(images), *images.shape[2:]))
    for i, (image, class_index) in enumerate(zip(images, classes, strict=True)):
        maps[i] = method(session, image, point, int(class_index))
        tick(i + 1, len(images))
    return maps


def is_blank(maps: FloatArray) -> np.ndarray:
    """Which of the maps ``(n, H, W)`` are of one value only, ``(n,)`` bool: they point nowhere."""
    flat = maps.reshape(len(maps), -1)
    return flat.max(axis=1) - flat.min(axis=1) <= 0
