"""A stack of volumes through one corruption at one severity."""

import zlib
from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol

import numpy as np

from bedside.base.arrays import ByteArray, FloatArray
from bedside.base.seam import Seam
from bedside.data.corrupting import as_bytes, corrupt
from bedside.data.corruptions import Family, Suite, suite_for
from bedside.data.preprocess import Preprocess


class VolumeCorruption(Protocol):
    """The distribution over one kind of change of a volume; a class with the class method `sample` is one."""

    def sample(self, rng: np.random.Generator, severity: int, slice_axis: int) -> Callable[[FloatArray], FloatArray]:
        """Decide for one volume; `slice_axis` is the axis (0 D, 1 H, 2 W) across its slices."""
        ...


VOLUME_CORRUPTIONS: Seam[VolumeCorruption] = Seam(
    "bedside.volume_corruptions",
    {
        "noise": "bedside.data.corruptions.volumes:Noise",
        "blur": "bedside.data.corruptions.volumes:Blur",
        "bias field": "bedside.data.corruptions.volumes:BiasField",
        "thick slices": "bedside.data.corruptions.volumes:ThickSlices",
        "missing slices": "bedside.data.corruptions.volumes:MissingSlices",
    },
)

_OF_MR = "bias field"


def volume_suite(modality: str) -> Suite:
    """Choose the corruptions of volumes; CT has no coils, and so no bias field."""
    found = suite_for(modality)
    names = tuple(name for name in VOLUME_CORRUPTIONS.names() if name != _OF_MR or found.family != "ct")
    return Suite(modality=modality, family=found.family, names=names)


def suite_and_spoiler(
    modality: str, preprocess: Preprocess, family: Family | None = None
) -> tuple[Suite, Callable[..., ByteArray]]:
    """Choose the corruptions of a cohort, and what applies them, ``(images, name, severity, seed=...)``.

    Those of images follow the modality, or `family` where it is named; volumes have their own.
    """
    if preprocess.depth_px is None:
        return suite_for(modality, family), corrupt
    slice_axis = slice_axis_of(preprocess.own_spacing_mm)
    return volume_suite(modality), partial(corrupt_volumes, slice_axis=slice_axis)


def slice_axis_of(spacing_mm: Sequence[float] | None) -> int:
    """Axis across the slices: the coarsest; D, the first, where all are alike or none is known."""
    return 0 if spacing_mm is None else int(np.argmax(spacing_mm))


def corrupt_volumes(volumes: ByteArray, name: str, severity: int, *, seed: int, slice_axis: int = 0) -> ByteArray:
    """Corrupt ``(n, C, D, H, W)`` uint8 volumes into new ones of the same shape; the same seed gives the same volumes.

    A volume meets the same dice at every severity, so that only the strength differs.

    Raises
    ------
    PluginError
        If no corruption of volumes has that name.
    """
    kind = VOLUME_CORRUPTIONS.get(name)
    changed = np.empty(volumes.shape, np.uint8)
    for i, volume in enumerate(volumes):
        rng = np.random.default_rng((seed, zlib.crc32(name.encode()), i))
        changed[i] = as_bytes(kind.sample(rng, severity, slice_axis)(volume.astype(np.float32) / 255))
    return changed
