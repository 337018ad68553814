"""Golden inputs and outputs travel with the bundle, so that any machine can prove that it computes the same."""

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np

from bedside.base.arrays import ByteArray, FloatArray
from bedside.base.errors import GoldenError
from bedside.base.jsonform import from_json
from bedside.bundle.golden_clips import as_npy, golden_clips
from bedside.bundle.golden_volumes import as_slices, from_slices, golden_volumes
from bedside.bundle.manifest import ShippedModel
from bedside.data.clip import read_clip
from bedside.data.clip_sampling import spread_frames
from bedside.data.phantom import Phantom
from bedside.data.preprocess import Preprocess
from bedside.data.reading import read_image
from bedside.runtime.session import Session, logits

N_PHANTOMS = 8
N_PLACES = 100
TOLERANCE_PROB = {"fp32": 0.002, "int8": 0.02}
OUTPUTS = "golden/outputs.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldenOutputs:
    """Outputs of each model file on the golden images, ``[file][image][...]``, flat; maps are `thinned`."""

    images: tuple[str, ...]
    logits: dict[str, tuple[tuple[float, ...], ...]]


def golden_cases(preprocess: Preprocess) -> list[tuple[str, ByteArray]]:
    """Named cases of the kind that a preprocessing takes: images, clips or volumes."""
    if preprocess.n_frames is not None:
        return golden_clips(preprocess.n_frames)
    if preprocess.depth_px is not None:
        shape = (preprocess.depth_px, preprocess.height_px, preprocess.width_px)
        return golden_volumes(shape, preprocess.n_channels)
    return golden_images(preprocess.n_channels, min(preprocess.height_px, preprocess.width_px))


def encoded(name: str, case: ByteArray) -> bytes:
    """Encode a golden case as its name says; a volume as a picture of its slices."""
    if name.endswith(".npy"):
        return as_npy(case)
    return as_png(case)


def decoded(path: Path, preprocess: Preprocess) -> ByteArray:
    """Read a golden case back."""
    if preprocess.n_frames is not None:
        return read_clip(path).frames
    picture = read_image(path)
    return picture if preprocess.depth_px is None else from_slices(picture, preprocess.depth_px, preprocess.n_channels)


def _placed(case: ByteArray, preprocess: Preprocess) -> ByteArray:
    if preprocess.n_frames is None:
        return preprocess.geometry(case, preprocess.own_spacing_mm)
    return preprocess.clip([case[i] for i in spread_frames(len(case), preprocess.n_frames)])


def golden_images(n_channels: int, side_px: int = 28) -> list[tuple[str, ByteArray]]:
    """Named images: two phantoms of the input's own size, six of others, and the edge cases; none shows a patient."""
    sizes = [side_px if i < 2 else 28 + 12 * i for i in range(N_PHANTOMS)]
    made = [(f"phantom{i}.png", Phantom(size_px=size).image(i, has_lesion=bool(i % 2))) for i, size in enumerate(sizes)]
    made += [("black.png", np.zeros((40, 30), np.uint8)), ("white.png", np.full((30, 40), 255, np.uint8))]
    if n_channels == 3:
        made.append(("ramp.png", _ramp()))
    return made


def _ramp() -> ByteArray:
    y, x = np.mgrid[0:48, 0:64]
    return np.stack([y * 5, x * 4, 255 - y * 5], axis=-1).astype(np.uint8)


def as_png(image: ByteArray) -> bytes:
    """Encode ``(H, W)`` or ``(H, W, 3)`` pixels, or the slices of ``(D, H, W)`` or ``(C, D, H, W)``."""
    from PIL import Image

    buffer = BytesIO()
    image = as_slices(image) if image.ndim == 4 or (image.ndim == 3 and image.shape[2] != 3) else image
    Image.fromarray(image).save(buffer, "PNG")
    return buffer.getvalue()


def thinned(outputs: FloatArray) -> FloatArray:
    """Keep of maps ``(n, K, ...)`` a few hundred places, evenly over each: ``(n, K, p)``; ``(n, K)`` stays as it is."""
    if outputs.ndim == 2:
        return outputs
    places = outputs.reshape(*outputs.shape[:2], -1)
    return places[:, :, :: max(1, places.shape[2] // N_PLACES)]


def golden_logits(session: Session, preprocess: Preprocess, images: Sequence[ByteArray]) -> FloatArray:
    """Outputs ``(n, K)`` or ``(n, K, p)`` of raw images or clips, through the preprocessing of the bundle."""
    inputs = np.stack([preprocess.normalize(_placed(image, preprocess)) for image in images])
    return thinned(logits(session, inputs))


def replay(folder: Path, shipped: ShippedModel, preprocess: Preprocess, session: Session) -> float:
    """Run the golden images on this machine; return the largest probability change.

    Raises
    ------
    GoldenError
        If it is over the tolerance of the model.
    """
    kept = from_json(GoldenOutputs, (folder / OUTPUTS).read_bytes(), where=OUTPUTS)
    file = shipped.artifact.file
    rows, names = kept.logits.get(file, ()), kept.images
    if len({len(row) for row in rows}) != 1 or len(rows) != len(names) or not rows[0]:
        raise GoldenError(
            f"{OUTPUTS} has no outputs for {file} that fit its {len(names)} images and its classes",
            expected="golden outputs of every model",
            hint="get the bundle again",
        )
    if outside := [name for name in names if Path(name).name != name]:
        raise GoldenError(f"{OUTPUTS} names {outside[0]}", expected="images in golden/", hint="get the bundle again")
    images = [decoded(folder / "golden" / name, preprocess) for name in names]
    outputs = golden_logits(session, preprocess, images)
    if outputs[0].size != len(rows[0]):
        raise GoldenError(
            f"{file} has {outputs[0].size} golden outputs an image here and {len(rows[0])} in {OUTPUTS}",
            expected="the same number", hint="get the bundle again",
        )  # fmt: skip
    got = shipped.point.probabilities(outputs)
    wanted = shipped.point.probabilities(np.array(rows).reshape(outputs.shape))
    change = float(np.abs(got - wanted).max())
    if not change <= shipped.golden_tolerance_prob:
        raise GoldenError(
            f"{file}: a golden probability changes by {change:.4f} on this machine",
            expected=f"at most {shipped.golden_tolerance_prob:g}",
            hint="run bedside doctor; do not use this bundle here",
        )
    return change
