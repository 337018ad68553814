"""NIfTI through nibabel, in and out: the only file that knows it."""

from pathlib import Path
from typing import Any

import numpy as np

from bedside.base.arrays import ByteArray
from bedside.base.errors import ImageError, ShapeError
from bedside.base.files import write_atomic
from bedside.base.seam import Requirement, require
from bedside.data.dicom.opening import MAX_PIXELS
from bedside.data.volume import Volume, check_affine, made_canonical, uncanonical

SUFFIXES = (".nii.gz", ".nii")

_NEEDS = (Requirement("nibabel", "bedside[nifti]"),)
_MAX_VOXELS = 20 * MAX_PIXELS
_MM = {"mm": 1.0, "meter": 1000.0, "micron": 0.001, "unknown": 1.0}


def is_nifti(path: Path) -> bool:
    """Whether a file is called NIfTI: ``.nii``, ``.nii.gz``, or a pair's ``.hdr`` or ``.img``."""
    return path.name.lower().endswith((".nii", ".nii.gz", ".hdr", ".img"))


def nifti_stem(path: Path) -> str:
    """File name without ``.nii`` or ``.nii.gz``."""
    name = path.name
    suffix = next((suffix for suffix in SUFFIXES if name.lower().endswith(suffix)), "")
    return name[: len(name) - len(suffix)]


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


def write_label_map(path: Path, labels: ByteArray, volume: Volume, source: Path | None = None) -> None:
    """Write a label map ``(D, H, W)`` uint8 of `volume` as NIfTI.

    Where `source` is the NIfTI file that the volume was read from, the map lies on that file's own grid, in its order
    of axes, with its affine and codes to the bit. A volume from DICOM is written in the order W, H, D (R, A, S).

    Raises
    ------
    ShapeError
        If the map has not the volume's shape.
    StorageError
        If the file cannot be written.
    """
    require("writing NIfTI", _NEEDS)
    import nibabel

    if labels.shape != volume.values.shape:
        raise ShapeError(
            f"a label map of shape {labels.shape}", expected=f"{volume.values.shape}", hint="restore it first"
        )
    labels = labels.astype(np.uint8)
    if source is not None and is_nifti(source):
        own = nibabel.load(source)
        filed = uncanonical(labels, np.array(own.affine, np.float64))  # pyright: ignore[reportAttributeAccessIssue]
        image = nibabel.Nifti1Image(np.ascontiguousarray(filed), own.affine)  # pyright: ignore[reportAttributeAccessIssue]
        _copy_codes(own.header, image.header)
    else:
        image = nibabel.Nifti1Image(labels.transpose(2, 1, 0), volume.affine[:, [2, 1, 0, 3]])
        image.header.set_xyzt_units("mm")
    data = image.to_bytes()
    if path.name.lower().endswith(".gz"):
        import gzip

        data = gzip.compress(data, mtime=0)
    write_atomic(path, data)


def _copy_codes(own: Any, written: Any) -> None:
    """Keep what says which space the affine leads to, and in which unit; an Analyze header has no such codes."""
    if not hasattr(own, "get_sform"):
        return
    for field in ("qform_code", "sform_code", "xyzt_units"):
        written[field] = own[field]
    for field in ("quatern_b", "quatern_c", "quatern_d", "qoffset_x", "qoffset_y", "qoffset_z"):
        written[field] = own[field]
    for field in ("srow_x", "srow_y", "srow_z"):
        written[field] = own[field]
    written["pixdim"][:4] = own["pixdim"][:4]


def read_grid(path: Path) -> tuple[tuple[int, int, int], np.ndarray]:
    """Read shape ``(I, J, K)`` and affine ``(4, 4)`` in mm from a header, without the voxels.

    Raises
    ------
    ImageError
        If the header is damaged or its affine singular.
    """
    require("reading NIfTI", _NEEDS)
    import nibabel

    if not path.is_file():
        raise ImageError(f"{path} cannot be opened: No such file", expected="a NIfTI file", hint="check the path")
    try:
        image = nibabel.load(path)
        shape = tuple(int(n) for n in image.shape)  # pyright: ignore[reportAttributeAccessIssue]
        affine = _affine_mm(image)
    except Exception as error:  # gzip, struct and nibabel raise whatever the damage breaks
        raise ImageError(
            f"{path} is not a readable NIfTI file: {error}", expected="a complete NIfTI-1 or -2", hint="copy it again"
        ) from None
    _check_shape(path, shape)
    check_affine(affine, str(path))
    return shape[:3], affine  # type: ignore[return-value]


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
