"""Digests: the standard's own numbers, and that different things differ."""

from pathlib import Path

import numpy as np

from bedside.base.digest import digest_array, digest_bytes, digest_file, digest_many, digest_value
from bedside.base.task import TensorSpec

# FIPS 180-4 test vector of the message "abc".
ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_bytes_and_files_have_the_sha256_of_the_standard(tmp_path: Path) -> None:
    (tmp_path / "abc").write_bytes(b"abc")
    assert digest_bytes(b"abc") == digest_file(tmp_path / "abc") == ABC


def test_an_array_is_its_values_shape_and_type() -> None:
    array = np.arange(6, dtype=np.int32)
    others = [array.reshape(2, 3), array.astype(np.int64), array.view(np.uint32), array + 1, array.astype(">i4")]
    assert len({digest_array(each) for each in (array, *others)}) == 6


def test_the_layout_in_memory_does_not_matter() -> None:
    array = np.arange(24, dtype=np.float32).reshape(4, 6)
    assert digest_array(array[:, ::2]) == digest_array(array[:, ::2].copy())
    assert digest_array(np.asfortranarray(array)) == digest_array(array)


def test_a_value_does_not_depend_on_the_order_of_its_keys() -> None:
    assert digest_value({"a": 1, "b": 2}) == digest_value({"b": 2, "a": 1})
    assert digest_value(TensorSpec(n_channels=1, height_px=2, width_px=3)) != digest_value(
        TensorSpec(n_channels=1, height_px=3, width_px=2)
    )


def test_many_are_kept_in_order_and_apart() -> None:
    assert digest_many(["a", "b"]) != digest_many(["b", "a"])
    assert digest_many(["a", "b"]) != digest_many(["ab"])
    assert digest_many(["a", ""]) != digest_many(["a"])
