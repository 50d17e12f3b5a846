"""Work directories and checkpoints: whose they are, what they say, and that a kill leaves one."""

import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import time

import jax.numpy as jnp
import numpy as np
import pytest

from cmx import config as config_lib
from cmx import fields
from cmx import modalities
from cmx.files import manifest
from cmx.files import writing
from cmx.runtime import devices as devices_lib
from cmx.training import checkpoint
from cmx.training import workdir as workdir_lib

ROOT = pathlib.Path(__file__).parents[2]
ROWS = (modalities.NATURAL._replace(shape=(32, 32, 3)),
        modalities.DESCRIPTION._replace(shape=(64,)))
CONFIG = fields.replace(config_lib.Config(), {"seed": 3, "network.hidden": (8, 4)})
CARD = checkpoint.card(CONFIG, ("a", "b"), ROWS, "f00d")


def params(value=1.0):
  return {"tower": {"natural": {"conv1": {"kernel": np.full((2, 3), value, np.float32)}}},
          "fc8": {"shared": {"bias": np.arange(4, dtype=np.float32) * value}}}


def save(workdir, *steps, keep=2, tree=params):
  with checkpoint.Checkpoints(workdir, keep) as checkpoints:
    for step in steps:
      checkpoints.save(step, tree(step), {"count": np.int32(step)}, CARD)
      checkpoints.wait()


def test_a_free_folder_is_claimed_and_belongs_to_its_config(tmp_path):
  path = workdir_lib.claim(tmp_path / "a" / "run", CONFIG)
  assert path.is_absolute()
  assert fields.from_json((path / "config.json").read_text()) == CONFIG
  assert workdir_lib.claim(tmp_path / "a" / "run", CONFIG) == path


def test_another_config_is_refused_with_the_fields_that_differ_and_nothing_changes(tmp_path):
  workdir_lib.claim(tmp_path, CONFIG)
  before = (tmp_path / "config.json").read_bytes()
  other = fields.replace(CONFIG, {"seed": 4, "optimizer.clip": 2.0})
  with pytest.raises(ValueError,
                     match=r"(?s)another .*\n  seed: 4 \| 3\n  optimizer.clip: 2.0 \| 1.0\n"):
    workdir_lib.claim(tmp_path, other)
  assert (tmp_path / "config.json").read_bytes() == before


@pytest.mark.parametrize("field, value", [
  ("log.metrics_steps", 7), ("data.root", "elsewhere"), ("data.everyday.packages", "there")])
def test_where_things_lie_and_how_often_they_are_written_may_change(tmp_path, field, value):
  workdir_lib.claim(tmp_path, CONFIG)
  workdir_lib.claim(tmp_path, fields.replace(CONFIG, {field: value}))


def test_checking_a_folder_makes_nothing(tmp_path):
  workdir_lib.check_workdir(tmp_path / "run", CONFIG)
  assert not (tmp_path / "run").exists()


