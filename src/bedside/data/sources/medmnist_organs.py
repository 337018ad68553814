"""The three sets of MedMNIST that ask for the organ in a slice of a CT: axial, coronal and sagittal."""

from bedside.data.sources.medmnist_set import MedmnistSet

_ORGANS = ("bladder", "femur-left", "femur-right", "heart", "kidney-left", "kidney-right", "liver", "lung-left",
           "lung-right", "pancreas", "spleen")  # fmt: skip


def _slices(md5: str, larger: dict[int, str]) -> MedmnistSet:
    return MedmnistSet(
        md5=md5, classes=_ORGANS, positive=6, modality="CT", may_flip=False, larger=larger, task="multi-class",
        licence="CC BY 4.0",
    )  # fmt: skip


ORGAN_SETS = {
    "organamnist": _slices(
        "68e3f8846a6bd62f0c9bf841c0d9eacc",
        {
            64: "2dcccc29b88e6da5a01161ef20cda288",
            128: "eeae80d0a227a8d099027e1b3cfd3b60",
            224: "50747347e05c87dd3aaf92c49f9f3170",
        },
    ),
    "organcmnist": _slices(
        "b9ceb9546e10131b32923c5bbeaea2b1",
        {
            64: "3ce34a8724ea6f548e6db4744d03b6a9",
            128: "773c1f009daa3fe5d9a2a201b2a7ed94",
            224: "050f5e875dc056f6768abf94ec9995d1",
        },
    ),
    "organsmnist": _slices(
        "9ab87b696fb54e2a387ebe992d6ed5f1",
        {
            64: "53a6d115339d874c25e309a994ff46d3",
            128: "ded0c5fa01a95dc4978b956f613e9b8e",
            224: "b354719e553fbbb2513d5533f52a4cb1",
        },
    ),
}
