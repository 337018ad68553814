"""Small DICOM files, made to order."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage, generate_uid

DicomFile = Callable[..., Path]


@pytest.fixture
def dicom_file(tmp_path: Path) -> DicomFile:
    """``dicom_file(pixels, photometric, WindowWidth=..., ...)`` writes one instance and returns its path."""

    def write(
        pixels: np.ndarray, photometric: str = "MONOCHROME2", *, name: str = "made.dcm", lacking: tuple[str, ...] = (),
        **tags: object,
    ) -> Path:  # fmt: skip
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
        meta.MediaStorageSOPInstanceUID = generate_uid()
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        instance = FileDataset(None, {}, file_meta=meta, preamble=bytes(128))
        colour = photometric not in ("MONOCHROME1", "MONOCHROME2", "PALETTE COLOR")
        instance.SOPClassUID, instance.SOPInstanceUID = SecondaryCaptureImageStorage, meta.MediaStorageSOPInstanceUID
        instance.Rows, instance.Columns = pixels.shape[-3:-1] if colour else pixels.shape[-2:]
        instance.SamplesPerPixel = 3 if colour else 1
        if colour:
            instance.PlanarConfiguration = 0
        instance.PhotometricInterpretation = photometric
        instance.BitsAllocated = instance.BitsStored = 8 * pixels.dtype.itemsize
        instance.HighBit = instance.BitsStored - 1
        instance.PixelRepresentation = int(pixels.dtype.kind == "i")
        for tag, value in tags.items():
            setattr(instance, tag, value)
        instance.PixelData = pixels.tobytes()
        for tag in lacking:
            delattr(instance, tag)
        path = tmp_path / name
        instance.save_as(path)
        return path

    return write


@pytest.fixture(scope="session")
def dicom_samples(shared_data: Path) -> Path:
    """The interoperability samples."""
    folder = shared_data / "dicom_samples"
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there")
    return folder


SliceFile = Callable[..., Path]


@pytest.fixture
def slice_file(dicom_file: DicomFile) -> SliceFile:
    """``slice_file(name, z_mm, pixels, ...)`` writes one axial slice of a CT series."""

    def write(name: str, z_mm: float, pixels: np.ndarray, **tags: object) -> Path:
        known: dict[str, object] = {
            "Modality": "CT",
            "SeriesInstanceUID": "1.2.3.4",
            "FrameOfReferenceUID": "1.2.3.5",
            "PatientID": "someone",
            "ImagePositionPatient": [-10, -20, z_mm],
            "ImageOrientationPatient": [1, 0, 0, 0, 1, 0],
            "PixelSpacing": [0.5, 0.75],
            "SliceThickness": 2,
            "RescaleSlope": 1,
            "RescaleIntercept": -1000,
        }
        return dicom_file(pixels, name=name, **(known | tags))

    return write
