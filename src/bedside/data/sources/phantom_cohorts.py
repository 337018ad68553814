"""Cohorts of simulated cases; two cases a made-up patient."""

from collections.abc import Mapping

from bedside.base.errors import InputError
from bedside.base.task import Task
from bedside.data.case import Case
from bedside.data.cohort import Cohort
from bedside.data.phantom import Phantom
from bedside.data.phantom_clip import ClipPhantom
from bedside.data.phantom_findings import FINDINGS, GRADES, FindingsPhantom, GradedPhantom
from bedside.data.phantom_foci import KINDS as KINDS_OF_FOCI
from bedside.data.phantom_foci import FociPhantom
from bedside.data.phantom_volume import CLASSES as PARTS_OF_VOLUME
from bedside.data.phantom_volume import VolumePhantom

Options = Mapping[str, str]


def plain(options: Options) -> Cohort:
    """Every other image shows a lesion."""
    phantom = Phantom(size_px=count(options, "size_px", 32, least=8))
    cases = tuple(
        Case(case_id=f"phantom/{i:05d}", label=i % 2, patient_id=f"phantom-{i // 2}", pixels=pixels)
        for i, pixels in enumerate(phantom.images(count(options, "n", 700, least=4)))
    )
    return simulated("ultrasound", Task(classes=("no lesion", "lesion"), positive=1), cases)


def findings(options: Options) -> Cohort:
    """Several findings that may be there together."""
    phantom = FindingsPhantom(size_px=count(options, "size_px", 32, least=8))
    shown = (phantom.case(i) for i in range(count(options, "n", 700, least=4)))
    cases = tuple(
        Case(case_id=f"findings/{i:05d}", label=0, marks=marks, patient_id=f"phantom-{i // 2}", pixels=pixels)
        for i, (pixels, marks) in enumerate(shown)
    )
    return simulated("multilabel", Task(classes=FINDINGS, positive=0, kind="multilabel"), cases, name="findings")


def graded(options: Options) -> Cohort:
    """A lesion of a grade."""
    phantom = GradedPhantom(size_px=count(options, "size_px", 32, least=8))
    cases = tuple(
        Case(case_id=f"graded/{i:05d}", label=i % len(GRADES), patient_id=f"phantom-{i // 2}",
             pixels=phantom.image(i, grade=i % len(GRADES)))
        for i in range(count(options, "n", 700, least=4))
    )  # fmt: skip
    return simulated("ordinal", Task(classes=GRADES, positive=2, kind="ordinal"), cases, name="graded")


def outlined(options: Options) -> Cohort:
    """Every other image has a lesion and its mask; the others have a mask without any."""
    phantom = Phantom(size_px=count(options, "size_px", 48, least=16))
    cases = tuple(
        Case(case_id=f"phantom/{i:05d}", label=i % 2, patient_id=f"phantom-{i // 2}",
             pixels=phantom.image(i, has_lesion=bool(i % 2)), mask_pixels=phantom.mask(i, has_lesion=bool(i % 2)))
        for i in range(count(options, "n", 240, least=8))
    )  # fmt: skip
    return simulated("ultrasound-lesion", Task(classes=("background", "lesion"), kind="segmentation"), cases)


def foci(options: Options) -> Cohort:
    """None to three bright foci of two kinds in an image, and their boxes."""
    phantom = FociPhantom(size_px=count(options, "size_px", 64, least=32))
    made = [phantom.image(i) for i in range(count(options, "n", 240, least=12))]
    cases = tuple(
        Case(case_id=f"foci/{i:05d}", label=0, patient_id=f"phantom-{i // 2}", pixels=pixels, boxes=boxes)
        for i, (pixels, boxes) in enumerate(made)
    )
    task = Task(classes=KINDS_OF_FOCI, positive=0, kind="detection")
    return simulated("detection", task, cases, modality="tissue")


def clips(options: Options) -> Cohort:
    """Clips whose frames are alike; only their order tells."""
    phantom = ClipPhantom(
        size_px=count(options, "size_px", 32, least=8), n_frames=count(options, "n_frames", 8, least=2)
    )
    cases = tuple(
        Case(case_id=f"clip/{i:05d}", label=i % 2, patient_id=f"phantom-{i // 2}",
             pixels=phantom.clip(i, goes_down=bool(i % 2))[..., None])
        for i in range(count(options, "n", 300, least=4))
    )  # fmt: skip
    return simulated("clip", Task(classes=("expiration", "inspiration"), positive=1), cases, may_flip=False)


def volumes(options: Options) -> Cohort:
    """Volumes with label maps of two parts."""
    made = (VolumePhantom().volume(i) for i in range(count(options, "n", 60, least=8)))
    cases = tuple(
        Case(case_id=f"phantom/{i:05d}", label=0, patient_id=f"phantom-{i}", pixels=voxels, mask_pixels=labels,
             marks=(1,) * len(PARTS_OF_VOLUME))
        for i, (voxels, labels) in enumerate(made)
    )  # fmt: skip
    return simulated("volume", Task(classes=PARTS_OF_VOLUME, kind="segmentation"), cases, modality="MR", may_flip=False)


def simulated(
    kind: str,
    task: Task,
    cases: tuple[Case, ...],
    *,
    name: str = "",
    modality: str = "ultrasound",
    may_flip: bool = True,
) -> Cohort:
    """Wrap simulated cases up as what they are."""
    return Cohort(
        name=f"{name or kind}-phantom", task=task, cases=cases, source=f"phantom:{kind}", licence="CC0",
        modality=f"{modality} (simulated)", may_flip=may_flip, is_phantom=True,
    )  # fmt: skip


def count(options: Options, name: str, default: int, *, least: int) -> int:
    """Read a whole number."""
    asked = options.get(name, str(default))
    if not asked.isdecimal() or int(asked) < least:
        raise InputError(
            f"a phantom with {name}={asked}", expected=f"a whole number from {least} on", hint="correct it"
        )
    return int(asked)
