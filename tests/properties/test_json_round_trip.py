"""Every frozen value that is written down comes back as it was."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bedside.base.digest import Digest, digest_value
from bedside.base.estimate import Estimate
from bedside.base.jsonform import from_json, to_json
from bedside.base.stamp import Stamp
from bedside.base.task import Task, TensorSpec
from bedside.bundle.manifest import IntendedUse, Manifest, ShippedModel
from bedside.data.audit import CohortAudit, Leak
from bedside.data.preprocess import Preprocess
from bedside.runtime.artifact import Artifact
from bedside.verify.operating_point import OperatingPoint

WORDS = st.text(max_size=12)
DIGESTS = st.binary(min_size=32, max_size=32).map(lambda data: Digest(data.hex()))
FRACTIONS = st.floats(0, 1)
SIZES = st.integers(1, 512)
TASKS = st.lists(WORDS, min_size=2, max_size=5, unique=True).flatmap(
    lambda names: st.builds(Task, classes=st.just(tuple(names)), positive=st.integers(0, len(names) - 1))
)
POINTS = st.builds(
    OperatingPoint,
    temperature=st.floats(0.05, 20),
    threshold_prob=st.none() | FRACTIONS,
    positive=st.integers(0, 4),
    rule=WORDS,
)
ARTIFACTS = st.builds(
    Artifact,
    format=WORDS,
    precision=st.sampled_from(["fp32", "int8"]),
    file=WORDS,
    digest=DIGESTS,
    size_bytes=st.integers(0, 2**53),
    spec=st.builds(TensorSpec, n_channels=SIZES, height_px=SIZES, width_px=SIZES),
    n_classes=st.integers(2, 50),
)
MANIFESTS = st.builds(
    Manifest,
    schema_version=st.just(1),
    name=WORDS,
    bedside_version=WORDS,
    created=WORDS,
    task=TASKS,
    preprocess=st.builds(
        Preprocess,
        n_channels=st.sampled_from([1, 3]),
        height_px=SIZES,
        width_px=SIZES,
        fit=st.sampled_from(["letterbox", "squash", "crop"]),
        mean=st.floats(allow_nan=False, allow_infinity=False),
        std=st.floats(1e-300, 1e300),
    ),
    models=st.lists(
        st.builds(ShippedModel, artifact=ARTIFACTS, point=POINTS, golden_tolerance_prob=FRACTIONS), max_size=3
    ).map(tuple),
    intended_use=st.builds(IntendedUse, purpose=WORDS, population=WORDS, setting=WORDS, user=WORDS, limits=WORDS),
    cohort=WORDS,
    cohort_digest=DIGESTS,
    is_phantom=st.booleans(),
    content_digest=DIGESTS,
    files=st.dictionaries(WORDS, DIGESTS, max_size=4),
)
AUDITS = st.builds(
    CohortAudit,
    n_cases=st.integers(0, 10**6),
    counts=st.dictionaries(WORDS, st.dictionaries(WORDS, st.integers(0, 10**6), max_size=3), max_size=3),
    unreadable=st.dictionaries(WORDS, WORDS, max_size=3),
    constant=st.lists(WORDS, max_size=3).map(tuple),
    leaks=st.lists(
        st.builds(
            Leak, kind=st.sampled_from(["exact", "near", "patient", "group"]), first=WORDS, second=WORDS,
            parts=st.tuples(WORDS, WORDS),
        ),
        max_size=3,
    ).map(tuple),
    n_copies_within_parts=st.integers(0, 100),
    policy=st.sampled_from(["stop", "drop", "allow"]),
    dropped=st.lists(WORDS, max_size=3).map(tuple),
    copies=st.lists(st.tuples(WORDS, WORDS), max_size=3).map(tuple),
)  # fmt: skip


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(MANIFESTS)
def test_a_manifest_comes_back(manifest: Manifest) -> None:
    raw = to_json(manifest, indent=1)
    back = from_json(Manifest, raw)
    assert back == manifest
    assert to_json(back, indent=1) == raw
    assert digest_value(back) == digest_value(manifest)


@settings(max_examples=60, deadline=None)
@given(AUDITS)
def test_an_audit_comes_back(audit: CohortAudit) -> None:
    assert from_json(CohortAudit, to_json(audit)) == audit


@given(st.floats(allow_nan=False))
def test_a_number_comes_back_to_the_last_bit(value: float) -> None:
    estimate = Estimate(value=value, low=float("-inf"), high=float("inf"), n_patients=3)
    assert from_json(Estimate, to_json(estimate)) == estimate


@given(st.builds(Stamp, stop=WORDS, digest=DIGESTS, parents=st.lists(DIGESTS, max_size=3).map(tuple), note=WORDS))
def test_a_stamp_comes_back(stamp: Stamp) -> None:
    assert from_json(Stamp, to_json(stamp)) == stamp
