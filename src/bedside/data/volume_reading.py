"""Files and folders become volumes."""

from pathlib import Path

import numpy as np

from bedside.base.errors import ImageError
from bedside.data.clip import VIDEO_SUFFIXES
from bedside.data.dicom.folder import read_folder
from bedside.data.dicom.stack import read_stack
from bedside.data.modalities import Modalities
from bedside.data.nifti import is_nifti, read_nifti, read_nifti_channels
from bedside.data.volume import Volume

_AS_IT_LIES = np.array([[0, 0, 1, 0], [0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1]], np.float64)


def read_volume(path: Path, *, channel: int | None = None) -> Volume:
    """Read a volume: a NIfTI file, an enhanced multi-frame DICOM, a folder that holds one series, a npy or npz.

    An array without a header is taken as it lies, with voxels of 1 mm.

    Parameters
    ----------
    channel
        Which one of several modalities in a NIfTI file, from 0; None refuses a file of several.

    Raises
    ------
    ImageError
        Naming the file and what is wrong with it; for a folder of several series, each of them.
    """
    if path.is_dir():
        return read_folder(path)
    if is_nifti(path):
        return read_nifti(path, channel=channel)
    if path.suffix.lower() in (".npy", ".npz"):
        from bedside.data.raster import read_array

        return Volume(
            values=read_array(path).astype(np.float32),
            spacing_mm=(1.0, 1.0, 1.0),
            affine=_AS_IT_LIES.copy(),
            source=str(path),
        )
    _refuse_flat(path)
    return read_stack(path)


def read_modalities(path: Path, modalities: Modalities) -> list[Volume]:
    """Read the modalities of a file that are taken, each as a volume, in their order.

    Raises
    ------
    ImageError
        If it cannot be read, or holds another number of modalities than `modalities` names.
    """
    volumes = read_nifti_channels(path) if is_nifti(path) and not path.is_dir() else [read_volume(path)]
    modalities.check(len(volumes), path)
    return [volumes[k] for k in modalities.taken]


def _refuse_flat(path: Path) -> None:
    """Say what a picture or a film is, rather than that it is no DICOM."""
    is_film = path.suffix.lower() in VIDEO_SUFFIXES
    if is_film or (path.is_file() and path.stat().st_size and _is_picture(path)):
        raise ImageError(
            f"{path} is a {'film' if is_film else 'still picture'}, no volume",
            expected="NIfTI, a folder with one DICOM series, an enhanced DICOM, npy or npz",
            hint="give the volume that it was made from",
        )


def _is_picture(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(8).startswith((b"\x89PNG", b"\xff\xd8\xff", b"BM", b"GIF8"))
