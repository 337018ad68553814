"""Which voxel size suits volumes: the usual one along each axis, so that thick slices stay thick and planes stay fine.

Source: Isensee et al., "nnU-Net", Nat. Methods 18:203, 2021, online methods, "target spacing" and "low resolution".
"""

import numpy as np

from bedside.base.arrays import FloatArray
from bedside.base.errors import InputError
from bedside.data.preprocess import Spacing3
from bedside.data.preprocess_limits import AXES

ANISOTROPY = 3.0
"""From this ratio of the coarsest axis to the finest on, slices count as thick (nnU-Net's threshold)."""

_THIN_PERCENT = 10
_FINE_RATIO = 2.0
_STEP = 1.05
_NAMES = "zyx"


def usual_spacing(spacings_mm: FloatArray) -> FloatArray:
    """Median spacing along each axis, ``(n, 3)`` to ``(3,)``; across thick slices, that of the thinner ones.

    Where the coarsest of the medians is more than three times the finest, the planes keep their median, and the
    coarsest axis takes the 10th percentile, for the median of thick slices would throw away what thinner ones show; it
    never becomes finer than the next axis.
    """
    target = np.median(spacings_mm, axis=0)
    worst = int(target.argmax())
    if target[worst] > ANISOTROPY * target.min():
        thin = float(np.percentile(spacings_mm[:, worst], _THIN_PERCENT))
        target[worst] = max(thin, float(np.delete(target, worst).max()))
    return target


def grown_spacing(spacing_mm: FloatArray) -> FloatArray:
    """One step of 5 % towards fewer voxels, ``(3,)``.

    Axes that are more than twice as fine as the coarsest grow alone, so that thick slices are not made thicker as long
    as planes have resolution to give; voxels of about one size grow along every axis.
    """
    fine = spacing_mm.max() / spacing_mm > _FINE_RATIO
    return np.where(fine | (not fine.any()), spacing_mm * _STEP, spacing_mm)


def is_thick(spacing_mm: Spacing3 | FloatArray) -> bool:
    """Whether the coarsest axis is more than three times the finest."""
    return bool(np.max(spacing_mm) > ANISOTROPY * np.min(spacing_mm))


def check_order(asked_mm: Spacing3, spacings_mm: FloatArray) -> None:
    """Refuse three spacings that are coarse along another axis than the files, ``(n, 3)``: they stand in another order.

    Raises
    ------
    InputError
        Naming both axes and the order that is meant.
    """
    usual, asked = np.median(spacings_mm, axis=0), np.array(asked_mm)
    coarse = [int(sizes.argmax()) for sizes in (usual, asked)]
    if all(sizes.max() > _FINE_RATIO * sizes.min() for sizes in (usual, asked)) and coarse[0] != coarse[1]:
        theirs, ours = (_NAMES[axis] for axis in coarse)
        raise InputError(
            f"the spacing {_listed(asked)} mm is coarsest along {ours}, the files along {theirs} ({_listed(usual)})",
            expected=AXES, hint="put the three numbers in the order z,y,x",
        )  # fmt: skip


def _listed(sizes: FloatArray) -> str:
    return ",".join(f"{mm:.3g}" for mm in sizes)


def spacing_named(text: str) -> float | Spacing3:
    """One number, or three in the order z,y,x.

    Raises
    ------
    InputError
        For anything else.

    Examples
    --------
    >>> spacing_named("5,1,1")
    (5.0, 1.0, 1.0)
    """
    try:
        sizes = tuple(float(part) for part in text.split(","))
    except ValueError:
        sizes = ()
    if len(sizes) == 3:
        return sizes
    if len(sizes) != 1:
        raise InputError(f"the spacing {text!r}", expected=f"one number in mm, or three in the order {AXES}",
                         hint="such as --spacing-mm 1 or --spacing-mm 5,1,1")  # fmt: skip
    return sizes[0]
