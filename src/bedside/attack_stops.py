"""Attacks on both sides of the wall: white-box on the float network, transfer and Square on the shipped file."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bedside.base.arrays import ByteArray, IntArray
from bedside.base.errors import InputError
from bedside.base.jsonform import read_json
from bedside.base.task import Task
from bedside.bundle.opening import Bundle
from bedside.bundle.sealing import ModelFile
from bedside.compress.compressing import CompressedModel, load_compressed
from bedside.data.preprocess import Preprocess
from bedside.export.exported import eager_session
from bedside.runtime.session import open_session
from bedside.train.attacking import AttackPlan, white_box
from bedside.verify.adversarial import (
    EPS_LEVELS,
    AdversarialReport,
    AttackCurve,
    Victim,
    decision_offset,
    given_curve,
    square_curve,
)
from bedside.verify.attack_checks import check_attacks
from bedside.verify.operating_point import OperatingPoint

if TYPE_CHECKING:
    from torch import nn

N_IMAGES = 100
"""Images that are attacked, at most: a hundred tell 0.50 from 0.65."""

PLANS = (
    AttackPlan(attack="fgsm", n_steps=1),
    AttackPlan(attack="pgd", n_steps=5),
    AttackPlan(attack="pgd", n_steps=40),
    AttackPlan(attack="autoattack", n_steps=50),
)
TRANSFERRED = PLANS[2]


def float_network_of(bundle: Bundle, work: Path) -> "nn.Module":
    """Rebuild the float network whose file ships, from the work folder of the run that made the bundle.

    Raises
    ------
    InputError
        If the folder is gone, or holds no model of the digest that the bundle's lineage names.
    """
    if not work.is_dir():
        raise InputError(
            f"the work folder {work.name} is not beside {bundle.folder.name}: the float network is gone with it",
            expected="the folder OUT.work that bedside optimize leaves beside its bundle",
            hint="run the same bedside optimize again, or attack the file itself with --attack square",
        )
    stamps = json.loads(bundle.text("evidence/lineage.json"))["stamps"]
    wanted = next((stamp["digest"] for stamp in stamps if stamp["stop"] == "compress"), None)
    for path in sorted(work.glob("model-*.json")):
        model, folder = read_json(CompressedModel, path), path.with_suffix("")
        if model.digest == wanted and (folder / model.file).is_file():
            return load_compressed(model, folder)
    raise InputError(
        f"{work.name} holds no model of the digest that {bundle.folder.name} was made from",
        expected=f"SHA-256 {wanted}",
        hint="it belongs to another run; run the same bedside optimize again",
    )


def attacked(
    network: "nn.Module",
    float_point: OperatingPoint,
    shipped: ModelFile,
    task: Task,
    preprocess: Preprocess,
    images: ByteArray,
    labels: IntArray,
    units: tuple[str, ...],
    *,
    eps_levels: Sequence[int] = (*EPS_LEVELS, 128),
    plans: Sequence[AttackPlan] = PLANS,
    n_queries: int = 300,
    seed: int = 0,
    tick: Callable[[int, int, str], None] = lambda done, total, what: None,
) -> AdversarialReport:
    """Attack the float network with its gradients, and the file that ships without them.

    Parameters
    ----------
    network, float_point
        The float network whose file was quantized, and the operating point of its own fp32 file.
    shipped
        The file that ships with its operating point.
    images, labels, units
        Test images after `Preprocess.geometry`; the first hundred, spread evenly, are attacked.

    Raises
    ------
    MissingPackageError
        Without the extra ``attack``.
    """
    rows = np.arange(len(images))[:: -(-len(images) // N_IMAGES)]

    def victim(name: str, session, point: OperatingPoint) -> Victim:
        return Victim(
            name=name, session=session, point=point, preprocess=preprocess, images=images[rows], labels=labels[rows],
            units=tuple(units[i] for i in rows), positive=task.positive,
        )  # fmt: skip

    float_victim = victim("float network", eager_session(network), float_point)
    file_session = open_session(shipped.artifact, shipped.folder)
    file_victim = victim(shipped.artifact.name, file_session, shipped.point)
    offset = decision_offset(float_point, task.n_classes)
    curves: list[AttackCurve] = []
    for plan in plans:
        made = {}
        for eps in eps_levels:
            made[eps] = white_box(
                network, float_victim.images, float_victim.labels, preprocess, plan, eps_levels=eps, offset=offset
            )
            tick(len(curves), len(plans) + 2, f"{plan.attack}, {plan.n_steps} steps, eps {eps}")
        curves.append(given_curve(float_victim, plan.attack, "white-box", plan.n_steps, made))
        if plan == TRANSFERRED:
            curves.append(given_curve(file_victim, plan.attack, "transfer", plan.n_steps, made))
    curves += [
        square_curve(v, eps_levels=eps_levels, n_queries=n_queries, seed=seed, tick=tick)
        for v in (float_victim, file_victim)
    ]
    return AdversarialReport(
        curves=tuple(curves),
        checks=check_attacks(curves),
        n_cases=len(rows),
        n_patients=len(set(float_victim.units)),
        seed=seed,
    )
