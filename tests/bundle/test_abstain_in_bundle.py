"""Prediction sets and referral travel with the bundle, and refer an unsure image only where that is asked for."""

import csv
import json
import shutil
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from bedside.base.errors import BundleError, InputError, TamperError
from bedside.base.jsonform import to_json
from bedside.bundle.opening import ABSTAIN, open_bundle
from bedside.bundle.sealing import SealJob, seal
from bedside.cli.predicting import run_predict
from bedside.serve.predicting import Predictor
from bedside.serve.prediction import REFER
from bedside.verify.abstention import AbstentionRules, confidence, fit_abstention

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


@pytest.fixture(scope="module")
def rules(job: SealJob) -> AbstentionRules:
    """Calls are right from a probability of 0.61 on, and wrong below it."""
    rng = np.random.default_rng(0)
    called, sure = rng.integers(2, size=600), rng.uniform(0.5, 0.75, 600)
    probabilities = np.where(np.arange(2) == called[:, None], sure[:, None], 1 - sure[:, None])
    labels = np.where(sure > 0.61, called, 1 - called)
    fitted = fit_abstention(labels, probabilities, called)
    assert fitted.bounded(0.05).least_confidence is not None
    return AbstentionRules(of_model={model.artifact.name: fitted for model in job.models})


@pytest.fixture(scope="module")
def ruled(job: SealJob, rules: AbstentionRules, key: "Ed25519PrivateKey", tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("ruled") / "toy"
    seal(replace(job, abstention=rules), folder, key)
    return folder


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> list[Path]:
    folder = tmp_path_factory.mktemp("images")
    rng = np.random.default_rng(1)
    for i in range(30):
        Image.fromarray(np.clip(rng.normal(8 * i, 40, (8, 8)), 0, 255).astype(np.uint8)).save(folder / f"{i:02}.png")
    return sorted(folder.iterdir())


def test_the_rules_come_back_equal_under_the_digests(ruled: Path, rules: AbstentionRules) -> None:
    for path in (ruled, ruled.with_name("toy.bedside")):
        bundle = open_bundle(path)
        assert to_json(bundle.abstention()) == to_json(rules)
        assert ABSTAIN in bundle.manifest.files


def test_sets_are_shown_and_nothing_is_referred_unasked(ruled: Path, sealed: Path, files: list[Path]) -> None:
    found, plain = Predictor.load(ruled).predict(files), Predictor.load(sealed).predict(files)
    assert [replace(p, classes_in_set=None) for p in found] == plain
    rule = Predictor.load(ruled).rule
    assert rule is not None
    for answer in found:
        wanted = [
            n
            for n, p, least in zip(answer.classes, answer.probabilities, rule.sets.least_prob, strict=True)
            if p >= least
        ]
        assert answer.classes_in_set == tuple(wanted)


def test_unsure_images_are_referred_where_that_is_asked_for(ruled: Path, files: list[Path]) -> None:
    plain = Predictor.load(ruled).predict(files)
    predictor = Predictor.load(ruled, abstain=True)
    found = predictor.predict(files)
    assert predictor.rule is not None
    least = predictor.rule.bounded(0.05).least_confidence
    probabilities = np.array([p.probabilities for p in plain])
    sure = confidence(probabilities, predictor.shipped.point.calls(probabilities))
    assert [p.called == REFER for p in found] == (sure < least).tolist()
    assert any(p.called == REFER for p in found)
    for answer, before in zip(found, plain, strict=True):
        assert answer.probabilities == before.probabilities
        if answer.refer:
            assert answer.is_positive is None
            assert "unsure" in answer.refer
        else:
            assert answer.called == before.called
    lax = Predictor.load(ruled, abstain=True, max_error_frac=0.2).predict(files)
    assert sum(bool(p.refer) for p in lax) <= sum(bool(p.refer) for p in found)


def test_every_shape_of_output_says_it(ruled: Path, sealed: Path, files: list[Path], capsys) -> None:
    run_predict(ruled, files, "json", None, None, None, 1, True, 0.05)
    rows = json.loads(capsys.readouterr().out)
    assert all(isinstance(row["prediction_set"], list) for row in rows)
    run_predict(ruled, files, "csv", None, None, None, 1, True, 0.05)
    lines = list(csv.DictReader(StringIO(capsys.readouterr().out)))
    assert [line["prediction_set"].split("|") for line in lines] == [row["prediction_set"] or [""] for row in rows]
    run_predict(ruled, files, "table", None, None, None, 1, True, 0.05)
    table = capsys.readouterr().out
    assert "one of" in table
    assert table.count("unsure") == sum(bool(row["refer"]) for row in rows)
    run_predict(sealed, files, "table", None, None, None, 1)
    assert "one of" not in capsys.readouterr().out


def test_an_older_bundle_answers_alone_and_cannot_be_asked_to_abstain(sealed: Path, files: list[Path], refuses) -> None:
    assert open_bundle(sealed).abstention() is None
    assert {p.classes_in_set for p in Predictor.load(sealed).predict(files)} == {None}
    with refuses(InputError, "no referral rule"):
        Predictor.load(sealed, abstain=True)


def test_a_bound_without_a_rule_is_refused(ruled: Path, refuses) -> None:
    with refuses(InputError, "0.07"):
        Predictor.load(ruled, abstain=True, max_error_frac=0.07)


def test_changed_or_foreign_rules_are_noticed(ruled: Path, bundle: Path, resign, refuses, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(ruled, tmp_path / "changed"))
    (copy / ABSTAIN).write_bytes(
        (copy / ABSTAIN).read_bytes().replace(b'"max_error_frac":0.05', b'"max_error_frac":0.5')
    )
    with pytest.raises(TamperError, match=ABSTAIN):
        open_bundle(copy)
    (bundle / ABSTAIN).write_text('{"of_model": 1}')
    resign(bundle)
    with refuses(BundleError, ABSTAIN):
        open_bundle(bundle).abstention()
