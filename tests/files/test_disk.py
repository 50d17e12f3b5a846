"""Full disks and disks that can only be read: a sentence each; space before memory maps."""

import contextlib
import errno
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

from cmx.files import disk
from cmx.files import writing


@pytest.mark.parametrize("number, words", [
  (errno.ENOSPC, "the disk is full"), (errno.EDQUOT, "the quota of the disk is used up"),
  (errno.EROFS, "the disk can only be read")])
def test_what_a_disk_refuses_is_one_sentence_with_path_size_and_remedy(tmp_path, number, words):
  path = tmp_path / "table.txt"
  with pytest.raises(disk.NotWritten) as refused, disk.explained(path, 12_000):
    raise OSError(number, os.strerror(number))
  said = str(refused.value)
  assert refused.value.errno == number and "\n" not in said
  assert said.startswith(f"{path} cannot be written: {words} (12,000 bytes needed")
  assert said.endswith("and run the same command again: it goes on")


@pytest.mark.parametrize("error", [
  RuntimeError("RESOURCE_EXHAUSTED: Error writing: No space left on device [OS error 28]"),
  OSError("1024 requested and 512 written"), ValueError("Disk quota exceeded")])
def test_libraries_say_it_in_words_of_their_own(tmp_path, error):
  with pytest.raises(disk.NotWritten), disk.explained(tmp_path / "x"):
    raise RuntimeError("a save failed") from error


@pytest.mark.parametrize("error", [
  ValueError("a mistake"), FileNotFoundError(errno.ENOENT, "not there", "x"),
  OSError(errno.EIO, "a file that is read fails", "/elsewhere/photo.png")])
def test_other_errors_stay_what_they_are(tmp_path, error):
  with pytest.raises(type(error)) as found, disk.explained(tmp_path / "x"):
    raise error
  assert found.value is error


def test_a_new_array_is_an_npy_file_of_zeros_with_its_place_on_the_disk(tmp_path):
  made = disk.new_array(tmp_path / "a.npy", np.float32, (5, 3))
  made[1] = 2
  made.flush()
  found = np.load(tmp_path / "a.npy")
  assert found.dtype == np.float32 and found.tolist() == [[0] * 3, [2] * 3] + [[0] * 3] * 3
  size = (tmp_path / "a.npy").stat()
  large = disk.new_array(tmp_path / "b.npy", np.uint8, (1 << 20,))
  assert (tmp_path / "b.npy").stat().st_blocks * 512 >= len(large) and size.st_size == 128 + 60


def test_where_space_cannot_be_reserved_zeros_are_written(tmp_path, monkeypatch):
  monkeypatch.delattr(os, "posix_fallocate")  # as on macOS
  made = disk.new_array(tmp_path / "a.npy", np.uint8, (3_000_000,))
  assert not made.any() and (tmp_path / "a.npy").stat().st_blocks * 512 >= 3_000_000


@pytest.fixture
def small(tmp_path):
  """A disk of its own of two megabytes."""
  place = tmp_path / "small"
  place.mkdir()
  mounted = sys.platform == "linux" and os.getuid() == 0 and subprocess.run(
    ["mount", "-t", "tmpfs", "-o", "size=2m", "none", place], capture_output=True,
    check=False).returncode == 0
  if not mounted:
    pytest.skip("only root can make a disk")
  yield place
  subprocess.run(["umount", "-l", place], check=True)


def test_a_full_disk_refuses_files_folders_arrays_and_room_and_keeps_what_was_there(small):
  writing.write_text(small / "a.txt", "old")
  arrays = {"x": np.random.default_rng(0).random(1_000_000)}  # 8 MB
  with pytest.raises(disk.NotWritten, match="a.txt cannot be written: the disk is full"):
    writing.write_text(small / "a.txt", "new" * 1_000_000)
  with pytest.raises(disk.NotWritten, match="x.npz cannot be written"):
    writing.write_arrays(small / "x.npz", arrays)
  with (pytest.raises(disk.NotWritten, match="f cannot be written"),
        writing.whole_folder(small / "f") as folder):
    np.save(folder / "x.npy", arrays["x"])
  with pytest.raises(disk.NotWritten, match="8,000,000 bytes needed"):
    disk.new_array(small / "x.npy", np.float64, (1_000_000,))
  with pytest.raises(disk.NotWritten, match="5,000,000 bytes needed"):
    disk.check_room(small, 5_000_000)
  disk.check_room(small, 1_000_000)
  (small / "x.npy").unlink()
  assert [(path.name, path.read_text()) for path in small.iterdir()] == [("a.txt", "old")]


def test_a_lock_on_a_full_disk_is_held_though_it_cannot_say_by_whom(small):
  disk.new_array(small / "x.npy", np.uint8, (1_900_000,))
  (small / "a.lock").touch()  # last: a lock of its own, for which there is room
  with open(small / "rest", "wb", buffering=0) as rest, contextlib.suppress(OSError):
    while rest.write(bytes(4096)):
      pass
  with writing.held(small / "a"):
    assert (small / "a.lock").read_bytes() == b""


def test_a_disk_that_can_only_be_read_says_so(small):
  subprocess.run(["mount", "-o", "remount,ro", small], check=True)
  with pytest.raises(disk.NotWritten, match="the disk can only be read"):
    writing.write_text(pathlib.Path(small) / "a.txt", "a")
