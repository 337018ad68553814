"""The 3-D sets of MedMNIST as its package 3.0.2 lists them: official MD5 of 28 and 64 voxels a side."""

from bedside.data.sources.medmnist_set import MedmnistSet

_ORGANS = ("liver", "kidney-right", "kidney-left", "femur-right", "femur-left", "bladder", "heart", "lung-right",
           "lung-left", "spleen", "pancreas")  # fmt: skip

VOLUME_SETS = {
    "organmnist3d": MedmnistSet(
        md5="a0c5a1ff56af4f155c46d46fbb45a2fe",
        classes=_ORGANS,
        positive=0,
        modality="CT",
        larger={64: "58a2205adf14a9d0a189cb06dc78bf10"},
        task="multi-class",
    ),
    "nodulemnist3d": MedmnistSet(
        md5="8755a7e9e05a4d9ce80a24c3e7a256f3",
        classes=("benign", "malignant"),
        positive=1,
        modality="CT",
        may_flip=True,
        larger={64: "c47c5b7d457bf6332200d2ea6d64ecd8"},
        task="binary",
    ),
    "adrenalmnist3d": MedmnistSet(
        md5="bbd3c5a5576322bc4cdfea780653b1ce",
        classes=("normal", "hyperplasia"),
        positive=1,
        modality="CT (shape)",
        larger={64: "17721accfe9fb005146a47d33bc54b2f"},
        task="binary",
    ),
    "fracturemnist3d": MedmnistSet(
        md5="6aa7b0143a6b42da40027a9dda61302f",
        classes=("buckle rib fracture", "nondisplaced rib fracture", "displaced rib fracture"),
        positive=2,
        modality="CT",
        may_flip=True,
        larger={64: "f01d7e6316aedf4210da0da5b7437b42"},
        task="multi-class",
    ),
    "vesselmnist3d": MedmnistSet(
        md5="b41fd4f7e7e2feedddb201585ecafa1b",
        classes=("vessel", "aneurysm"),
        positive=1,
        modality="MR angiography (shape)",
        larger={64: "6bb274a8846e1097066dcd64e2c4520f"},
        task="binary",
    ),
    "synapsemnist3d": MedmnistSet(
        md5="1235b78a3cd6280881dd7850a78eadb6",
        classes=("inhibitory synapse", "excitatory synapse"),
        positive=1,
        modality="electron microscopy",
        may_flip=True,
        larger={64: "43bd14ebf3af9d3dd072446fedc14d5e"},
        task="binary",
    ),
}
