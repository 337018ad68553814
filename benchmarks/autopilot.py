"""Int8 by the autopilot and by the defaults of three tools: ``python -m benchmarks.autopilot`` (resumes cell by cell).

A cell is one data set, network and seed: the network is fitted in fp32, then every tool rounds the same weights with
the same observation images, as its documentation shows (ONNX Runtime `quantize_static`, AI Edge Quantizer
`static_wi8_ai8`, NNCF `nncf.quantize`), and the autopilot does with ONNX Runtime files. The autopilot decides on tuning
data; the test is scored once for every file. NNCF is no dependency: ``pip install nncf``, else its rows are left out.
"""

import argparse
import json
import math
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from bedside.base.arrays import FloatArray
from bedside.base.files import write_atomic
from bedside.base.journal import Journal
from bedside.base.watch import Silent
from bedside.data.audit import audit_cohort, usable
from bedside.data.augment import Augment
from bedside.data.preprocess import Preprocess
from bedside.data.sources import load_cohort
from bedside.data.split import split_by_patient
from bedside.data.stacking import stack_images
from bedside.data.targets import labels_of
from bedside.data.units import units_of
from bedside.verify.metrics import softmax
from bedside.verify.noninferiority import auroc_of, compare_aurocs
from benchmarks.ledger import Figure, record

CELLS = Path(__file__).parent / ".cells" / "autopilot"
TOOLS = ("ONNX Runtime", "AI Edge Quantizer", "NNCF", "autopilot")
SEEDS = (0, 1, 2)
TARGET = 0.005
"""Largest loss of test AUROC against fp32."""

STUDIES = {
    "kermany64": ("folder:cxr_pneumonia_kermany", 64),
    "nodule50": ("folder:ct_nodule_luna16_patches", 50),
    "busi64": ("folder:us_breast_busi", 64),
}
NETS = {
    "mobilenetv3_small": ("timm:mobilenetv3_small_100", 24_000),
    "mobilenetv2_050": ("timm:mobilenetv2_050", 24_000),
    "efficientnet_b0": ("timm:efficientnet_b0", 12_000),
    "depthwise": ("depthwise", 24_000),
}
"""Family and images seen by the fit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One network of one study and seed."""

    study: str
    net: str
    seed: int

    @property
    def path(self) -> Path:
        """Its file."""
        return CELLS / f"{self.study}-{self.net}-{self.seed}.json"


