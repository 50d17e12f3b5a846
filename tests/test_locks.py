"""Locks between processes."""

import fcntl

import pytest

from cmx import locks


def test_a_second_holder_has_to_wait(tmp_path):
  target = tmp_path / "new" / "records"
  with locks.held(target):
    with (tmp_path / "new" / "records.lock").open("w") as other, pytest.raises(BlockingIOError):
      fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
  with (tmp_path / "new" / "records.lock").open("w") as other:
    fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)  # free again


def test_two_folders_whose_names_differ_after_a_dot_have_two_locks(tmp_path):
  with locks.held(tmp_path / "data.1"), locks.held(tmp_path / "data.2"):
    assert {path.name for path in tmp_path.iterdir()} == {"data.1.lock", "data.2.lock"}
