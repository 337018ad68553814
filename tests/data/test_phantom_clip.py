"""The phantom clips: only the order of the frames tells."""

import numpy as np

from bedside.data.audit import audit_cohort
from bedside.data.phantom_clip import ClipPhantom
from bedside.data.sources import load_cohort


def test_a_clip_of_the_other_class_is_the_same_frames_in_reverse() -> None:
    phantom = ClipPhantom()
    down, up = phantom.clip(3, goes_down=True), phantom.clip(3, goes_down=False)
    np.testing.assert_array_equal(down, up[::-1])
    assert down.shape == (8, 32, 32)


def test_the_diaphragm_goes_the_way_that_the_label_says() -> None:
    """The bright line's height, measured as the row of the largest mean, moves with the label."""
    for i in range(10):
        rows = ClipPhantom().clip(i, goes_down=bool(i % 2)).astype(float)[:, :, 12:20].mean(axis=2).argmax(axis=1)
        slope = np.polyfit(np.arange(len(rows)), rows, 1)[0]
        assert (slope > 0) == bool(i % 2)


def test_the_cohort_has_no_leak_and_two_clips_a_patient() -> None:
    cohort = load_cohort("phantom:clip", n="40")
    _, audit = audit_cohort(cohort)
    assert not audit.leaks
    assert not audit.n_copies_within_parts
    assert len({case.patient_id for case in cohort.cases}) == 20
