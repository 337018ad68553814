"""The phantom: the same every time, and a question that can be answered."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from bedside.base.errors import InputError
from bedside.data.audit import audit_cohort
from bedside.data.phantom import Phantom
from bedside.data.sources import load_cohort
from bedside.verify.metrics import auroc


def test_the_phantom_is_the_same_every_time() -> None:
    assert load_cohort("phantom:ultrasound", n="12").digest() == load_cohort("phantom:ultrasound", n="12").digest()
    one, other = (list(Phantom(size_px=16, seed=seed).images(3)) for seed in (1, 2))
    assert (np.stack(one) != np.stack(other)).any()


def test_it_says_that_it_is_a_phantom() -> None:
    cohort = load_cohort("phantom:ultrasound", n="8")
    assert cohort.is_phantom
    assert "simulated" in cohort.modality
    assert cohort.task.positive_name == "lesion"
    assert [case.label for case in cohort.cases[:4]] == [0, 1, 0, 1]
    assert cohort.cases[0].patient_id == cohort.cases[1].patient_id


def test_lesions_can_be_told_but_not_at_a_glance() -> None:
    """Hypoechoic spots lower the centre; a linear look at a coarse picture finds most, not all."""
    images = np.stack(list(Phantom(size_px=32).images(500))).astype(float)
    labels = np.arange(500) % 2
    coarse = images.reshape(500, 8, 4, 8, 4).mean(axis=(2, 4)).reshape(500, -1) / 255
    fitted = LogisticRegression(max_iter=1000).fit(coarse[:300], labels[:300])
    area = auroc(labels[300:] == 1, fitted.predict_proba(coarse[300:])[:, 1])
    assert 0.7 < area < 0.999
    assert auroc(labels == 1, -images.mean(axis=(1, 2))) < 0.9, "the mean alone must not give it away"


def test_no_two_phantoms_are_copies() -> None:
    _, audit = audit_cohort(load_cohort("phantom:ultrasound", n="200"))
    assert audit.copies == ()
    assert audit.constant == ()


@pytest.mark.parametrize("source", ["phantom:mri", "phantom:"])
def test_another_phantom_is_refused(refuses, source: str) -> None:
    with refuses(InputError):
        load_cohort(source)


@pytest.mark.parametrize("options", [{"n": "many"}, {"size_px": "-3"}, {"size_px": "0"}, {"n": "0"}])
def test_a_nonsensical_option_is_refused(refuses, options: dict[str, str]) -> None:
    with refuses(InputError):
        load_cohort("phantom:ultrasound", **options)
