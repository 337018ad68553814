"""NIfTI through nibabel: the only file that knows it."""

from pathlib import Path

import numpy as np

from bedside.base.errors import ImageError
from bedside.base.seam import Requirement, require
from bedside.data.dicom.opening import MAX_PIXELS
from bedside.data.volume import Volume, made_canonical

_NEEDS = (Requirement("nibabel", "bedside[nifti]"),)
_MAX_VOXELS = 20 * MAX_PIXELS
_MM = {"mm": 1.0, "meter": 1000.0, "micron": 0.001, "unknown": 1.0}


def is_nifti(path: Path) -> bool:
    """Whether a file is called NIfTI: ``.nii``, ``.nii.gz``, or a pair's ``.hdr`` or ``.img``."""
    return path.name.lower().endswith((".nii", ".nii.gz", ".hdr", ".img"))


def read_nifti(path: Path) -> Volume:
    """Read one three-dimensional NIfTI volume in canonical order; scl_slope and scl_inter are applied.

    Raises
    ------
    ImageError
        If it is damaged, empty, holds NaN, has more than one point in time, or its affine is singular.
    MissingPackageError
        If nibabel is not installed.
    """
    require("reading NIfTI", _NEEDS)
    import nibabel

    if not path.is_file():
        raise ImageError(f"{path} cannot be opened: No such file", expected="a NIfTI file", hint="check the path")
    try:
        image = nibabel.load(path)
        shape = tuple(int(n) for n in image.shape)  # pyright: ignore[reportAttributeAccessIssue]
        _check_shape(path, shape)
        affine = _affine_mm(image)
        values = np.asarray(image.dataobj, np.float32)  # pyright: ignore[reportAttributeAccessIssue]
    except ImageError:
        raise
    except Exception as error:  # gzip, struct and nibabel raise whatever the damage breaks
        raise ImageError(
            f"{path} is not a readable NIfTI file: {error}", expected="a complete NIfTI-1 or -2", hint="copy it again"
        ) from None
    if not np.isfinite(values).all():
        raise ImageError(
            f"{path} holds NaN or infinity", expected="finite voxels", hint="replace them at the source (scl_slope?)"
        )
    return made_canonical(values.reshape(shape[:3]), affine, source=str(path))


def _check_shape(path: Path, shape: tuple[int, ...]) -> None:
    if len(shape) < 3 or any(n != 1 for n in shape[3:]) or min(shape[:3]) < 1:
        raise ImageError(
            f"{path} has the shape {shape}", expected="(I, J, K), one point in time", hint="split it first"
        )
    if np.prod(shape, dtype=np.float64) > _MAX_VOXELS:
        raise ImageError(f"{path} has {shape} voxels", expected=f"at most {_MAX_VOXELS:,}", hint="crop or resample it")


def _affine_mm(image: object) -> np.ndarray:
    """The affine in mm; a header that states neither sform nor qform has the sizes of its voxels only."""
    header = image.header  # pyright: ignore[reportAttributeAccessIssue]
    unit = header.get_xyzt_units()[0] if hasattr(header, "get_xyzt_units") else "mm"
    affine = np.array(image.affine, np.float64)  # pyright: ignore[reportAttributeAccessIssue]
    affine[:3] *= _MM.get(unit, 1.0)
    return affine
