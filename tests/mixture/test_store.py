"""Fits on disk: read again, gone on with after a kill, refused when they are of something else."""

import pathlib
import signal
import subprocess
import sys
import time

import jax
import numpy as np
import pytest

from cmx.mixture import em
from cmx.mixture import passes as passes_lib
from cmx.mixture import store

ROOT = pathlib.Path(__file__).parents[2]
KEY = jax.random.key(0)
SETTINGS = {"components": 3, "covariance": "diagonal", "restarts": 2, "iterations": 6,
            "tolerance": -1.0, "variance_floor": 1e-3, "examples": "those of the test"}


def examples():
  rng = np.random.default_rng(0)
  return (rng.integers(3, size=(200, 1)) + 0.3 * rng.normal(size=(200, 4))).astype(np.float32)


def activations(passes=None):
  """The examples, each pass over them counted in `passes`."""
  def chunks():
    (passes if passes is not None else []).append(0)
    return iter([examples()])
  return passes_lib.Activations(chunks)


def kept(path, settings=SETTINGS, opened=activations()):
  return store.read_or_fit(path, settings, KEY, opened, "mixture of fc7")


def same(ours, theirs):
  assert ours.history == theirs.history and ours.reseeded == theirs.reseeded
  for one, other in zip(jax.tree.leaves(ours.mixture), jax.tree.leaves(theirs.mixture)):
    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("covariance, components", [("diagonal", 3), ("tied", 3), ("full", 1)])
def test_a_kept_fit_is_read_again_without_a_pass(tmp_path, covariance, components):
  settings = SETTINGS | {"covariance": covariance, "components": components}
  first = kept(tmp_path / "a.npz", settings)
  passes = []
  again = kept(tmp_path / "a.npz", settings, activations(passes))
  assert not passes and again.seconds == first.seconds > 0
  same(again.fit, first.fit)
  assert not (tmp_path / "a.state.npz").exists()


FIT = """
import pathlib, sys, time
sys.path[:0] = ["tests", "tests/mixture"]
import test_store

def slowly():
  time.sleep(0.1)
  return test_store.activations().chunks()

test_store.kept(pathlib.Path(sys.argv[1]), opened=test_store.passes_lib.Activations(slowly))
"""


def test_a_killed_fit_goes_on_from_its_last_iteration_to_the_same_bits(tmp_path):
  whole = kept(tmp_path / "whole.npz")
  path, state = tmp_path / "killed.npz", tmp_path / "killed.state.npz"
  process = subprocess.Popen([sys.executable, "-c", FIT, str(path)], cwd=ROOT)
  patience = time.monotonic() + 60

  def iterations():
    return store._read(state, SETTINGS) if state.exists() else {"current_history": []}

  while len(iterations()["current_history"]) < 3:
    assert process.poll() is None and time.monotonic() < patience
    time.sleep(0.02)
  process.send_signal(signal.SIGKILL)
  process.wait()
  assert not path.exists()
  stopped = iterations()
  done = 6 * int(stopped["current_restart"]) + len(stopped["current_history"])
  passes = []
  found = kept(path, opened=activations(passes))
  assert len(passes) == 1 + 2 * 7 - done - int(stopped["current_restart"])  # the survey, the rest
  assert found.seconds > float(stopped["seconds"]) > 0.2
  same(found.fit, whole.fit)
  assert not state.exists()


def test_a_fit_that_is_refused_leaves_no_file(tmp_path):
  with pytest.raises(ValueError, match="200 examples for 201 components"):
    kept(tmp_path / "a.npz", SETTINGS | {"components": 201})
  assert not list(tmp_path.glob("*.npz"))


def test_files_of_other_settings_are_refused_with_both_sides(tmp_path):
  kept(tmp_path / "a.npz")
  other = SETTINGS | {"restarts": 1, "weights": "abc"}
  with pytest.raises(ValueError,
                     match=r"a.npz holds (?s:.*)\n  restarts: 1 \| 2\n  weights: abc \| None\n"):
    kept(tmp_path / "a.npz", other)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 half of a file", b"not a file of arrays"])
@pytest.mark.parametrize("name", ["a.npz", "a.state.npz"])
def test_damaged_files_are_refused(tmp_path, name, content):
  (tmp_path / name).write_bytes(content)
  with pytest.raises(ValueError, match=rf"{name} is damaged or no fit of this version \(.*\); rem"):
    kept(tmp_path / "a.npz")


def test_files_that_hold_something_else_are_refused(tmp_path):
  np.savez(tmp_path / "a.npz", weight=np.ones(3))
  with pytest.raises(ValueError, match="a.npz is damaged or no fit of this version"):
    kept(tmp_path / "a.npz")


def test_a_description_says_what_a_user_should_know():
  x = examples()
  x[:, 2] = 0
  found = em.fit(passes_lib.of_array(x), 2, KEY, em.Options(iterations=1))
  text = store.describe(found)
  assert text == (f"K=2 D=4 N=200: {found.history[-1]:.2f} nats per example "
                  f"({found.history[-1] / 4:.3f} per dimension) after 1 iterations, 1 dead units, "
                  "not converged")
  whole = store.describe(found._replace(converged=True, dead_units=np.zeros(0), reseeded=[0, 2]))
  assert whole.endswith("after 1 iterations, 2 empty components put elsewhere")
