"""Nothing that bedside imports, in any extra, is under a licence that its users could not ship with."""

import pytest

pytest.importorskip("packaging")

from scripts.licences import EXTRAS, PERMISSIVE, STRONG_COPYLEFT, closure, licence_of

PROPRIETARY = ("nvidia-", "cuda-")
"""Come with the CUDA build of torch; the CPU build has none."""


@pytest.mark.parametrize("extra", EXTRAS, ids=lambda extra: extra or "ward")
def test_no_package_is_copyleft_or_unknown(extra: str) -> None:
    licences = {name: licence_of(found) for name, found in closure(extra).items() if not name.startswith(PROPRIETARY)}
    assert licences, "the closure is empty: bedside is not installed here"
    assert not {name: told for name, told in licences.items() if STRONG_COPYLEFT.search(told)}
    unread = {name: told for name, told in licences.items() if not PERMISSIVE.search(told)}
    assert set(unread) <= {"pyaml"}, f"read these licences and note them in scripts/licences.py: {unread}"


def test_the_rule_would_see_one() -> None:
    for told in (
        "GPL-3.0-only",
        "AGPL-3.0",
        "GNU General Public License v3 (GPLv3)",
        "GNU Affero General Public License",
    ):
        assert STRONG_COPYLEFT.search(told)
    assert not STRONG_COPYLEFT.search("LGPL-2.1")
