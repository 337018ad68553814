"""Odd, spoilt and hostile images against a bundle made from PneumoniaMNIST.

``python -m benchmarks.robustness BUNDLE`` on the outcome of ``bedside optimize medmnist:pneumoniamnist --drop-leaks
--preset quick --reference residual --formats litert --threads 1 --out BUNDLE``;
real images of other kinds come from ``$BEDSIDE_DATA``. White-box rows need the run's ``BUNDLE.work`` beside it and the
extra ``attack``; they are left out, and said so, where either is missing.
"""

import argparse
import csv
import json
import os
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import numpy as np

from bedside.base.arrays import ByteArray
from bedside.base.estimate import Estimate
from bedside.base.jsonform import from_json, read_json
from bedside.base.seam import missing
from bedside.bundle.opening import Bundle, open_bundle
from bedside.bundle.sealing import ModelFile
from bedside.data.case import Case
from bedside.data.corruptions import suite_for
from bedside.data.reading import read_image
from bedside.data.sources import load_cohort
from bedside.data.stacking import stack_images
from bedside.data.targets import labels_of
from bedside.data.units import units_of
from bedside.runtime.session import logits, open_session
from bedside.serve.predicting import Predictor
from bedside.verify.adversarial import AdversarialReport, AttackCurve, Victim, square_curve
from bedside.verify.attack_checks import check_attacks
from bedside.verify.intervals import bootstrap, resamples, wilson
from bedside.verify.metrics import auroc
from bedside.verify.outliers import gate_evidence, made_outliers
from bedside.verify.robustness import corruption_robustness
from bedside.verify.shortcuts import probe_shortcuts
from benchmarks.ledger import Figure, record

SOURCE = "medmnist:pneumoniamnist"
COMMAND = "python -m benchmarks.robustness BUNDLE"
EPS = (1, 2, 4, 8, 16, 32)
N_OUTSIDE = 150
N_ATTACKED = 100


def note(figure: str, value: Estimate, target: str, met: Callable[[Estimate], bool]) -> None:
    record(
        "evidence",
        Figure(figure=f"robustness: {figure}", value=value.value, low=value.low, high=value.high, target=target,
               met=met(value), command=COMMAND, seeds=(0,)),
    )  # fmt: skip