def run_cell(cell: Cell) -> None:
    """Fit, round in four ways, score the test, write the cell."""
    from bedside.base.budget import Budget
    from bedside.base.digest import digest_array
    from bedside.cohort_stops import gathered
    from bedside.compress.autopilot import PLAIN
    from bedside.compress.compressing import CompressedModel
    from bedside.compress.presets import preset_named
    from bedside.compress.recipe import Recipe
    from bedside.export.converting import ExportJob, convert
    from bedside.int8_files import Subject
    from bedside.mending_stops import mended
    from bedside.running import Run, Settings
    from bedside.runtime.session import logits, open_session
    from bedside.train.architecture import Architecture, build
    from bedside.train.checkpoint import load_weights, save_weights
    from bedside.train.fitting import fit
    from bedside.train.plan import TrainPlan
    from bedside.verify.judge import judge_of

    source, px = STUDIES[cell.study]
    cohort = load_cohort(source.replace("folder:", f"folder:{os.environ.get('BEDSIDE_DATA', '../shared/data')}/"))
    cohort = usable(cohort, audit_cohort(cohort, policy="drop")[1])
    split = split_by_patient(cohort, seed=0)
    n_channels = 3 if cohort.cases[0].image().ndim == 3 else 1
    preprocess = Preprocess(n_channels=n_channels, height_px=px, width_px=px)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        settings = Settings(preset=preset_named("standard"), formats=("onnx",), seed=cell.seed)
        run = Run(settings=settings, journal=Journal(folder=folder / "work"), watch=Silent())
        run.journal.folder.mkdir()
        material = gathered(run, cohort, split, preprocess)
        family, n_images = NETS[cell.net]
        n_epochs = math.ceil(n_images / len(material.data.development))
        architecture = Architecture(family=family, width=1.0, spec=preprocess.spec, n_classes=cohort.task.n_classes)
        plan = TrainPlan(n_epochs=n_epochs, learning_rate=3e-3, patience=n_epochs, n_views=2, seed=cell.seed,
                         augment=Augment(flip_prob=0.5 if cohort.may_flip else 0.0))  # fmt: skip
        kept = CELLS / f"{cell.study}-{cell.net}-{cell.seed}.safetensors"
        network, begun = build(architecture, seed=cell.seed), time.process_time()
        if kept.is_file():
            network = load_weights(network, kept)
        else:
            network, _ = fit(network, plan, material.data, monitor=judge_of(cohort.task).monitor(cohort.task))
            save_weights(network, kept)
        fit_s = time.process_time() - begun
        digest = save_weights(network, folder / "weights.safetensors")
        job = ExportJob(model=network, spec=preprocess.spec, n_classes=cohort.task.n_classes,
                        plan=PLAIN.plan(len(material.observed), digest_array(material.observed)),
                        observed=material.observed, folder=folder / "onnx")  # fmt: skip
        files = convert(job, "onnx", ("fp32", "int8"))
        begun = time.process_time()
        recipe = Recipe(architecture=architecture, plan=plan)
        found = mended(run, material, Subject(
            name=cell.net, model=CompressedModel(recipe=recipe, file="weights.safetensors", digest=digest),
            network=network, recipe=recipe, files=files, folder=job.folder, budget=Budget(),
        ))  # fmt: skip
        autopilot_s = time.process_time() - begun
        chosen = (found.tested.files[-1], found.folder) if found.tested else (files[0], job.folder)

        cases = split.test.open(reason="int8 by four tools; every file is scored, none is chosen by it")
        test, labels, units = preprocess.normalize(stack_images(cases, preprocess)), labels_of(cases), units_of(cases)
        fp32 = logits(open_session(files[0], job.folder), test)
        outputs: dict[str, FloatArray | str] = {"autopilot": logits(open_session(*chosen), test)}
        raw = job.folder / files[0].file
        for tool, rounded in (("ONNX Runtime", _onnxruntime), ("NNCF", _nncf), ("AI Edge Quantizer", None)):
            try:
                if rounded is not None:
                    outputs[tool] = rounded(raw, material.observed, folder)(test)
                else:
                    outputs[tool] = _ai_edge(job, material.observed, folder)(test)
            except ImportError as error:
                outputs[tool] = f"not installed: {error}"
            except Exception as error:  # whatever a tool does with a network is a result
                outputs[tool] = f"{type(error).__name__}: {str(error).splitlines()[0][:200]}"
        base = softmax(fp32)
        rows: dict[str, dict[str, Any]] = {"fp32": {"auroc": auroc_of(cohort.task, labels, base)}}
        for tool in TOOLS:
            got = outputs[tool]
            if isinstance(got, str):
                rows[tool] = {"error": got}
                continue
            probabilities = softmax(got)
            gap = compare_aurocs(cohort.task, labels, probabilities, base, margin=0.02, draws=(),
                                 n_patients=len(set(units)), units=units).difference  # fmt: skip
            rows[tool] = {
                "auroc": auroc_of(cohort.task, labels, probabilities), "gap": gap.value, "low": gap.low,
                "high": gap.high,
                "flips": float(np.mean(probabilities.argmax(1) != base.argmax(1))),
            }  # fmt: skip
        report = found.report
        cell.path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(cell.path, json.dumps({
            "rows": rows, "fix": report.chosen, "fit_s": fit_s, "autopilot_s": autopilot_s,
            "tries": [
                [t.fix, t.why, t.flips_frac, t.difference.value if t.difference else None, t.seconds]
                for t in report.tries
            ],
            "culprits": [[c.layer, c.alone_sqnr_db] for c in report.culprits],
            "kib": {"fp32": files[0].size_kib, "autopilot": chosen[0].size_kib},
        }, indent=1).encode())  # fmt: skip
    print(cell, {name: row.get("gap", row.get("auroc", row.get("error"))) for name, row in rows.items()}, report.chosen,
          f"fit {fit_s:.0f} s, autopilot {autopilot_s:.0f} s", flush=True)  # fmt: skip


Answer = Callable[[FloatArray], FloatArray]


def _onnxruntime(source: Path, observed: FloatArray, folder: Path) -> Answer:
    """``quantize_static`` with nothing but the required arguments, after the pre-processing that its page asks for."""
    from onnxruntime.quantization import CalibrationDataReader, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Reader(CalibrationDataReader):
        def __init__(self) -> None:
            self.rows = iter(observed)

        def get_next(self) -> dict[str, FloatArray] | None:  # type: ignore[override]
            row = next(self.rows, None)
            return None if row is None else {"image": row[None]}

    quant_pre_process(str(source), str(folder / "ort_pre.onnx"))
    quantize_static(str(folder / "ort_pre.onnx"), str(folder / "ort.onnx"), Reader())
    return _onnx_answers(folder / "ort.onnx")


def _nncf(source: Path, observed: FloatArray, folder: Path) -> Answer:
    """``nncf.quantize`` with nothing but model and data set."""
    import nncf  # type: ignore[import-not-found]
    import onnx

    rounded = nncf.quantize(onnx.load(str(source)), nncf.Dataset([{"image": row[None]} for row in observed]))
    onnx.save(rounded, str(folder / "nncf.onnx"))
    return _onnx_answers(folder / "nncf.onnx")


def _onnx_answers(path: Path) -> Answer:
    from onnxruntime import InferenceSession

    session = InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return lambda images: np.concatenate([np.asarray(session.run(None, {"image": row[None]})[0]) for row in images])


