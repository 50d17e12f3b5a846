"""The plan of a study: ladders as they are written, which runs there are, and what they share."""

import dataclasses
import pathlib

import pytest

from cmx import config as config_lib
from cmx.experiment import reproduce
from cmx.experiment.study import plan

CONFIG = config_lib.Config()
HOME = pathlib.Path("study")


def cells(rows=("bl_ind", "c"), seeds=1, ladders=(), config=CONFIG, chosen=None):
  return plan.cells(config, HOME, rows, seeds, plan.points(ladders), chosen)


@pytest.mark.parametrize("text, expected", [
  ("optimizer.steps=1,20", ("optimizer.steps", [1, 20])),
  ("alignment.weight=0.1,1", ("alignment.weight", [0.1, 1.0])),
  ("mixture.layers=fc6+fc7,fc7", ("mixture.layers", [("fc6", "fc7"), ("fc7",)])),
  ("optimizer.recompute=true,False", ("optimizer.recompute", [True, False])),
  ("evaluation.readout=cosine,centred", ("evaluation.readout", ["cosine", "centred"]))])
def test_a_ladder_s_values_have_their_field_s_type(text, expected):
  assert plan.parse(CONFIG, text) == expected


@pytest.mark.parametrize("text, message", [
  ("optimizer.steps", "'optimizer.steps'; expected field=value,value"),
  ("optimizer.steps=", "expected field=value,value"),
  ("optimizer.step=1", "'optimizer.step'; 'step' is not among steps, batch"),
  ("optimizer=1", "config.optimizer is a section; expected one of its fields steps"),
  ("optimizer.steps=1.5", "config.optimizer.steps '1.5'; expected a value of type int"),
  ("optimizer.recompute=maybe",
   "config.optimizer.recompute 'maybe'; expected a value of type bool"),
  ("optimizer.steps=3,3", "'optimizer.steps=3,3' has 3 twice"),
  ("mixture.layers=fc6+fc7,fc6+fc7", r"has 'fc6\+fc7' twice"),
  ("seed=1,2", "seed has a flag of its own"), ("data.holdout=0.1,0.2", "data.holdout has a flag")])
def test_a_ladder_that_says_nothing_is_refused(text, message):
  with pytest.raises(ValueError, match=message):
    plan.parse(CONFIG, text)


def test_without_a_sweep_the_folders_are_those_of_an_experiment():
  found = cells(seeds=2)
  assert [str(cell.folder) for cell in found] == [
    "study/seed_0/bl_ind", "study/seed_0/c", "study/seed_1/bl_ind", "study/seed_1/c"]
  assert [str(cell.reference) for cell in found] == ["study/seed_0/reference"] * 2 + [
    "study/seed_1/reference"] * 2
  assert [(cell.row, cell.seed, cell.value) for cell in found][2:] == [
    ("bl_ind", 1, ""), ("c", 1, "")]


def test_fields_vary_one_at_a_time_in_a_sweep_and_all_together_where_they_are_tuned():
  ladders = [("optimizer.steps", [1, 2]), ("network.trunk", [8])]
  assert plan.points(ladders) == [
    {"optimizer.steps": 1}, {"optimizer.steps": 2}, {"network.trunk": 8}]
  assert plan.combinations(ladders) == [
    {"optimizer.steps": 1, "network.trunk": 8}, {"optimizer.steps": 2, "network.trunk": 8}]
  assert plan.points([]) == plan.combinations([]) == [{}]


def test_a_value_that_is_the_config_s_own_is_the_run_without_a_sweep():
  found = cells(ladders=[("optimizer.steps", [CONFIG.optimizer.steps, 7])])
  assert [str(cell.folder) for cell in found] == [
    "study/seed_0/bl_ind", "study/seed_0/c", "study/optimizer.steps=7/seed_0/bl_ind",
    "study/optimizer.steps=7/seed_0/c"]
  assert [cell.config.optimizer.steps for cell in found] == [600, 600, 7, 7]
  assert found[2].value == "optimizer.steps=7"


def test_a_row_that_does_not_read_a_field_has_one_run_for_all_its_values():
  found = cells(ladders=[("alignment.weight", [0.3, 3.0]), ("mixture.components", [2])])
  of = {row: {str(cell.folder) for cell in found if cell.row == row} for row in ("bl_ind", "c")}
  assert of["bl_ind"] == {"study/seed_0/bl_ind"}
  assert of["c"] == {f"study/{value}/seed_0/c" for value in (
    "alignment.weight=0.3", "alignment.weight=3.0", "mixture.components=2")}
  configs = [cell.config for cell in found if cell.row == "bl_ind"]
  assert all(config == configs[0] for config in configs)


def test_references_are_shared_by_all_that_start_from_the_same():
  steps = cells(ladders=[("optimizer.steps", [7]), ("mixture.components", [2])])
  assert {str(cell.reference) for cell in steps} == {"study/seed_0/reference"}
  wide = cells(ladders=[("network.trunk", [8, 16])])
  by_value = {cell.value: {c.reference for c in wide if c.value == cell.value} for cell in wide}
  assert all(len(folders) == 1 for folders in by_value.values())
  assert len(set.union(*by_value.values())) == 2
  assert all(cell.reference.name.startswith("reference_") for cell in wide)
  for cell in wide:
    assert reproduce.reference_config(cell.config).network == cell.config.network


def test_folders_do_not_depend_on_what_else_is_swept():
  one = cells(ladders=[("network.trunk", [8])])
  more = cells(rows=("a_tune", "bl_ind", "c"), ladders=[
    ("network.dropout", [0.1]), ("network.trunk", [16, 8])])
  assert {(cell.folder, cell.reference) for cell in one} <= {
    (cell.folder, cell.reference) for cell in more}


def test_the_value_yields_what_a_row_says_of_its_field_and_keeps_the_rest():
  config = config_lib.Config(rows={"c": {"optimizer.learning_rate": 9.0, "optimizer.clip": 2.0}})
  (cell,) = cells(rows=["c"], config=config, ladders=[("optimizer.learning_rate", [0.1])])
  assert (cell.config.optimizer.learning_rate, cell.config.optimizer.clip) == (0.1, 2.0)


def test_what_a_row_was_given_is_in_its_runs_alone():
  found = cells(chosen={"c": {"alignment.weight": 3.0}}, ladders=[("optimizer.steps", [7])])
  weights = {cell.row: cell.config.alignment.weight for cell in found}
  assert weights == {"bl_ind": CONFIG.alignment.weight, "c": 3.0}
  assert [cell.config.optimizer.steps for cell in found] == [7, 7]


def test_names_of_folders_hold_no_separator():
  (cell,) = cells(rows=["c"], ladders=[("weights.file", ["a/b c.npz"])])
  assert str(cell.folder) == "study/weights.file=a%2Fb%20c.npz/seed_0/c"
  (cell,) = cells(rows=["c"], ladders=[("mixture.layers", [("fc6", "fc7", "pool5")])])
  assert str(cell.folder) == "study/mixture.layers=fc6+fc7+pool5/seed_0/c"
  assert str(cell) == "c, seed 0, mixture.layers=fc6+fc7+pool5"


def test_seeds_are_counted_from_the_config_s():
  found = cells(seeds=2, config=dataclasses.replace(CONFIG, seed=5))
  assert [cell.seed for cell in found] == [5, 5, 6, 6]
