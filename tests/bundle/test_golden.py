"""Any machine can prove that it computes the same, and one that does not is found out."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bedside.base.errors import BundleError, GoldenError, ImageError
from bedside.bundle.golden import OUTPUTS, as_png, golden_images, replay
from bedside.bundle.opening import open_bundle
from bedside.runtime.session import open_session


def replayed(folder: Path) -> list[float]:
    opened = open_bundle(folder)
    manifest = opened.manifest
    return [
        replay(opened.folder, shipped, manifest.preprocess, open_session(shipped.artifact, opened.models_folder))
        for shipped in manifest.models
    ]


def change_outputs(folder: Path, change) -> None:
    kept = json.loads((folder / OUTPUTS).read_text())
    change(kept)
    (folder / OUTPUTS).write_text(json.dumps(kept))


def test_this_machine_reproduces_what_it_sealed(sealed: Path) -> None:
    assert max(replayed(sealed)) < 1e-5
    assert max(replayed(sealed.with_name("toy.bedside"))) < 1e-5


def shift(kept: dict) -> None:
    kept["logits"]["litert_fp32.tflite"][3][1] += 0.1


def to_nan(kept: dict) -> None:
    kept["logits"]["litert_fp32.tflite"][3][1] = float("nan")


def one_row(kept: dict) -> None:
    kept["logits"]["litert_fp32.tflite"] = kept["logits"]["litert_fp32.tflite"][:1]


def a_row_less(kept: dict) -> None:
    del kept["logits"]["litert_fp32.tflite"][-1]


def a_class_more(kept: dict) -> None:
    for row in kept["logits"]["litert_fp32.tflite"]:
        row.append(0.0)


def ragged(kept: dict) -> None:
    kept["logits"]["litert_fp32.tflite"][0].append(0.0)


def no_model(kept: dict) -> None:
    del kept["logits"]["litert_fp32.tflite"]


def no_images(kept: dict) -> None:
    kept["images"] = []
    kept["logits"] = {name: [] for name in kept["logits"]}


def images_in_another_order(kept: dict) -> None:
    kept["images"] = kept["images"][::-1]


@pytest.mark.parametrize(
    "change", [shift, to_nan, one_row, a_row_less, a_class_more, ragged, no_model, no_images, images_in_another_order],
    ids=lambda change: change.__name__,
)  # fmt: skip
def test_outputs_that_are_changed_and_signed_again_are_found_out(bundle: Path, resign, refuses, change) -> None:
    change_outputs(bundle, change)
    resign(bundle)
    open_bundle(bundle)
    with refuses(GoldenError):
        replayed(bundle)


def test_a_golden_image_that_is_changed_and_signed_again_is_found_out(bundle: Path, resign, refuses) -> None:
    inverted = 255 - np.asarray(Image.open(bundle / "golden" / "phantom0.png"))
    (bundle / "golden" / "phantom0.png").write_bytes(as_png(inverted))
    resign(bundle)
    with refuses(GoldenError, "changes by"):
        replayed(bundle)


def test_another_preprocessing_is_found_out(bundle: Path, resign, refuses) -> None:
    from dataclasses import replace

    preprocess = open_bundle(bundle).manifest.preprocess
    resign(bundle, preprocess=replace(preprocess, mean=100.0))
    with refuses(GoldenError, "doctor"):
        replayed(bundle)


@pytest.mark.parametrize("name", ["../../outside.png", "/etc/hostname", "absent.png"])
def test_a_golden_image_outside_the_bundle_is_not_read(bundle: Path, resign, name: str) -> None:
    (bundle.parent / "outside.png").write_bytes((bundle / "golden" / "black.png").read_bytes())

    def point_outside(kept: dict) -> None:
        kept["images"][-2] = name

    change_outputs(bundle, point_outside)
    resign(bundle)
    with pytest.raises((GoldenError, ImageError, BundleError)):
        replayed(bundle)


def test_the_golden_images_are_the_same_everywhere_and_show_no_patient() -> None:
    one, other = golden_images(3), golden_images(3)
    assert [name for name, _ in one] == [name for name, _ in other]
    for (name, image), (_, same) in zip(one, other, strict=True):
        assert image.dtype == np.uint8, name
        np.testing.assert_array_equal(image, same)
    assert {name for name, _ in one} >= {"black.png", "white.png", "ramp.png"}
    assert len({image.shape for _, image in one}) > 5, "several sizes, so that the resize is proved too"
    assert all(image.ndim == 2 for _, image in golden_images(1))
