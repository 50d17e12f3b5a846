"""What launch.verify says of a work directory: damage by file, and how it is had again."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

from cmx.experiment import verify
from cmx.files import manifest
import small_experiment

ROOT = pathlib.Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path):
  """An experiment of one run, of which the checkpoint and the result have manifests."""
  made = tmp_path / "runs"
  small_experiment.write(made, rows=("c",), seeds=(0,))
  run = made / "seed_0" / "c"
  manifest.seal(manifest.beside(run / "result.json"), "Run launch.evaluate again",
                [run / "result.json"])
  return made


def damage(path):
  state, content = path.stat(), bytearray(path.read_bytes())
  content[len(content) // 2] ^= 1
  path.write_bytes(content)
  os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))


def test_what_is_whole_is_counted_and_what_has_no_manifest_is_said(folder):
  found = verify.verify(folder)
  assert (found.manifests, found.damaged) == (2, []) and found.files > 10
  assert found.unchecked == {"features": 1}
  text = verify.to_text(found)
  assert "all are as they were written" in text
  assert "without a manifest, of an older version: 1 features" in text


def test_damage_is_named_by_file_with_what_makes_it_again(folder):
  run = folder / "seed_0" / "c"
  params = next((run / "checkpoints" / "7" / "params").rglob("d/*"))
  damage(params)
  (run / "result.json").unlink()
  text = verify.to_text(verify.verify(folder))
  assert f"damaged: {params} has another content than was written\n  Run launch.train or" in text
  assert "there is no other one" in text
  assert f"damaged: {run}/result.json is missing\n  Run launch.evaluate again\n" in text
  assert "2 damaged" in text
  plain = json.loads(verify.to_json(verify.verify(folder)))
  assert [part["files"] for part in plain["damaged"]][1] == {"result.json": "is missing"}


def test_what_was_left_and_set_aside_is_said(folder):
  run = folder / "seed_0" / "c"
  (run / "checkpoints" / "7").rename(run / "checkpoints" / "7.damaged")
  (run / "table.txt.tmp").write_text("half")
  found = verify.verify(folder)
  assert [path.name for path in found.aside] == ["7.damaged"] and not found.damaged
  assert [path.name for path in found.left] == ["table.txt.tmp"]


def test_the_data_of_the_runs_are_found_by_their_configs(folder):
  assert verify.roots_of(folder) == [pathlib.Path("data")]


def test_the_command_ends_with_exit_code_1_where_anything_is_damaged(folder):
  command = [sys.executable, "-m", "launch.verify", f"--workdir={folder}", "--nodata"]
  done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
  assert done.returncode == 0 and "all are as they were written" in done.stdout, done.stderr
  (folder / "seed_0" / "c" / "result.json").write_text("{}")
  done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
  assert done.returncode == 1 and "result.json has 2 bytes; expected" in done.stdout, done.stderr
  assert "Traceback" not in done.stderr


def test_a_folder_that_is_not_there_is_answered(tmp_path):
  with pytest.raises(FileNotFoundError, match="there is no folder .*nowhere; expected a work"):
    verify.verify(tmp_path / "nowhere")


def test_where_nothing_can_be_checked_nothing_is_said_to_be_whole(tmp_path):
  assert verify.to_text(verify.verify(tmp_path)).splitlines()[0].endswith(
    "0.0 s: nothing is there that could be checked")
