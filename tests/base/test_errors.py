"""Exit codes are a promise to scripts; errors travel between processes."""

import pickle

import pytest

from bedside.base.errors import INTERRUPTED_EXIT_CODE, BedsideError, BundleError, InputError, error_tree

PROMISED = {
    "BedsideError": 1,
    "InputError": 10,
    "ImageError": 11,
    "CohortError": 12,
    "LeakError": 13,
    "ShapeError": 14,
    "TraceError": 15,
    "RecipeError": 16,
    "BudgetError": 20,
    "ParityError": 21,
    "SealError": 22,
    "BundleError": 30,
    "TamperError": 31,
    "SignatureError": 32,
    "SchemaVersionError": 33,
    "GoldenError": 34,
    "PluginError": 40,
    "MissingPackageError": 41,
    "RuntimeFailureError": 42,
    "StorageError": 50,
}


def test_exit_codes_are_the_promised_ones() -> None:
    ours = [kind for kind in error_tree() if kind.__module__ == "bedside.base.errors"]
    assert {kind.__name__: kind.exit_code for kind in ours} == PROMISED


def test_no_two_errors_share_an_exit_code() -> None:
    codes = [kind.exit_code for kind in error_tree()]
    assert len(set(codes)) == len(codes)
    assert codes == sorted(codes)
    assert not {0, 2, INTERRUPTED_EXIT_CODE} & set(codes), "0 is success, 2 is a usage error, 130 an interrupt"


def test_the_text_says_what_was_expected_and_what_to_do() -> None:
    error = InputError("got 3", expected="a 4", hint="add 1")
    assert str(error).splitlines() == ["got 3", "  expected: a 4", "  next: add 1"]


def test_the_text_leaves_out_what_is_not_known() -> None:
    assert str(InputError("got 3")) == "got 3"


@pytest.mark.parametrize("kind", error_tree(), ids=lambda kind: kind.__name__)
def test_errors_survive_a_process_boundary(kind: type[BedsideError]) -> None:
    sent = kind("got", expected="wanted", hint="next")
    got = pickle.loads(pickle.dumps(sent))
    assert type(got) is kind
    assert (got.message, got.expected, got.hint, str(got)) == (sent.message, sent.expected, sent.hint, str(sent))


def test_what_is_wrong_with_a_bundle_can_be_caught_at_once() -> None:
    wrong = [kind for kind in error_tree(BundleError) if kind is not BundleError]
    assert {kind.exit_code for kind in wrong} == {31, 32, 33, 34}