def test_a_folder_of_other_files_is_no_work_directory(tmp_path):
  (tmp_path / "thesis.tex").write_text("")
  with pytest.raises(ValueError, match="holds files but no run; expected a work directory, or a"):
    workdir_lib.claim(tmp_path, CONFIG)
  assert [file.name for file in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_claim_that_was_killed_can_be_made_again(tmp_path):
  (tmp_path / "config.json.tmp").write_text("{")
  workdir_lib.claim(tmp_path, CONFIG)


@pytest.mark.parametrize("text", ["{", '{"sead": 1}', "[]"])
def test_a_config_that_cannot_be_read_names_its_file(tmp_path, text):
  (tmp_path / "config.json").write_text(text)
  with pytest.raises(ValueError, match="config.json is damaged or not a config of this version: "):
    workdir_lib.claim(tmp_path, CONFIG)


def test_a_text_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
  path = tmp_path / "a.txt"
  writing.write_text(path, "old")
  monkeypatch.setattr(os, "replace", lambda *names: (_ for _ in ()).throw(OSError("disk full")))
  with pytest.raises(OSError, match="disk full"):
    writing.write_text(path, "new")
  assert path.read_text() == "old"


def test_what_is_saved_comes_back_to_the_bit(tmp_path):
  tree = {"a": {"b": {"w": jnp.asarray([1.5, np.nan], jnp.bfloat16), "n": np.int32(7),
                      "x": np.random.default_rng(0).normal(size=(3, 5)).astype(np.float32)}}}
  save(tmp_path, 5, tree=lambda step: tree)
  with checkpoint.Checkpoints(tmp_path, 2) as checkpoints:
    found = checkpoints.restore(5, "params")["a"]["b"]
    assert checkpoints.restore(5, "optimizer") == {"count": 5}
  for name, value in tree["a"]["b"].items():
    assert found[name].dtype == value.dtype and np.shape(found[name]) == np.shape(value)
    assert np.asarray(found[name]).tobytes() == np.asarray(value).tobytes()


def test_the_newest_are_kept(tmp_path):
  save(tmp_path, 3, 5, 9, keep=2)
  assert checkpoint.latest_step(tmp_path) == 9
  assert {folder.name for folder in (tmp_path / "checkpoints").iterdir()} == {"5", "9"}


def test_of_a_finished_run_the_newest_is_kept_and_a_removal_that_was_killed_is_ended(tmp_path):
  save(tmp_path, 3, 5)
  with checkpoint.Checkpoints(tmp_path, 2) as checkpoints:
    checkpoints.save(9, params(9), None, CARD)
    checkpoints.keep_newest()
  folder = tmp_path / "checkpoints"
  assert {path.name for path in (folder / "9").iterdir() if path.is_dir()} == {"params", "card"}
  assert [path.name for path in folder.iterdir()] == ["9"]
  assert checkpoint.trained(tmp_path, 9).params["fc8"]["shared"]["bias"][1] == 9
  (folder / "5.incomplete").mkdir()
  assert checkpoint.latest_step(tmp_path) == 9
  with checkpoint.Checkpoints(tmp_path, 2):
    assert [path.name for path in folder.iterdir()] == ["9"]


def test_training_goes_on_from_a_whole_checkpoint_alone(tmp_path):
  assert not checkpoint.goes_on(tmp_path)
  save(tmp_path, 3, 6)
  flip(first_of(tmp_path / "checkpoints" / "6"))
  assert checkpoint.goes_on(tmp_path)
  flip(first_of(tmp_path / "checkpoints" / "3"))
  assert not checkpoint.goes_on(tmp_path)


def test_a_step_that_is_there_is_not_written_again(tmp_path):
  save(tmp_path, 5)
  save(tmp_path, 5, tree=lambda step: params(100.0))
  with checkpoint.Checkpoints(tmp_path, 2) as checkpoints:
    assert checkpoints.restore(5, "params")["fc8"]["shared"]["bias"][1] == 5.0


def test_a_checkpoint_explains_itself_with_no_other_file(tmp_path):
  save(tmp_path / "run", 5)
  shutil.move(tmp_path / "run" / "checkpoints", tmp_path / "sent" / "checkpoints")
  run = checkpoint.load_run(tmp_path / "sent")
  assert (run.config, run.classes, run.modalities, run.step) == (CONFIG, ("a", "b"), ROWS, 5)
  assert run.provenance["data"] == "f00d"
  np.testing.assert_array_equal(run.params["fc8"]["shared"]["bias"], [0, 5, 10, 15])


def test_a_run_can_say_what_it_is_without_its_parameters(tmp_path):
  save(tmp_path, 5)
  run = checkpoint.load_run(tmp_path, params=False)
  assert (run.config, run.step, run.params) == (CONFIG, 5, {})


def cut(path):
  path.write_bytes(path.read_bytes()[:-9])


def remove(path):
  shutil.rmtree(path)


def flip(path):
  state, content = path.stat(), bytearray(path.read_bytes())
  content[len(content) // 2] ^= 1
  path.write_bytes(content)
  os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))  # as a disk that rots


def first_of(folder):
  return next(path for path in sorted(folder.rglob("d/*")) if path.is_file())


DAMAGE = [("card/metadata", cut), ("card", remove), ("params", remove), ("params/d", remove),
          ("params/_METADATA", cut), ("params", lambda path: flip(first_of(path))),
          ("optimizer", lambda path: flip(first_of(path)))]


@pytest.mark.parametrize("part, damage", DAMAGE)
def test_damage_is_named_by_file_and_training_sets_it_aside_and_goes_on(tmp_path, part, damage):
  save(tmp_path, 3, 6)
  damage(tmp_path / "checkpoints" / "6" / part)
  with pytest.raises(ValueError) as refused:
    checkpoint.load_run(tmp_path)
  assert str(refused.value).startswith(f"{tmp_path}/checkpoints/6/{part}")
  assert "goes on from step 3" in str(refused.value)
  assert checkpoint.trained(tmp_path, 6) is None
  with checkpoint.Checkpoints(tmp_path, 2) as checkpoints:
    assert checkpoints.latest() == 3
    checkpoints.save(6, params(6), {"count": np.int32(6)}, CARD)
  assert checkpoint.trained(tmp_path, 6).params["fc8"]["shared"]["bias"][1] == 6
  assert {folder.name for folder in (tmp_path / "checkpoints").iterdir()} == {
    "3", "6", "6.damaged"}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # orbax's own tasks
def test_a_damaged_checkpoint_of_an_older_version_is_named_and_the_older_one_offered(tmp_path):
  save(tmp_path, 3, 6)
  (tmp_path / "checkpoints" / "6" / "sha256.json").unlink()
  cut(tmp_path / "checkpoints" / "6" / "params" / "_METADATA")
  with pytest.raises(ValueError) as refused:
    checkpoint.load_run(tmp_path)
  assert str(refused.value).startswith(f"{tmp_path}/checkpoints/6/params is damaged")
  assert "goes on from step 3" in str(refused.value)
  shutil.rmtree(tmp_path / "checkpoints" / "6")  # as it says
  assert checkpoint.load_run(tmp_path).step == 3


def test_a_checkpoint_has_its_manifest_before_it_has_its_name(tmp_path, monkeypatch):
  names = []
  monkeypatch.setattr(manifest, "seal", lambda path, *given, **more: names.append(path.parent.name))
  save(tmp_path, 3)
  assert names == ["3.orbax-checkpoint-tmp"]