def outside(root: Path, folder: str) -> list[ByteArray]:
    with (root / folder / "metadata.csv").open(newline="") as stream:
        files = [row["file"] for row in csv.DictReader(stream)]
    return [read_image(root / folder / name) for name in files[:: max(1, len(files) // N_OUTSIDE)][:N_OUTSIDE]]


def others(root: Path) -> dict[str, list[ByteArray]]:
    """Skin, colon (in colour and in grey), ultrasound, brain, and six body parts by another machine."""
    found = {"skin photo": outside(root, "derm_ham10000"), "colonoscopy": outside(root, "endo_polyp_kvasir")}
    for name in ("skin photo", "colonoscopy"):
        found[f"{name} in grey"] = [image.mean(axis=2).round().astype(np.uint8) for image in found[name]]
    found["breast ultrasound"] = outside(root, "us_breast_busi")
    found["brain MR"] = outside(root, "mri_braintumor4")
    with np.load(root / "medical_mnist6_64" / "medical_mnist6_64.npz") as held:
        for k, name in enumerate(held["class_names"]):
            found[f"MedNIST {name}"] = list(held["images"][held["labels"] == k][:N_OUTSIDE])
    return found


def at_the_gate(bundle: Bundle, test: tuple[Case, ...], root: Path) -> None:
    gate = bundle.gate()
    if gate is None:
        raise SystemExit("the bundle has no gate; make it again")
    pictures = [case.image() for case in test]
    preprocess = bundle.manifest.preprocess
    found = gate_evidence(gate, pictures, units_of(test), preprocess, others=others(root))
    note("suitable test images referred (asked: 0.02)", found.refer_frac, "<= 0.04", lambda e: e.value <= 0.04)
    for name, kind in found.kinds.items():
        note(f"gate AUROC, {name}", kind.auroc, ">= 0.95", lambda e: e.value >= 0.95)
        note(f"gate, share referred, {name}", kind.referred_frac, ">= 0.9", lambda e: e.value >= 0.9)
    shipped = bundle.model()
    session = open_session(shipped.artifact, bundle.models_folder)
    turned = made_outliers(pictures)["upside down"]
    energies = [
        -np.log(np.exp(logits(session, np.stack([preprocess(p) for p in part]))).sum(axis=1))
        for part in (pictures, turned)
    ]
    is_odd, score = np.repeat([False, True], [len(e) for e in energies]), np.concatenate(energies)
    draws = resamples([*units_of(test), *units_of(test)], n_resamples=500, seed=0)
    beside = bootstrap(lambda r: auroc(is_odd[r], score[r]), draws, n_rows=len(score), n_patients=len(test))
    note("for comparison, AUROC of the model's energy score, upside down", beside, "none", lambda e: True)


def cost_of_the_gate(bundle: Bundle, folder: Path, test: tuple[Case, ...]) -> None:
    from PIL import Image

    files = [folder / f"{i}.png" for i in range(300)]
    for path, case in zip(files, test, strict=False):
        Image.fromarray(case.image()).save(path)
    spent = {}
    for use_gate in (False, True):
        predictor = Predictor.load(bundle.folder, use_gate=use_gate)
        predictor.predict(files[:50])
        times = []
        for _ in range(5):
            begun = perf_counter()
            predictor.predict(files)
            times.append(1000 * (perf_counter() - begun) / len(files))
        spent[use_gate] = np.array(times)
    extra = spent[True] - float(np.median(spent[False]))
    value = Estimate(value=float(np.median(extra)), low=float(extra.min()), high=float(extra.max()), n_patients=300)
    note("milliseconds that the gate adds to an image", value, "<= 0.5 ms", lambda e: e.value <= 0.5)


def spoilt(bundle: Bundle, images: ByteArray, test: tuple[Case, ...]) -> None:
    manifest, own = bundle.manifest, [bundle.model("litert", p) for p in ("int8", "fp32")]
    models = [(open_session(m.artifact, bundle.models_folder), m.point) for m in own]
    found = corruption_robustness(
        manifest.task, images, labels_of(test), units_of(test), manifest.preprocess, suite_for("X-ray"),
        shipped=models[0], reference=models[1],
    )  # fmt: skip
    note("AUROC lost to corruptions, int8, mean of 25", found.mean_shipped_loss, "<= 0.05", lambda e: e.value <= 0.05)
    note("AUROC lost to corruptions, its fp32", found.mean_reference_loss, "none", lambda e: True)
    note("AUROC lost by int8 beyond its fp32", found.mean_excess_loss, "<= 0.005", lambda e: e.high <= 0.005)
    worst = found.worst
    name = f"AUROC at the worst corruption ({worst.corruption}, severity {worst.severity})"
    note(name, worst.shipped.auroc, "none", lambda e: True)
    scatter = next(r for r in found.results if (r.corruption, r.severity) == ("scatter", 3))
    note("specificity at the locked threshold, scatter 3", scatter.shipped.specificity, "none", lambda e: True)
    clean = found.clean_shipped.specificity
    note("specificity at the locked threshold, clean", clean, "none", lambda e: True)


def shortcuts() -> None:
    cohort = load_cohort(SOURCE)
    cases = [case for case in cohort.cases if case.part == "development"]
    images = np.stack([case.image() for case in cases])[:, None]
    report = probe_shortcuts(cohort.task, images, labels_of(cases), units_of(cases))
    for probe in report.probes:
        note(f"AUROC of the {probe.region} alone, development", probe.auroc, "<= 0.6", lambda e: e.low <= 0.6)


def hostile(bundle: Bundle, images: ByteArray, test: tuple[Case, ...], work: Path) -> None:
    rows = np.arange(len(images))[:: -(-len(images) // N_ATTACKED)]
    labels, units = labels_of(test), units_of(test)
    curves = _white_box(bundle, images, test, work)
    if not curves:
        shipped = bundle.model("litert", "int8")
        victim = Victim(
            name="litert int8", session=open_session(shipped.artifact, bundle.models_folder), point=shipped.point,
            preprocess=bundle.manifest.preprocess, images=images[rows], labels=labels[rows],
            units=tuple(units[i] for i in rows), positive=bundle.manifest.task.positive,
        )  # fmt: skip
        curves = [square_curve(victim, eps_levels=EPS)]
    for curve in curves:
        for point in curve.points:
            name = f"{curve.attack} {curve.effort} ({curve.access}) on {curve.victim}, {point.eps_levels} grey levels"
            note(f"accuracy, {name}", point.accuracy, "none", lambda e: True)
    checks = check_attacks(curves)
    share = wilson(sum(c.passed for c in checks), len(checks))
    note(f"share of {len(checks)} sanity checks that hold", share, "1", lambda e: e.value == 1)


def _white_box(bundle: Bundle, images: ByteArray, test: tuple[Case, ...], work: Path) -> list[AttackCurve]:
    try:
        from bedside.attack_stops import attacked
        from bedside.compress.compressing import CompressedModel, load_compressed
        from bedside.train.attacking import REQUIRES
    except ModuleNotFoundError:
        return []
    if missing(REQUIRES) or not work.is_dir():
        print("no white-box rows: they need BUNDLE.work and the extra attack")
        return []
    name = json.loads(bundle.text("evidence/recipe.json"))["architecture"]
    made = [(read_json(CompressedModel, path), path.with_suffix("")) for path in work.glob("model-*.json")]
    model, folder = next(
        (m, f)
        for m, f in made
        if (m.recipe.architecture.family, m.recipe.architecture.width) == (name["family"], name["width"])
    )
    int8, fp32 = (bundle.model("litert", precision) for precision in ("int8", "fp32"))
    report = attacked(
        load_compressed(model, folder), fp32.point,
        ModelFile(artifact=int8.artifact, folder=bundle.models_folder, point=int8.point),
        bundle.manifest.task, bundle.manifest.preprocess, images, labels_of(test), tuple(units_of(test)),
        eps_levels=EPS,
    )  # fmt: skip
    return list(report.curves)


def kept_attacks(path: Path, about: str) -> None:
    """Write the rows of a file that ``bedside robustness --white-box --out FILE`` has left."""
    held = json.loads(path.read_text())["adversarial"]
    report = from_json(AdversarialReport, json.dumps(held).encode(), where=path.name)
    command = f"bedside robustness BUNDLE --data {about} --white-box --out FILE; python -m benchmarks.robustness FILE"
    for curve in report.curves:
        for point in curve.points:
            where = f"{curve.attack} {curve.effort} ({curve.access}) on {curve.victim}, {point.eps_levels} grey levels"
            for name in ("accuracy", "sensitivity"):
                value: Estimate = getattr(point, name)
                record(
                    "evidence",
                    Figure(figure=f"white-box, {about}, {report.n_cases} images: {name}, {where}", value=value.value,
                           low=value.low, high=value.high, target="none", met=True, command=command,
                           seeds=(report.seed,)),
                )  # fmt: skip
    share = wilson(sum(c.passed for c in report.checks), len(report.checks))
    record(
        "evidence",
        Figure(figure=f"white-box, {about}: share of {len(report.checks)} sanity checks that hold", value=share.value,
               low=share.low, high=share.high, target="1", met=share.value == 1, command=command, seeds=(report.seed,)),
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", type=Path, help="a bundle, or the JSON that bedside robustness --white-box left")
    parser.add_argument("--about", default=SOURCE, help="with JSON: what was attacked, for the rows")
    asked = parser.parse_args()
    path = asked.bundle
    if path.suffix == ".json":
        kept_attacks(path, asked.about)
        return
    root = Path(os.environ.get("BEDSIDE_DATA", "../shared/data"))
    bundle = open_bundle(path)
    test = tuple(case for case in load_cohort(SOURCE).cases if case.part == "test")
    images = stack_images(test, bundle.manifest.preprocess)
    shortcuts()
    at_the_gate(bundle, test, root)
    spoilt(bundle, images, test)
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as folder:
        cost_of_the_gate(bundle, Path(folder), test)
    hostile(bundle, images, test, path.with_name(f"{path.name}.work"))


if __name__ == "__main__":
    main()
