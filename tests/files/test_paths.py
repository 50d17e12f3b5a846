"""Paths as users write them, and places in which nothing can be written."""

import pathlib

import pytest

from cmx.files import paths


@pytest.mark.parametrize("path", ["a/b", "/a/b", "./~x", "a:b", "C:\\data", "a b",
                                  "träume/标题"])
def test_a_path_stays_as_it_is(path):
  assert paths.own("--workdir", path) == path


def test_a_home_is_written_out(monkeypatch):
  monkeypatch.setenv("HOME", "/home/me")
  assert paths.own("--workdir", "~/x") == "/home/me/x" and paths.own("--workdir", "~") == "/home/me"


@pytest.mark.parametrize("path", [
  "gs://b/run", "s3://b/run", "gs:/b", "https://host/x", "file:///x", "hdfs://h/x", "abfs+x://y"])
def test_an_address_is_refused_by_name(path):
  with pytest.raises(ValueError, match=f"--workdir '{path.replace('+', '.')}' is an address"):
    paths.own("--workdir", path)


@pytest.mark.parametrize("path", ["", "  ", "~nobody_of_this_name/x", "a\0b"])
def test_what_is_no_path_is_refused(path):
  with pytest.raises(ValueError, match="--workdir"):
    paths.own("--workdir", path)


@pytest.mark.parametrize("place", ["/proc/x", "/proc/1/x/y", "{here}/file", "{here}/file/x",
                                   "{here}/" + "n" * 300, "{here}/" + "n" * 300 + "/x",
                                   "{here}/dangling/x"])
def test_a_folder_in_which_nothing_can_be_made_is_named_with_the_reason(tmp_path, place):
  (tmp_path / "file").write_text("")
  (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
  folder = pathlib.Path(place.format(here=tmp_path))
  before = sorted(tmp_path.iterdir())
  with pytest.raises(ValueError) as refused:
    paths.check_folder("--workdir", folder)
  assert f"--workdir {folder}" in str(refused.value)
  assert sorted(tmp_path.iterdir()) == before


def test_a_new_folder_and_one_that_is_there_pass_and_nothing_is_left(tmp_path):
  paths.check_folder("--workdir", tmp_path)
  paths.check_folder("--workdir", tmp_path / "a" / "b")
  paths.check_file("--out", tmp_path / "a" / "b.zip")
  assert not list(tmp_path.iterdir())


def test_a_file_to_write_is_no_folder(tmp_path):
  with pytest.raises(ValueError, match="--out .* is a folder; expected a file"):
    paths.check_file("--out", tmp_path)


def test_what_is_to_be_read_is_there(tmp_path):
  paths.check_there("--workdir", tmp_path)
  with pytest.raises(ValueError, match="--workdir .*missing: there is nothing; expected a file or"):
    paths.check_there("--workdir", tmp_path / "missing")
