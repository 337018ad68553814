"""Small data sets with boxes, in the layouts that their publishers document; each has one broken file."""

import json
from pathlib import Path

import numpy as np
from PIL import Image

WIDTH, HEIGHT = 40, 30


def picture(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (HEIGHT, WIDTH), np.uint8)).save(path)


def box_tables(folder: Path) -> Path:
    """``boxes:``: six images, the fifth without a box, the sixth no picture; a box that sticks out, one outside."""
    for i in range(5):
        picture(folder / "images" / f"{i}.png", i)
    (folder / "images" / "5.png").write_bytes(b"no picture")
    parts = ("train", "train", "val", "test", "test", "train")
    rows = [f"images/{i}.png,{parts[i]},p{i},{'f' if i % 2 else 'm'}" for i in range(6)]
    (folder / "metadata.csv").write_text("\n".join(["file,split,patient_id,sex", *rows]))
    boxes = [f"images/{i}.png,{'cell' if i % 2 else 'plate'},{i},2,{i + 10},12" for i in range(4)]
    boxes += [
        "images/0.png,cell,30,20,50,40", "images/1.png,cell,50,2,60,12", "images/2.png,cell,9,9,9,20",
        "images/3.png,cell,1,2,three,12", "images/9.png,cell,1,2,3,12", "images/3.png,,1,2,13,12",
    ]  # fmt: skip
    (folder / "boxes.csv").write_text("\n".join(["file,label,xmin,ymin,xmax,ymax", *boxes]))
    return folder


def coco_folder(folder: Path) -> Path:
    """``coco:``: ``train2017`` and ``val2017`` as COCO is distributed; a crowd, odd boxes, an unused category."""
    for name, n in (("train2017", 4), ("val2017", 3)):
        images = [{"id": 10 + i, "file_name": f"{i:012d}.jpg", "height": HEIGHT, "width": WIDTH} for i in range(n)]
        for i in range(n):
            picture(folder / name / f"{i:012d}.jpg", i)
        rows = [{"image_id": 10 + i % n, "category_id": (1, 7)[i % 2], "bbox": [3.5, 2, 12, 10 + i]} for i in range(n)]
        rows += [
            {"image_id": 10, "category_id": 1, "bbox": [1, 1, 30, 20], "iscrowd": 1},
            {"image_id": 10, "category_id": 1, "bbox": [1, 1, -3, 20]},
            {"image_id": 99, "category_id": 1, "bbox": [1, 1, 3, 20]},
            {"image_id": 11, "category_id": 55, "bbox": [1, 1, 3, 20]},
            {"image_id": 11, "category_id": 1, "bbox": [1, 1, 3]},
        ]
        images.append({"id": 50, "file_name": "gone.jpg", "height": HEIGHT, "width": WIDTH})
        images.append({"id": 51, "file_name": "wrong.jpg", "height": 99, "width": 99})
        picture(folder / name / "wrong.jpg", 77)
        content = {
            "info": {}, "licenses": [{"id": 1, "name": "CC BY 4.0"}], "images": images,
            "categories": [{"id": 7, "name": "mass"}, {"id": 1, "name": "nodule"}, {"id": 3, "name": "unused"}],
            "annotations": [{"id": i, "iscrowd": 0} | row for i, row in enumerate(rows)],
        }  # fmt: skip
        (folder / "annotations").mkdir(exist_ok=True)
        (folder / "annotations" / f"instances_{name}.json").write_text(json.dumps(content))
    return folder


def voc_xml(name: str, boxes: list[tuple[str, int, int, int, int]], head: str = "") -> str:
    objects = "".join(
        f"<object><name>{label}</name><difficult>{int(label == 'bolt')}</difficult><bndbox><xmin>{x0}</xmin>"
        f"<ymin>{y0}</ymin><xmax>{x1}</xmax><ymax>{y1}</ymax></bndbox></object>" for label, x0, y0, x1, y1 in boxes
    )  # fmt: skip
    return (
        f"{head}<annotation><filename>{name}</filename><size><width>{WIDTH}</width><height>{HEIGHT}</height>"
        f"<depth>3</depth></size>{objects}</annotation>"
    )


BOMB = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>'


def voc_folder(folder: Path) -> Path:
    """``voc:``: three lists; one annotation with entities, one that is cut off, one without its picture."""
    stems = [f"2007_{i:06d}" for i in range(9)]
    (folder / "Annotations").mkdir(parents=True)
    for i, stem in enumerate(stems):
        if i != 8:
            picture(folder / "JPEGImages" / f"{stem}.jpg", i)
        boxes = [("screw", 1, 1, 20, 10), ("bolt", 5, 5, 15, 25)][: 1 + i % 2]
        text = voc_xml(f"{stem}.jpg", boxes, BOMB if i == 6 else "")
        (folder / "Annotations" / f"{stem}.xml").write_text(text[:100] if i == 7 else text)
    lists = folder / "ImageSets" / "Main"
    lists.mkdir(parents=True)
    for name, rows in (("train", stems[:3] + stems[6:]), ("val", stems[3:5]), ("test", stems[5:6])):
        (lists / f"{name}.txt").write_text("\n".join(rows))
    return folder


def dicom(path: Path, seed: int) -> None:
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, generate_uid

    path.parent.mkdir(parents=True, exist_ok=True)
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
    meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=[str(seed)])
    data = Dataset()
    data.file_meta = meta
    data.SOPClassUID, data.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    data.Modality, data.PatientID = "CR", path.stem
    data.Rows, data.Columns, data.SamplesPerPixel, data.PhotometricInterpretation = HEIGHT, WIDTH, 1, "MONOCHROME2"
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 8, 8, 7, 0
    data.PixelData = np.random.default_rng(seed).integers(0, 256, (HEIGHT, WIDTH), np.uint8).tobytes()
    data.save_as(path, enforce_file_format=True)


def rsna_folder(folder: Path) -> Path:
    """``rsna-pneumonia:``: two opacities in one image, none in another, a contradiction, and a missing image."""
    for i in range(4):
        dicom(folder / "stage_2_train_images" / f"0004cfab-{i}.dcm", i)
    rows = [
        "0004cfab-0,5.0,4.0,10.0,12.0,1", "0004cfab-0,22.0,4.0,12.0,20.0,1", "0004cfab-1,,,,,0",
        "0004cfab-2,30.0,20.0,20.0,20.0,1", "0004cfab-3,,,,,0", "0004cfab-3,1.0,2.0,3.0,4.0,0", "gone,,,,,0",
    ]  # fmt: skip
    (folder / "stage_2_train_labels.csv").write_text("\n".join(["patientId,x,y,width,height,Target", *rows]))
    details = ["patientId,class", "0004cfab-0,Lung Opacity", "0004cfab-1,Normal"]
    (folder / "stage_2_detailed_class_info.csv").write_text("\n".join(details))
    return folder
