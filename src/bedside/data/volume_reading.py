"""Files and folders become volumes."""

from pathlib import Path

import numpy as np

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
