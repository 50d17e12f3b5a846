"""Files and folders that are whole or absent, and locks between processes."""

import importlib.util
import os
import subprocess
import sys

import numpy as np
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


def test_a_claim_is_refused_at_once_and_ends_with_its_process(tmp_path):
  target = tmp_path / "runs" / "c"
  with writing.claimed(target) as mine:
    with writing.claimed(target) as second:
      assert mine and not second
  holder = subprocess.Popen([sys.executable, "-c", (
    "import pathlib, sys, time; from cmx.files import writing\n"
    "with writing.claimed(pathlib.Path(sys.argv[1])) as mine:\n"
    "  print(mine, flush=True); time.sleep(600)"), target], stdout=subprocess.PIPE, text=True)
  assert holder.stdout.readline() == "True\n"
  with writing.claimed(target) as mine:
    assert not mine
  holder.kill()
  holder.communicate()
  with writing.claimed(target) as mine:
    assert mine


def test_arrays_are_read_as_they_were_written_or_not_at_all(tmp_path):
  arrays = {"fc7 cosine/NAT>CLP": np.array([0.5, np.nan], np.float32), "classes": np.array(["é"])}
  path = tmp_path / "x.npz"
  writing.write_arrays(path, arrays)
  found = writing.read_arrays(path)
  assert list(found) == list(arrays) and [p.name for p in tmp_path.iterdir()] == ["x.npz"]
  for name, value in arrays.items():
    np.testing.assert_array_equal(found[name], value)
    assert found[name].dtype == value.dtype
  content = path.read_bytes()
  for damaged in (content[:40], b"", content[:60] + b"\0" * 40 + content[100:], b"text"):
    path.write_bytes(damaged)
    with pytest.raises(ValueError, match="x.npz cannot be read"):
      writing.read_arrays(path)


def test_a_system_without_such_locks_is_refused_when_one_is_taken(tmp_path, monkeypatch):
  monkeypatch.setitem(sys.modules, "fcntl", None)  # as on Windows
  spec = importlib.util.find_spec("cmx.files.writing")
  without = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(without)
  with pytest.raises(OSError, match="WSL"), without.held(tmp_path / "records"):
    pass


def test_a_file_keeps_its_old_content_where_writing_fails(tmp_path):
  path = tmp_path / "table.txt"
  writing.write_text(path, "old")
  with pytest.raises(RuntimeError), writing.whole(path) as file:
    file.write(b"ne")
    raise RuntimeError
  assert [each.name for each in tmp_path.iterdir()] == ["table.txt"]
  assert path.read_text() == "old"


def test_no_file_has_its_name_before_it_is_whole(tmp_path):
  with writing.whole(tmp_path / "a.npy") as file:
    np.save(file, np.arange(3))
    (name,) = [each.name for each in tmp_path.iterdir()]
    assert name != "a.npy" and name.endswith(writing.TEMPORARY)
  assert np.load(tmp_path / "a.npy").tolist() == [0, 1, 2]


def test_text_is_utf_8_with_its_line_ends_as_they_are(tmp_path):
  writing.write_text(tmp_path / "a.csv", "±1\r\n")
  assert (tmp_path / "a.csv").read_bytes() == b"\xc2\xb11\r\n"


def test_content_is_on_the_disk_before_the_name_is(tmp_path, monkeypatch):
  done = []
  monkeypatch.setattr(os, "fsync", lambda descriptor: done.append(
    os.path.basename(os.readlink(f"/proc/self/fd/{descriptor}"))))
  with writing.whole_folder(tmp_path / "features") as folder:
    (folder / "part").mkdir()
    (folder / "part" / "a.txt").write_text("a")
  assert sorted(done[:-1]) == ["a.txt", "features.incomplete", "part"]
  assert done[-1] == tmp_path.name and (tmp_path / "features" / "part" / "a.txt").exists()


def test_a_folder_of_a_killed_process_is_begun_anew_and_replaces_the_old_one(tmp_path):
  for folder in ("units", "units.incomplete"):
    (tmp_path / folder).mkdir()
    (tmp_path / folder / f"left_in_{folder}").touch()
  with writing.whole_folder(tmp_path / "units") as folder:
    assert not list(folder.iterdir())
    (folder / "new").touch()
  assert [path.name for path in tmp_path.rglob("*")] == ["units", "new"]