def test_a_card_of_another_version_is_named(tmp_path):
  for wrong in ({}, {**CARD, "config": {"sead": 1}}, {**CARD, "modalities": [{"name": "x"}]},
                {**CARD, "classes": None}):
    folder = tmp_path / str(len(list(tmp_path.iterdir())))
    with checkpoint.Checkpoints(folder, 1) as checkpoints:
      checkpoints.save(1, params(), {"count": np.int32(1)}, wrong)
      checkpoints.wait()
    with pytest.raises(ValueError, match="checkpoints/1: its card is not one of this version"):
      checkpoint.load_run(folder, params=False)


def test_a_folder_without_checkpoints_is_answered_and_stays_as_it_is(tmp_path):
  assert checkpoint.latest_step(tmp_path / "nowhere") is None
  with pytest.raises(FileNotFoundError, match="holds no checkpoints; expected a work directory of"):
    checkpoint.load_run(tmp_path)
  (tmp_path / "checkpoints").mkdir()
  assert checkpoint.latest_step(tmp_path) is None
  with pytest.raises(FileNotFoundError, match="checkpoints is empty; run launch.train with this"):
    checkpoint.load_run(tmp_path)
  assert not list((tmp_path / "checkpoints").iterdir())


def python(program, *arguments, devices=1, **options):
  environment = {**os.environ, "XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}"}
  return subprocess.Popen([sys.executable, "-c", program, *map(str, arguments)], cwd=ROOT,
                          env=environment, stdout=subprocess.PIPE, text=True, **options)


LOADER = """
import sys, jax
from cmx.runtime import devices
from cmx.training import checkpoint
run = checkpoint.load_run(sys.argv[1])
placed = devices.replicate(run.params)
print(jax.device_count(), float(placed["fc8"]["shared"]["bias"].sum()), run.step)
"""


def test_a_run_of_eight_devices_opens_on_any_other_number(tmp_path):
  save(tmp_path, 5, tree=lambda step: devices_lib.replicate(params(step)))
  processes = [python(LOADER, tmp_path, devices=devices) for devices in (1, 3)]
  said = [process.communicate(timeout=120)[0].split() for process in processes]
  assert said == [["1", "30.0", "5"], ["3", "30.0", "5"]]


SAVER = """
import itertools, pathlib, sys
import numpy as np
from cmx.training import checkpoint
workdir = pathlib.Path(sys.argv[1])
with checkpoint.Checkpoints(workdir, 2) as checkpoints:
  for step in itertools.count((checkpoints.latest() or 0) + 1):
    tree = {f"layer{i}": {"all": np.full((64, 1024), step, np.float32)} for i in range(8)}
    checkpoints.save(step, tree, {"count": np.int32(step)}, {"step": step})
    print(step, flush=True)
"""


def test_killed_while_saving_the_newest_checkpoint_is_whole(tmp_path):
  delays, newest = random.Random(0), 0
  for _ in range(3):
    process = python(SAVER, tmp_path)
    begun = [int(process.stdout.readline()) for _ in range(2)]  # so the first has ended
    time.sleep(delays.uniform(0, 0.4))
    process.send_signal(signal.SIGKILL)
    begun += map(int, process.stdout.read().split())
    assert process.wait(timeout=60) == -signal.SIGKILL
    process.stdout.close()
    step = checkpoint.latest_step(tmp_path)
    assert newest < step and begun[-1] - 1 <= step <= begun[-1] + 1  # one save at a time
    newest = step
    with checkpoint.Checkpoints(tmp_path) as checkpoints:
      assert checkpoints.card(step) == {"step": step}
      assert checkpoints.restore(step, "optimizer") == {"count": step}
      for owners in checkpoints.restore(step, "params").values():
        np.testing.assert_array_equal(owners["all"], np.full((64, 1024), step, np.float32))


def test_what_a_killed_save_left_is_swept_up_by_the_next(tmp_path):
  save(tmp_path, 1)
  half = tmp_path / "checkpoints" / "2.orbax-checkpoint-tmp"
  shutil.copytree(tmp_path / "checkpoints" / "1", half)
  assert checkpoint.latest_step(tmp_path) == 1
  save(tmp_path, 3)
  assert {folder.name for folder in (tmp_path / "checkpoints").iterdir()} == {"1", "3"}


def test_runs_are_found_in_a_folder_of_seeds_of_methods_or_alone(tmp_path):
  for name in ("seed_0/c", "seed_0/bl_ind", "alone", "too/deep/for/one"):
    (tmp_path / name).mkdir(parents=True)
    (tmp_path / name / "config.json").write_text("{}")
  assert [path.relative_to(tmp_path).as_posix() for path in workdir_lib.find_runs(tmp_path)] == [
    "alone", "seed_0/bl_ind", "seed_0/c"]
  assert workdir_lib.find_runs(tmp_path / "seed_0" / "c") == [tmp_path / "seed_0" / "c"]
  assert workdir_lib.find_runs(tmp_path / "nothing") == []
