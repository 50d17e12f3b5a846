"""Locks between processes."""

import importlib.util
import sys

import pytest

from cmx.files import writing


def test_a_second_holder_has_to_wait(tmp_path):
  target = tmp_path / "new" / "records"
  with writing.held(target):
    with (tmp_path / "new" / "records.lock").open("w") as other, pytest.raises(BlockingIOError):
      writing.take(other, wait=False)
  with (tmp_path / "new" / "records.lock").open("w") as other:
    writing.take(other, wait=False)  # free again


def test_two_folders_whose_names_differ_after_a_dot_have_two_locks(tmp_path):
  with writing.held(tmp_path / "data.1"), writing.held(tmp_path / "data.2"):
    assert {path.name for path in tmp_path.iterdir()} == {"data.1.lock", "data.2.lock"}


def test_a_system_without_such_locks_is_refused_when_one_is_taken(tmp_path, monkeypatch):
  monkeypatch.setitem(sys.modules, "fcntl", None)  # as on Windows
  spec = importlib.util.find_spec("cmx.files.writing")
  without = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(without)
  with pytest.raises(OSError, match="WSL"), without.held(tmp_path / "records"):
    pass
