"""NIfTI through nibabel, in and out: the only file that knows it."""

from pathlib import Path
from typing import Any

import numpy as np

from bedside.base.arrays import ByteArray
from bedside.base.errors import ImageError, ShapeError
from bedside.base.files import write_atomic
from bedside.base.seam import Requirement, require
from bedside.data.dicom.opening import MAX_PIXELS
from bedside.data.volume import Volume, canonical, check_affine, made_canonical, uncanonical

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


def read_nifti(path: Path, *, channel: int | None = None) -> Volume:
    """Read one three-dimensional NIfTI volume in canonical order; scl_slope and scl_inter are applied.

    Parameters
    ----------
    channel
        Which one of several modalities or points in time, from 0; None refuses a file of several.

    Raises
    ------
    ImageError
        If it is damaged, empty, holds NaN, has more than one point in time, or its affine is singular.
    MissingPackageError
        If nibabel is not installed.
    """
    values, affine = _loaded(path, is_single=channel is None)
    return made_canonical(values[..., channel or 0], affine, source=str(path))


def read_nifti_channels(path: Path) -> list[Volume]:
    """Read every modality (or point in time) of a NIfTI file ``(X, Y, Z, modality)``, each in canonical order.

    Raises
    ------
    ImageError, MissingPackageError
        As `read_nifti`, but for the number of modalities.
    """
    values, affine = _loaded(path, is_single=False)
    return [made_canonical(values[..., k], affine, source=str(path)) for k in range(values.shape[-1])]


def _loaded(path: Path, *, is_single: bool) -> tuple[np.ndarray, np.ndarray]:
    """Voxels ``(I, J, K, M)`` float32, checked, and the affine in mm."""
    require("reading NIfTI", _NEEDS)
    import nibabel

    if not path.is_file():
        raise ImageError(f"{path} cannot be opened: No such file", expected="a NIfTI file", hint="check the path")
    try:
        image = nibabel.load(path)
        shape = tuple(int(n) for n in image.shape)  # pyright: ignore[reportAttributeAccessIssue]
        n_channels = _check_shape(path, shape, is_single=is_single)
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
    return values.reshape(*shape[:3], n_channels), affine


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
        If the header is damaged, its affine singular, or there is more than one modality or point in time.
    """
    shape, _, affine = read_grids(path, is_single=True)
    return shape, affine


def read_grids(path: Path, *, is_single: bool = False) -> tuple[tuple[int, int, int], int, np.ndarray]:
    """Read shape ``(I, J, K)``, number of modalities and affine ``(4, 4)`` in mm from a header, without the voxels.

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
    n_channels = _check_shape(path, shape, is_single=is_single)
    check_affine(affine, str(path))
    return shape[:3], n_channels, affine  # type: ignore[return-value]


def canonical_grid(path: Path) -> tuple[tuple[int, int, int], tuple[float, float, float]]:
    """Read shape ``(D, H, W)`` and spacing in mm in canonical order from a header, of one modality or of several.

    Raises
    ------
    ImageError
        As `read_grids`.
    """
    shape, _, affine = read_grids(path)
    moved, placed = canonical(np.broadcast_to(np.uint8(0), shape), affine)
    spacing = np.linalg.norm(placed[:3, :3], axis=0).tolist()
    return moved.shape, (spacing[0], spacing[1], spacing[2])


def _check_shape(path: Path, shape: tuple[int, ...], *, is_single: bool) -> int:
    """Return the number of modalities, or points in time: the one axis above the third that is longer than 1."""
    above = [n for n in shape[3:] if n != 1]
    if len(shape) < 3 or min(shape) < 1 or len(above) > (0 if is_single else 1):
        raise ImageError(
            f"{path} has the shape {shape}",
            expected="(I, J, K), one point in time" if is_single else "(I, J, K), or (I, J, K, modality)",
            hint="split it first, or say which modalities it holds (msd: and nifti: sources)",
        )
    if np.prod(shape, dtype=np.float64) > _MAX_VOXELS:
        raise ImageError(f"{path} has {shape} voxels", expected=f"at most {_MAX_VOXELS:,}", hint="crop or resample it")
    return above[0] if above else 1


def _affine_mm(image: object) -> np.ndarray:
    """The affine in mm; a header that states neither sform nor qform has the sizes of its voxels only."""
    header = image.header  # pyright: ignore[reportAttributeAccessIssue]
    unit = header.get_xyzt_units()[0] if hasattr(header, "get_xyzt_units") else "mm"
    affine = np.array(image.affine, np.float64)  # pyright: ignore[reportAttributeAccessIssue]
    affine[:3] *= _MM.get(unit, 1.0)
    return affine
