"""Steps that are not finite: named to the example, dumped, done again, or left out and counted."""

import json
import logging
import math
import subprocess
import sys

import jax
import numpy as np
import pytest

from cmx import config as config_lib
from cmx import data
from cmx import fields
from cmx import methods
from cmx import modalities
from cmx.alignment import given
from cmx.mixture import gmm
from cmx.training import checkpoint
from cmx.training import loop
from cmx.training import not_finite
from cmx.training import train

CLASSES = ("one", "two", "three")
ROWS = tuple(modalities.Modality(name, name[:3].upper(), "vector", shape=(6,))
             for name in ("natural", "drawing"))
FIELDS = {"method": "b_gaussian", "network.hidden": (5,), "network.pool5": 8, "network.trunk": 7,
          "network.dropout": 0.0, "optimizer.steps": 8, "optimizer.batch": 8,
          "augment.vector_dropout": 0.0, "log.metrics_steps": 1, "log.checkpoint_seconds": 1e9}
BAD = "drawing/7"


class Vectors:
  """Twelve examples of a modality; one of them is what the test asks for, from a step on."""

  def __init__(self, name, bad=None):
    self.labels = (np.arange(12) % 3).astype(np.int32)
    self._name, self._bad = name, bad
    self._x = np.random.default_rng(len(name)).normal(size=(12, 6)).astype(np.float32)

  def __len__(self):
    return len(self.labels)

  def __getitem__(self, index):
    key, x = f"{self._name}/{index}", self._x[index]
    return {"input": np.full(6, self._bad, np.float32) if key == BAD and self._bad is not None
            else x, "label": int(self.labels[index]), "key": key}


def dataset(bad=None):
  part = {row.name: Vectors(row.name, bad) for row in ROWS}
  return data.Dataset("made", CLASSES, ROWS, {data.TRAIN: part, data.VALIDATION: part}, "1")


def config(**changes):
  return fields.replace(config_lib.Config(), {
    **FIELDS, **{name.replace("__", "."): value for name, value in changes.items()}})


def constants():
  fit = gmm.Mixture(np.ones(1, np.float32), np.zeros((1, 7), np.float32),
                    np.ones((1, 7), np.float32))
  return given.Constants({layer: given.Statistics(fit) for layer in ("fc6", "fc7")})


def trained(workdir, bad, **changes):
  return train.train(config(**changes), dataset(bad), workdir, None, constants())


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
  """The folder of a run that has met an example that is not a number, and what it said."""
  workdir = tmp_path_factory.mktemp("runs") / "run"
  with pytest.raises(loop.NotFinite) as error:
    trained(workdir, math.nan, log__checkpoint_seconds=0.0)
  return workdir, error.value


def test_a_run_stops_at_the_step_and_names_modality_term_and_example(stopped):
  workdir, error = stopped
  assert f"loss is not finite at step {error.step}: loss nan" in str(error)
  assert "modality drawing, term" in str(error) and "modality natural" not in str(error)
  assert f"{BAD} (from input on)" in str(error)
  assert math.isfinite(error.values["loss/natural"])
  assert checkpoint.latest_step(workdir) in (error.step - 1, None)


def test_the_dump_is_the_step_and_a_command_does_it_again(stopped):
  workdir, error = stopped
  path, = (workdir / not_finite.FOLDER).glob("*.npz")
  scene, state = not_finite.read(path)
  assert scene.step == error.step and BAD in scene.batch["drawing"]["key"]
  if error.step > 1:  # the parameters are those before the step
    kept = checkpoint.load_run(workdir).params
    jax.tree.map(np.testing.assert_array_equal, state.params, kept)
  found = not_finite.examine(scene, state)
  assert found.examples == {"natural": {}, "drawing": {BAD: "input"}}
  assert math.isfinite(found.values["loss/natural"]) and math.isnan(found.values["loss"])
  assert found.values["loss/natural"] == pytest.approx(error.values["loss/natural"], rel=1e-5)
  assert "fc8/drawing" in found.gradients


