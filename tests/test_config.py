"""Configs: fields by dotted name, rows, JSON and back, and words for every mistake."""

import dataclasses
import json

import pytest

from cmx import config as config_lib
from cmx import fields
from cmx.analysis.inversion import optimise
from cmx.data import encoders
from cmx.evaluation import readouts
from cmx.mixture import em
from cmx.network import towers


def test_a_field_is_changed_and_the_config_given_stays():
  config = config_lib.Config()
  changed = fields.replace(config, {"seed": 3, "alignment.weight": 0.5,
                                    "data.world.natural": 7})
  assert (changed.alignment.weight, changed.data.world.natural, changed.seed) == (0.5, 7, 3)
  assert config == config_lib.Config()
  assert fields.replace(changed, {"alignment.weight": config.alignment.weight,
                                  "data.world.natural": config.data.world.natural,
                                  "seed": config.seed}) == config


def test_two_configs_share_no_section():
  first, second = config_lib.Config(), config_lib.Config()
  first.data.world.natural = 1
  assert second.data.world.natural == config_lib.World().natural
  assert first.reference is not first.optimizer


@pytest.mark.parametrize("name, words", [
  ("alignment.wight", "config has no field 'alignment.wight'; 'wight' is not among weight"),
  ("optimiser.steps", "'optimiser' is not among method, seed, data, "),
  ("seed.more", "'more' is not among nothing"),
  ("alignment", "config.alignment is a section; expected one of its fields weight"),
  ("", "'' is not among method, seed")])
def test_a_field_that_does_not_exist_is_answered_with_those_that_do(name, words):
  with pytest.raises(ValueError, match=words):
    fields.replace(config_lib.Config(), {name: 1})
  with pytest.raises(ValueError, match=words):
    fields.field(config_lib.Config(), name)


@pytest.mark.parametrize("name, value, words", [
  ("optimizer.steps", "many", "Optimizer.steps 'many'; expected a value of type int"),
  ("optimizer.steps", 1.5, "Optimizer.steps 1.5; expected a value of type int"),
  ("optimizer.steps", True, "Optimizer.steps True; expected a value of type int"),
  ("optimizer.clip", "1", "Optimizer.clip '1'; expected a value of type float"),
  ("log.tensorboard", 1, "Log.tensorboard 1; expected a value of type bool"),
  ("mixture.layers", "fc6", r"Mixture.layers 'fc6'; expected a value of type tuple\[str, ...\]"),
  ("mixture.layers", ("fc6", 7), "Mixture.layers 7; expected a value of type str"),
  ("rows", [], "Config.rows \\[\\]; expected a value of type dict")])
def test_a_value_of_another_type_is_refused(name, value, words):
  with pytest.raises(ValueError, match=words):
    fields.replace(config_lib.Config(), {name: value})


def test_a_whole_number_stands_for_a_float():
  assert fields.replace(config_lib.Config(), {"optimizer.clip": 2}).optimizer.clip == 2


def test_a_row_has_its_own_fields_and_the_table_keeps_them():
  config = config_lib.Config(rows={"a_free": {"optimizer.tune_share": 0.25}})
  row, other = fields.for_method(config, "a_free"), fields.for_method(config, "bl_ind")
  assert (row.method, row.optimizer.tune_share) == ("a_free", 0.25)
  assert (other.method, other.optimizer.tune_share) == ("bl_ind", config.optimizer.tune_share)
  assert row.rows == other.rows == config.rows


def test_json_gives_the_config_back():
  config = fields.replace(config_lib.Config(rows={"c": {"alignment.weight": 0.1}}), {
    "data.modalities": ("natural", "drawing"), "network.hidden": (), "log.checkpoint_seconds": 5})
  assert fields.from_json(fields.to_json(config)) == config


def test_json_of_an_earlier_version_takes_new_fields_by_default():
  tree = json.loads(fields.to_json(config_lib.Config(seed=5)))
  del tree["optimizer"]["warmup"], tree["log"]
  assert fields.from_json(json.dumps(tree)) == config_lib.Config(seed=5)


@pytest.mark.parametrize("text, words", [
  ('{"sead": 1}', "Config has no field 'sead'; expected method, seed, data"),
  ('{"optimizer": {"lr": 1}}', "Optimizer has no field 'lr'; expected steps, batch"),
  ('{"optimizer": 3}', "Optimizer 3; expected fields steps, batch"),
  ("[]", r"Config \[\]; expected fields method, seed, data"),
  ("{", "Expecting property name")])
def test_json_that_is_no_config_is_refused(text, words):
  with pytest.raises(ValueError, match=words):
    fields.from_json(text)


def test_the_difference_names_fields_and_both_values():
  ours = fields.replace(config_lib.Config(), {"seed": 2, "data.world.natural": 9})
  assert fields.difference(ours, config_lib.Config()) == ["seed: 2 | 0",
                                                          "data.world.natural: 9 | 400"]
  assert fields.difference(ours, dataclasses.replace(ours)) == []


def test_a_row_of_one_side_only_is_a_difference():
  ours = config_lib.Config(rows={"c": {"alignment.weight": 0.1}})
  assert fields.difference(ours, config_lib.Config()) == ["rows.c.alignment.weight: 0.1 | None"]


def test_a_run_whose_inversion_had_other_settings_is_still_that_run():
  old = dataclasses.asdict(config_lib.Config(seed=3))
  old["inversion"] |= {"channels": [160, 96], "adversarial_weight": 0.05}
  assert fields.from_dict(old, config_lib.Config) == config_lib.Config(seed=3)
  old["inversion"]["adversary"] = 1
  with pytest.raises(ValueError, match="Inversion has no field 'adversary'"):
    fields.from_dict(old, config_lib.Config)


def test_flat_has_every_number_and_no_section():
  flat = fields.flat(config_lib.Config())
  assert flat["optimizer.steps"] == config_lib.Optimizer().steps
  assert not [name for name, value in flat.items()
              if dataclasses.is_dataclass(value) or isinstance(value, dict)]


@pytest.mark.parametrize("name, there_are", [
  ("network.tower", towers.TOWERS), ("evaluation.readout", readouts.READOUTS),
  ("mixture.covariance", em.COVARIANCES),
  ("inversion.optimisation.parameterisation", optimise.PARAMETERISATIONS),
  ("encoders.pixels", ["", *(key for key, kind in encoders._KINDS.items() if kind == "pixels")]),
  ("encoders.text", [key for key, kind in encoders._KINDS.items() if kind == "text"])])
def test_a_field_takes_the_names_that_there_are(name, there_are):
  said = fields.limit(name).words.removeprefix("one of ").split(", ")
  named = ["" if word == "''" else word for word in said if ":" not in word]
  assert sorted(named) == sorted(there_are)
  for word in [*there_are, *(["hf:any", "python:a.b"] if name.startswith("encoders") else [])]:
    fields.check_limits(fields.replace(config_lib.Config(), {name: word}))
  with pytest.raises(ValueError, match=f"config.{name} 'no such'; expected one of "):
    fields.check_limits(fields.replace(config_lib.Config(), {name: "no such"}))


def test_the_fields_that_are_named_are_checked_alone():
  config = config_lib.Config()
  config.mixture.components, config.mixture.covariance = 0, "square"
  with pytest.raises(ValueError, match="config.mixture.components 0; expected 1 or more"):
    fields.check_limits(config)
  fields.check_limits(config, ["mixture.restarts", "seed"])
  with pytest.raises(ValueError, match="covariance 'square'"):
    fields.check_limits(config, ["mixture.covariance"])
