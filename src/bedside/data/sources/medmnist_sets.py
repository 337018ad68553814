"""The 2-D sets of MedMNIST as its package 3.0.2 lists them: official MD5 a size, classes, licence."""

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class MedmnistSet:
    """One official set.

    Parameters
    ----------
    md5
        Of the file with 28 px.
    larger
        MD5 of the files with 64, 128 and 224 px, by their side.
    positive
        The class that is looked for where none is named.
    task
        The question of the set; a multi-label or ordinal one is asked here as a classification.
    """

    md5: str
    classes: tuple[str, ...]
    positive: int
    modality: str
    may_flip: bool = False
    larger: dict[int, str] = field(default_factory=dict)
    task: Literal["binary", "multi-class", "multi-label", "ordinal"] = "multi-class"
    licence: str = "CC BY 4.0"


_ORGANS = ("bladder", "femur-left", "femur-right", "heart", "kidney-left", "kidney-right", "liver", "lung-left",
           "lung-right", "pancreas", "spleen")  # fmt: skip

SETS = {
    "pathmnist": MedmnistSet(
        md5="a8b06965200029087d5bd730944a56c1",
        classes=(
            "adipose",
            "background",
            "debris",
            "lymphocytes",
            "mucus",
            "smooth muscle",
            "normal colon mucosa",
            "cancer-associated stroma",
            "colorectal adenocarcinoma epithelium",
        ),
        positive=8,
        modality="histology",
        may_flip=True,
        larger={
            64: "55aa9c1e0525abe5a6b9d8343a507616",
            128: "ac42d08fb904d92c244187169d1fd1d9",
            224: "2c51a510bcdc9cf8ddb2af93af1eadec",
        },
        task="multi-class",
        licence="CC BY 4.0",
    ),
    "chestmnist": MedmnistSet(
        md5="02c8a6516a18b556561a56cbdd36c4a8",
        classes=(
            "atelectasis",
            "cardiomegaly",
            "effusion",
            "infiltration",
            "mass",
            "nodule",
            "pneumonia",
            "pneumothorax",
            "consolidation",
            "edema",
            "emphysema",
            "fibrosis",
            "pleural",
            "hernia",
        ),
        positive=6,
        modality="X-ray",
        may_flip=False,
        larger={
            64: "9de6cd0b934ebb5b7426cfba5efbae16",
            128: "db107e5590b27930b62dbaf558aebee3",
            224: "45bd33e6f06c3e8cdb481c74a89152aa",
        },
        task="multi-label",
        licence="CC BY 4.0",
    ),
    "dermamnist": MedmnistSet(
        md5="0744692d530f8e62ec473284d019b0c7",
        classes=(
            "actinic keratosis",
            "basal cell carcinoma",
            "benign keratosis",
            "dermatofibroma",
            "melanoma",
            "melanocytic nevus",
            "vascular lesion",
        ),
        positive=4,
        modality="dermoscopy",
        may_flip=True,
        larger={
            64: "b70a2f5635c6199aeaa28c31d7202e1f",
            128: "2defd784463fa5243564e855ed717de1",
            224: "8974907d8e169bef5f5b96bc506ae45d",
        },
        task="multi-class",
        licence="CC BY-NC 4.0",
    ),
    "octmnist": MedmnistSet(
        md5="c68d92d5b585d8d81f7112f81e2d0842",
        classes=("choroidal neovascularization", "diabetic macular edema", "drusen", "normal"),
        positive=0,
        modality="OCT",
        may_flip=True,
        larger={
            64: "e229e9440236b774d9f0dfef9d07bdaf",
            128: "0a97e76651ace45c5d943ee3f65b63ae",
            224: "abc493b6d529d5de7569faaef2773ba3",
        },
        task="multi-class",
        licence="CC BY 4.0",
    ),
    "pneumoniamnist": MedmnistSet(
        md5="28209eda62fecd6e6a2d98b1501bb15f",
        classes=("normal", "pneumonia"),
        positive=1,
        modality="X-ray",
        may_flip=False,
        larger={
            64: "8f4eceb4ccffa70c672198ea285246c6",
            128: "05b46931834c231683c68f40c47b2971",
            224: "d6a3c71de1b945ea11211b03746c1fe1",
        },
        task="binary",
        licence="CC BY 4.0",
    ),
    "retinamnist": MedmnistSet(
        md5="bd4c0672f1bba3e3a89f0e4e876791e4",
        classes=("no retinopathy", "mild", "moderate", "severe", "proliferative"),
        positive=4,
        modality="fundus photograph",
        may_flip=True,
        larger={
            64: "afda852cc34dcda56f86ad2b2457dbcc",
            128: "e48e916a24454daf90583d4e6efb1a18",
            224: "eae7e3b6f3fcbda4ae613ebdcbe35348",
        },
        task="ordinal",
        licence="CC BY 4.0",
    ),
    "breastmnist": MedmnistSet(
        md5="750601b1f35ba3300ea97c75c52ff8f6",
        classes=("malignant", "normal or benign"),
        positive=0,
        modality="ultrasound",
        may_flip=True,
        larger={
            64: "742edef2a1fd1524b2efff4bd7ba9364",
            128: "363e4b3f8d712e9b5de15470a2aaadf1",
            224: "b56378a6eefa9fed602bb16d192d4c8b",
        },
        task="binary",
        licence="CC BY 4.0",
    ),
    "bloodmnist": MedmnistSet(
        md5="7053d0359d879ad8a5505303e11de1dc",
        classes=(
            "basophil",
            "eosinophil",
            "erythroblast",
            "immature granulocyte",
            "lymphocyte",
            "monocyte",
            "neutrophil",
            "platelet",
        ),
        positive=3,
        modality="microscopy",
        may_flip=True,
        larger={
            64: "2b94928a2ae4916078ca51e05b6b800b",
            128: "adace1e0ed228fccda1f39692059dd4c",
            224: "b718ff6835fcbdb22ba9eacccd7b2601",
        },
        task="multi-class",
        licence="CC BY 4.0",
    ),
    "tissuemnist": MedmnistSet(
        md5="ebe78ee8b05294063de985d821c1c34b",
        classes=(
            "collecting duct",
            "distal convoluted tubule",
            "glomerular endothelium",
            "interstitial endothelium",
            "leukocyte",
            "podocyte",
            "proximal tubule",
            "thick ascending limb",
        ),
        positive=4,
        modality="microscopy",
        may_flip=True,
        larger={
            64: "123ece2eba09d0aa5d698fda57103344",
            128: "61b955355d7425a89687b06cca3ce0c2",
            224: "b077128c4a949f0a4eb01517f9037b9c",
        },
        task="multi-class",
        licence="CC BY 4.0",
    ),
    "organamnist": MedmnistSet(
        md5="68e3f8846a6bd62f0c9bf841c0d9eacc",
        classes=_ORGANS,
        positive=6,
        modality="CT",
        may_flip=False,
        larger={
            64: "2dcccc29b88e6da5a01161ef20cda288",
            128: "eeae80d0a227a8d099027e1b3cfd3b60",
            224: "50747347e05c87dd3aaf92c49f9f3170",
        },
        task="multi-class",
        licence="CC BY 4.0",
    ),
    "organcmnist": MedmnistSet(
        md5="b9ceb9546e10131b32923c5bbeaea2b1",
        classes=_ORGANS,
        positive=6,
        modality="CT",
        may_flip=False,
        larger={
            64: "3ce34a8724ea6f548e6db4744d03b6a9",
            128: "773c1f009daa3fe5d9a2a201b2a7ed94",
            224: "050f5e875dc056f6768abf94ec9995d1",
        },
        task="multi-class",
        licence="CC BY 4.0",
    ),
    "organsmnist": MedmnistSet(
        md5="9ab87b696fb54e2a387ebe992d6ed5f1",
        classes=_ORGANS,
        positive=6,
        modality="CT",
        may_flip=False,
        larger={
            64: "53a6d115339d874c25e309a994ff46d3",
            128: "ded0c5fa01a95dc4978b956f613e9b8e",
            224: "b354719e553fbbb2513d5533f52a4cb1",
        },
        task="multi-class",
        licence="CC BY 4.0",
    ),
}