def test_the_command_prints_it_and_ends_with_exit_code_1(stopped):
  path, = (stopped[0] / not_finite.FOLDER).glob("*.npz")
  ended = subprocess.run([sys.executable, "-m", "launch.replay", f"--dump={path}"], text=True,
                         capture_output=True, check=False, timeout=200)
  assert ended.returncode == 1 and BAD in ended.stdout and "Traceback" not in ended.stderr


def test_a_dump_that_is_damaged_is_refused(stopped, tmp_path):
  path, = (stopped[0] / not_finite.FOLDER).glob("*.npz")
  (tmp_path / "step_1.npz").write_bytes(path.read_bytes()[:-50])
  with pytest.raises(ValueError, match="step_1.npz"):
    not_finite.read(tmp_path / "step_1.npz")


def test_steps_are_left_out_and_counted_where_that_is_asked_for(tmp_path, caplog):
  with caplog.at_level(logging.WARNING):
    run = trained(tmp_path / "run", math.nan, optimizer__skip=8)
  skipped = not_finite.count(tmp_path / "run")
  assert 0 < skipped < 8 and run.step == 8
  said = [message for message in caplog.messages if "step left out" in message]
  assert len(said) == skipped and all(BAD in message for message in said)
  assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(run.params))
  lines = [json.loads(line) for line in (tmp_path / "run/metrics.jsonl").read_text().splitlines()]
  assert len(lines) == 8 - skipped and all(map(math.isfinite, lines[-1].values()))


def test_one_step_too_many_stops(tmp_path):
  with pytest.raises(loop.NotFinite, match=BAD):
    trained(tmp_path / "run", math.nan, optimizer__skip=1, optimizer__steps=40)
  assert not_finite.count(tmp_path / "run") == 2


def test_leaving_out_changes_no_run_that_is_finite(tmp_path):
  plain, careful = (trained(tmp_path / str(skip), None, optimizer__skip=skip) for skip in (0, 3))
  jax.tree.map(np.testing.assert_array_equal, plain.params, careful.params)


def test_a_run_may_go_on_with_steps_left_out_that_began_without(stopped):
  workdir, error = stopped
  run = trained(workdir, math.nan, log__checkpoint_seconds=0.0, optimizer__skip=8)
  assert run.step == 8 and not_finite.count(workdir) >= 1


def test_an_example_whose_activations_overflow_is_found_by_its_layer(tmp_path):
  with pytest.raises(loop.NotFinite, match=rf"{BAD} \(from fc6 on\)"):
    trained(tmp_path / "run", 3e38)


def test_where_every_example_is_finite_the_largest_is_named():
  found = not_finite.Found({}, {"a": {}}, {"a": ("a/1", "fc7", 3e20)}, [])
  assert "a/1 (fc7 3e+20)" in not_finite._examples_of(found)


def test_features_that_are_not_finite_are_refused_by_key():
  x = np.zeros((3, 2))
  assert not_finite.checked({"fc7": x}, ["a", "b", "c"], "c, natural") == {"fc7": x}
  x[1, 0] = np.inf
  with pytest.raises(FloatingPointError, match="c, natural: fc7 is not finite for b. "):
    not_finite.checked({"fc7": x}, ["a", "b", "c"], "c, natural")


def test_metrics_name_the_term_where_it_is_one_of_several():
  method = methods.METHODS["c"]._replace(terms=tuple(
    methods.Term(name, "contrast.supervised_contrast", 1.0) for name in ("first", "second")))
  scene = not_finite.Scene(config(), method, ROWS, given.Constants(), {}, 3, {
    "loss": math.nan, "loss/natural": 1.0, "loss/drawing": 2.0, "loss/first": 1.0,
    "loss/second": math.inf, "loss/alignment": math.inf})
  assert not_finite._whose(scene) == "It is that of term second"
  scene = scene._replace(values={"loss": 1.0})
  assert "finite" in not_finite._whose(scene)