def _ai_edge(job: Any, observed: FloatArray, folder: Path) -> Answer:
    """``static_wi8_ai8`` and its own observer on the float file."""
    from ai_edge_litert.interpreter import Interpreter
    from ai_edge_quantizer import quantizer, recipe

    from bedside.export.converting import ExportJob, convert

    place = folder / "litert"
    litert = ExportJob(model=job.model, spec=job.spec, n_classes=job.n_classes, plan=job.plan, observed=observed,
                       folder=place)  # fmt: skip
    (raw,) = convert(litert, "litert", ("fp32",))
    path = place / raw.file
    signature, names = next(iter(Interpreter(str(path)).get_signature_list().items()))
    name = names["inputs"][0]
    worker = quantizer.Quantizer(str(path), recipe.static_wi8_ai8())
    feeds = [{name: np.ascontiguousarray(np.moveaxis(row[None], 1, -1))} for row in observed]
    worker.quantize(worker.calibrate({signature: feeds})).export_model(str(folder / "aeq.tflite"))
    interpreter = Interpreter(str(folder / "aeq.tflite"), num_threads=1)
    interpreter.allocate_tensors()
    (into,), (out,) = interpreter.get_input_details(), interpreter.get_output_details()

    def answers(images: FloatArray) -> FloatArray:
        rows = []
        for row in images:
            interpreter.set_tensor(into["index"], _in_integers(np.moveaxis(row[None], 1, -1), into))
            interpreter.invoke()
            rows.append(_in_floats(interpreter.get_tensor(out["index"]), out))
        return np.concatenate(rows)

    return answers


def _in_integers(values: FloatArray, detail: Any) -> Any:
    scale, zero = detail["quantization"]
    if detail["dtype"] == np.float32:
        return np.ascontiguousarray(values, np.float32)
    limits = np.iinfo(detail["dtype"])
    return np.clip(np.round(values / scale) + zero, limits.min, limits.max).astype(detail["dtype"])


def _in_floats(values: Any, detail: Any) -> FloatArray:
    scale, zero = detail["quantization"]
    return values if detail["dtype"] == np.float32 else (values.astype(np.float32) - zero) * np.float32(scale)


def summarize(studies: list[str], nets: list[str]) -> None:
    """One row a study, network and tool, over every seed that is finished."""
    for study, net in product(studies, nets):
        paths = {seed: Cell(study=study, net=net, seed=seed).path for seed in SEEDS}
        done = {seed: json.loads(path.read_text()) for seed, path in paths.items() if path.is_file()}
        for tool in TOOLS if done else ():
            _row(study, net, tool, done)


def _row(study: str, net: str, tool: str, done: dict[int, dict[str, Any]]) -> None:
    rows = {seed: cell["rows"][tool] for seed, cell in done.items() if "gap" in cell["rows"][tool]}
    if not rows:
        print(study, net, tool, [cell["rows"][tool]["error"] for cell in done.values()], flush=True)
        return
    ours, worst = tool == "autopilot", min(row["gap"] for row in rows.values())
    fp32 = float(np.mean([cell["rows"]["fp32"]["auroc"] for cell in done.values()]))
    flips = 100 * float(np.mean([row["flips"] for row in rows.values()]))
    fixes = f", fixes: {', '.join(sorted({cell['fix'] or 'none, fp32 remains' for cell in done.values()}))}"
    target = f">= {-TARGET} for every seed" if ours else "none, for comparison"
    told = f"fp32 {fp32:.3f}, worst seed {worst:+.4f}, {flips:.1f} % of calls flip{fixes if ours else ''}"
    record("compression", Figure(
        figure=f"{study}, {net}, {tool}: test AUROC less that of fp32, mean of seeds, mean 95 % interval",
        value=float(np.mean([row["gap"] for row in rows.values()])),
        low=float(np.mean([row["low"] for row in rows.values()])),
        high=float(np.mean([row["high"] for row in rows.values()])),
        target=f"{target}; {told}", met=worst >= -TARGET if ours else True,
        command=f"python -m benchmarks.autopilot --studies {study} --nets {net}", seeds=tuple(rows),
    ))  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", default="kermany64,nodule50", help=f"of {', '.join(STUDIES)}")
    parser.add_argument("--nets", default=",".join(NETS))
    parser.add_argument("--seeds", default=",".join(map(str, SEEDS)))
    parser.add_argument("--share", default="0/1", help="I/N: every N-th cell from the I-th on")
    parser.add_argument("--only-rows", action="store_true", help="write the rows of the cells that are there")
    asked = parser.parse_args()
    first, n = map(int, asked.share.split("/"))
    studies, nets = asked.studies.split(","), asked.nets.split(",")
    cells = [
        Cell(study=study, net=net, seed=int(seed))
        for seed, study, net in product(asked.seeds.split(","), studies, nets)
    ]
    CELLS.mkdir(parents=True, exist_ok=True)
    for cell in () if asked.only_rows else cells[first::n]:
        if not cell.path.is_file():
            run_cell(cell)
    summarize(studies, nets)


if __name__ == "__main__":
    main()
