"""Which sources are known, and which of their data are on this machine."""

from dataclasses import dataclass

from bedside.data.sources import SOURCES
from bedside.data.sources.medmnist import data_folders
from bedside.data.sources.medmnist_sets import SETS
from bedside.data.sources.medmnist_volumes import VOLUME_SETS
from bedside.data.sources.places import cache_folder

_LAYOUTS = {
    "folder": "class sub-folders, or metadata.csv with file,label[,split,patient_id,group]",
    "masks": "metadata.csv with file,mask[,split,patient_id,group], or images/ and masks/ with equal names",
    "dicom": "DICOM files and labels.csv (or --labels FILE)",
    "nifti": "volumes: metadata.csv with image,label[,split,patient_id], or images/ and labels/ of equal names",
    "msd": "dataset.json of the Medical Segmentation Decathlon, imagesTr/ and labelsTr/",
    "nih-cxr14": "Data_Entry_2017.csv and images/ as the NIH distributes them",
    "chexpert": "train.csv, valid.csv and their images as Stanford distributes them",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownSource:
    """One thing that can be named as a source; `state` says whether its data are here."""

    name: str
    what: str
    state: str


def known_sources() -> list[KnownSource]:
    """List every source, built in or from a plugin, and every MedMNIST set."""
    found = [
        KnownSource(name="phantom:ultrasound", what="simulated B-mode, with and without a lesion", state="built in"),
        KnownSource(name="phantom:ultrasound-lesion", what="the same, the lesion to be outlined", state="built in"),
        KnownSource(name="phantom:volume", what="simulated MR volumes with label maps of two parts", state="built in"),
    ]
    for name in SOURCES.names():
        if name in ("medmnist", "phantom"):
            continue
        what = _LAYOUTS.get(name, "a plugin's")
        found.append(KnownSource(name=f"{name}:DIR", what=what, state="your folder"))
    for name, known in (SETS | VOLUME_SETS).items():
        what = f"{known.modality}, {known.task}, {len(known.classes)} classes, {known.licence}"
        found.append(KnownSource(name=f"medmnist:{name}", what=what, state=_sizes_here(name)))
    return found


def _sizes_here(name: str) -> str:
    places = [*data_folders(), cache_folder() / "medmnist"]
    sides = {28: name, **{side: f"{name}_{side}" for side in (SETS | VOLUME_SETS)[name].larger}}
    here = [side for side, file in sides.items() if any((place / f"{file}.npz").is_file() for place in places)]
    return f"here ({', '.join(f'{side} px' for side in here)})" if here else "to be downloaded"
