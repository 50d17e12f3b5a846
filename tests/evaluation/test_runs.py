"""Runs that a user names on the command line: which are taken, and under which names."""

import pathlib

import pytest

import small_experiment
from cmx.evaluation import evaluate
from cmx.evaluation import runs
from cmx.training import step


@pytest.fixture
def experiment(tmp_path, monkeypatch):
  small_experiment.write(tmp_path / "mine", seeds=(0,))
  small_experiment.write_run(tmp_path / "mine" / "seed_0" / "reference", "reference")
  for path in tmp_path.glob("mine/*/*/result.json"):
    path.with_name("average_precision.npz").write_bytes(b"")
  monkeypatch.setattr(evaluate, "load", lambda folder: (
    {"method": folder.name, "name": folder.name.upper(), "of": folder}, {}))
  monkeypatch.setattr(step, "steps", lambda config: 7)  # what `small_experiment` has saved
  return tmp_path / "mine"


def named(words):
  found, folder = runs.evaluated([str(word) for word in words])
  return [(result["method"], result["name"]) for result in found], folder


def test_a_folder_is_a_run_and_holds_its_table(experiment):
  run = experiment / "seed_0" / "c"
  assert named([run]) == ([("c", "C")], run)


def test_an_experiment_is_all_its_rows_without_its_reference_network(experiment):
  assert named([experiment]) == ([("bl_ind", "BL_IND"), ("c", "C")], experiment / "compared")


def test_names_make_rows_of_their_own(experiment):
  found, _ = named([f"pixels={experiment}", f"pre = {experiment / 'seed_0' / 'c'}"])
  assert found == [("pixels/bl_ind", "pixels: BL_IND"), ("pixels/c", "pixels: C"),
                   ("pre/c", "pre: C")]


def test_a_folder_may_hold_a_sign(experiment, monkeypatch):
  monkeypatch.chdir(experiment.parent)
  experiment.rename("steps=7")
  assert named(["steps=7"])[0] == [("bl_ind", "BL_IND"), ("c", "C")]
  assert named(["./steps=7"])[0] == named(["steps=7"])[0]
  assert named(["a=steps=7/seed_0/c"]) == (
    [("a/c", "a: C")], pathlib.Path("steps=7/seed_0/c"))


@pytest.mark.parametrize("word", ["=runs/mine", "pixels=", " = "])
def test_a_name_or_folder_that_is_empty_is_refused(word):
  with pytest.raises(ValueError, match="expected NAME=FOLDER"):
    runs.evaluated([word])


def test_no_runs_and_a_folder_without_runs_are_refused(tmp_path):
  with pytest.raises(ValueError, match="no runs; expected --runs=FOLDER.*--features="):
    runs.evaluated([])
  with pytest.raises(FileNotFoundError, match="no run in .*; expected a work directory"):
    runs.evaluated([str(tmp_path)])


def test_what_is_half_trained_is_left_out_and_said(experiment, monkeypatch):
  monkeypatch.setattr(step, "steps", lambda config: 7 if config.method == "c" else 8)
  small_experiment.write_run(experiment / "seed_0" / "a_tune", "a_tune")
  assert named([experiment])[0] == [("c", "C")]
  monkeypatch.setattr(step, "steps", lambda config: 8)
  with pytest.raises(ValueError, match="no row of .* is trained to its end"):
    runs.evaluated([str(experiment)])


def test_a_run_that_is_half_trained_is_refused_where_it_is_named_alone(experiment, monkeypatch):
  monkeypatch.setattr(step, "steps", lambda config: 8)
  small_experiment.write_run(experiment / "seed_0" / "a_tune", "a_tune")
  with pytest.raises(ValueError, match="a_tune is at step 7 of 8"):
    runs.evaluated([str(experiment / "seed_0" / "a_tune")])
