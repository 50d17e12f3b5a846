"""What would stop a run later is refused before it starts, in words that name the field."""

import math

import numpy as np
import pytest

from cmx import config as config_lib
from cmx import data
from cmx import fields
from cmx import methods
from cmx import modalities
from cmx.experiment import preflight


def config(**changes):
  return fields.replace(config_lib.Config(), {name.replace("__", "."): value
                                              for name, value in changes.items()})


def test_every_row_passes_as_it_is():
  preflight.check_rows(config(), [row for row in methods.METHODS if row != "reference"])


@pytest.mark.parametrize("rows, words", [
  ([], "no rows; expected one or more of reference, bl_ind"),
  (["c", "d"], "method 'd'; expected one of reference, bl_ind"),
  (["c", "reference"], "row 'reference' is the reference network.*expected rows that start from"),
  (["c", "bl_ind", "c"], "row 'c' comes 2 times; expected it once")])
def test_rows_that_make_no_table_are_refused(rows, words):
  with pytest.raises(ValueError, match=words):
    preflight.check_rows(config(), rows)


def test_what_is_said_of_a_row_that_does_not_exist_is_refused():
  with pytest.raises(ValueError, match="method 'b_gm'; expected one of"):
    preflight.check_rows(config(rows={"b_gm": {"alignment.weight": 1.0}}), ["c"])


def test_what_a_row_changes_is_checked():
  rows = {"bl_ind": {"network.dropout": 1.0}}
  preflight.check_rows(config(rows=rows), ["c"])
  with pytest.raises(ValueError, match="config.network.dropout 1.0; expected a share"):
    preflight.check_rows(config(rows=rows), ["c", "bl_ind"])


@pytest.mark.parametrize("field, value, words", [
  ("optimizer.steps", 0, "config.optimizer.steps 0; expected 1 or more"),
  ("reference.batch", -8, "config.reference.batch -8; expected 1 or more"),
  ("network.channels", (4, 0, 4, 4), r"config.network.channels \(4, 0, 4, 4\); expected 1 or more"),
  ("network.dropout", 1.0, "config.network.dropout 1.0; expected a share from 0 to less than 1"),
  ("data.holdout", -0.1, "config.data.holdout -0.1; expected a share from 0 to less than 1"),
  ("optimizer.tune_share", 1.5, "config.optimizer.tune_share 1.5; expected a share from 0 to 1"),
  ("optimizer.learning_rate", -1.0, "config.optimizer.learning_rate -1.0; expected 0 or more"),
  ("optimizer.learning_rate", float("nan"), "learning_rate nan; expected 0 or more"),
  ("optimizer.clip", 0.0, "config.optimizer.clip 0.0; expected more than 0"),
  ("mixture.components", 0, "config.mixture.components 0; expected 1 or more"),
  ("mixture.least_share", 1.01, "mixture.least_share 1.01; expected a share from 0 to 1"),
  ("log.patience", -1, "config.log.patience -1; expected 0 or more"),
  ("log.patience", 3, "config.log.patience 3 without log.select.*--config.log.select=true"),
  ("alignment.temperature", 0.5, "alignment.temperature 0.5; expected 1 or more"),
  ("alignment.contrast", 0.0, "alignment.contrast 0.0; expected more than 0"),
  ("alignment.bandwidths", (1.0, 0.0), r"alignment.bandwidths \(1.0, 0.0\); expected more than 0"),
  ("alignment.bias", float("-inf"), "alignment.bias -inf; expected a finite number"),
  ("seed", -1, "config.seed -1; expected 0 or more")])
def test_numbers_that_no_run_can_use_are_refused(field, value, words):
  with pytest.raises(ValueError, match=words):
    preflight.check(fields.replace(config_lib.Config(), {field: value}))


def test_what_is_optional_may_have_no_steps():
  preflight.check(config(inversion__optimisation__steps=0))
  preflight.check(config(reference__steps=0, weights__file="weights.npz"))
  with pytest.raises(ValueError, match="config.reference.steps 0; expected 1 or more"):
    preflight.check(config(reference__steps=0))


def test_ends_of_limits_are_allowed():
  preflight.check(config(optimizer__tune_share=1.0, optimizer__learning_rate=0.0,
                         network__dropout=0.0, network__hidden=(), augment__shift=0))


@pytest.mark.parametrize("field", ["optimizer.batch", "reference.batch"])
def test_a_batch_that_devices_do_not_divide_is_refused(field):
  with pytest.raises(ValueError, match="batch size 12 is not divisible by 8 devices"):
    preflight.check(fields.replace(config_lib.Config(), {field: 12}))


def test_the_reference_network_needs_no_batch_of_the_rows():
  preflight.check(config(method="reference", optimizer__batch=12))


@pytest.mark.parametrize("field, value, words", [
  ("evaluation.layer", "fc9", "layer 'fc9'; expected one of pool5, fc6_linear, fc6"),
  ("evaluation.layers", ("fc7", "conv5"), r"layers \('fc7', 'conv5'\); expected one of pool5"),
  ("mixture.layers", ("tower",), r"mixture.layers \('tower',\); expected one of pool5"),
  ("evaluation.readout", "manhattan", "evaluation.readout 'manhattan'; expected one of cosine"),
  ("network.precision", "float16", "network.precision 'float16'; expected one of float32, bf"),
  ("network.tower", "vgg", "network.tower 'vgg'; expected one of small, alexnet"),
  ("method", "d", "method 'd'; expected one of")])
def test_unknown_names_are_answered_with_the_known(field, value, words):
  with pytest.raises(ValueError, match=words):
    preflight.check(fields.replace(config_lib.Config(), {field: value}))


@pytest.mark.parametrize("field", ["mixture.layers", "alignment.layers"])
def test_a_layer_that_is_not_there_is_refused_though_no_term_of_the_row_reads_it(field):
  with pytest.raises(ValueError, match=rf"config.{field} \('fc9',\); expected one of pool5"):
    preflight.check(fields.replace(config(method="bl_ind"), {field: ("fc9",)}))


@pytest.mark.parametrize("method, changes, words", [
  ("class_own", {"alignment.temperature": 257.0}, r"temperature 257; expected 1 .* to 256, the"),
  ("c", {"alignment.temperature": 2.0, "mixture.layers": ("pool5",)}, "not pool5"),
  ("supcon", {"alignment.layers": ()}, r"layers \(\) with method 'supcon'; expected one or more"),
  ("supcon", {"alignment.layers": ("fc7", "fc7")}, "each once"),
  ("supcon", {"alignment.layers": ("fc9",)}, r"layers \('fc9',\); expected one of pool5"),
  ("dann", {"alignment.layers": ("pool5",)}, "not pool5"),
  ("proto_codes", {"alignment.layers": ("fc8",)}, "not fc8"),
  ("union", {"optimizer.accumulate": 2}, "accumulate 2 with method 'union', which compares"),
  ("dsbn", {"optimizer.accumulate": 4}, "accumulate 4 with method 'dsbn', which compares"),
  ("class_own", {"mixture.restarts": 0}, "restarts 0; expected 1 or more")])
def test_terms_that_cannot_be_had_are_refused(method, changes, words):
  with pytest.raises(ValueError, match=words):
    preflight.check(fields.replace(config(method=method), changes))


def test_terms_settings_matter_only_to_rows_that_have_them():
  changes = {"alignment.temperature": 257.0, "alignment.layers": ("pool5",)}
  preflight.check(fields.replace(config(method="bl_ind"), changes))
  preflight.check(config(method="class_own", optimizer__accumulate=4, alignment__temperature=256.0))


class Labels:
  """A source of which only the labels are looked at."""

  def __init__(self, labels):
    self.labels = np.array(labels, np.int32)

  def __len__(self):
    return len(self.labels)


def dataset(shape=(32, 32, 3), train=(0, 1, 1), validation=(0, 1)):
  rows = (modalities.NATURAL._replace(shape=shape), modalities.DRAWING._replace(shape=shape))
  splits = {data.TRAIN: {"natural": Labels([0, 1] * 20), "drawing": Labels(train)},
            data.VALIDATION: {"natural": Labels([0]), "drawing": Labels(validation)}}
  return data.Dataset("made", ("a", "b"), rows, splits, "1")


def test_a_data_set_that_fits_passes():
  preflight.check_data(config(), dataset())


@pytest.mark.parametrize("given, changes, words", [
  (dict(train=[]), {}, "modality 'drawing' has no training examples"),
  (dict(validation=[]), {}, "modality 'drawing' has no validation examples in data set 'made'; "
                            "expected 1 or more: hold back"),
  (dict(shape=(8, 8, 3)), {}, r"images of \(8, 8\) pixels are too small for tower 'small'"),
  ({}, {"mixture.components": 41}, "mixture.components 41; expected 40 at most"),
  ({}, {"mixture.examples": 10}, "mixture.components 32; expected 10 at most")])
def test_a_data_set_that_does_not_fit_is_refused(given, changes, words):
  with pytest.raises(ValueError, match=words):
    preflight.check_data(fields.replace(config_lib.Config(), changes), dataset(**given))


@pytest.mark.parametrize("changes, words", [
  ({"network.trunk": 4_000}, "config.network.trunk 4000"),
  ({"network.hidden": (9_000, 9_000)}, r"config.network.hidden \(9000, 9000\)"),
  ({"network.channels": (9, 9, 9, 9_000)}, "fewer pixels"),
  ({"optimizer.batch": 10_000}, "config.optimizer.batch 10000"),
  ({"method": "reference", "reference.batch": 10_000}, "config.reference.batch 10000"),
  ({"evaluation.batch": 40_000}, "config.evaluation.batch 40000")])
def test_a_step_that_no_memory_can_hold_is_refused(monkeypatch, changes, words):
  made = dataset()
  text = modalities.DESCRIPTION._replace(shape=(512,))
  splits = {split: {**sources, "description": sources["drawing"]}
            for split, sources in made.splits.items()}
  made = made._replace(modalities=(*made.modalities, text), splits=splits)
  monkeypatch.setattr(preflight.devices, "memory", lambda: 200e6)
  preflight.check_data(config(), made)
  with pytest.raises(ValueError, match=f"a step of .* there are 0.2 GB of memory.*{words}"):
    preflight.check_data(fields.replace(config(), changes), made)


def test_pictures_that_no_memory_can_hold_are_refused_without_an_array_being_made():
  with pytest.raises(ValueError, match="GB of memory"):
    preflight.check_data(config(optimizer__batch=1 << 20), dataset(shape=(4_096, 4_096, 3)))


def test_a_row_that_reads_names_is_refused_where_there_are_none():
  preflight.check_data(config(method="proto_names"), dataset())
  with pytest.raises(ValueError, match="method 'proto_names' reads the classes' names, and class "
                                       "'0' has none"):
    preflight.check_data(config(method="proto_names"), dataset()._replace(classes=("0", "1")))


def test_components_matter_only_to_rows_that_are_told_how_many():
  for method in ("bl_ind", "b_gaussian"):
    preflight.check_data(config(method=method, mixture__components=41), dataset())


@pytest.mark.parametrize("name, value, word", [
  ("seed", 1 << 63, "below"), ("seed", 1 << 64, "below"), ("data.world.seed", 1 << 64, "below"),
  ("optimizer.steps", 1 << 31, "at most"), ("optimizer.batch", 10**30, "at most"),
  ("reference.steps", 1 << 40, "at most"), ("network.trunk", 1 << 31, "65,536 at most"),
  ("data.folders.image_size", 100_000, "4,096 at most"), ("augment.shift", 5_000, "at most"),
  ("network.channels", (4, 4, 4, 70_000), "at most"), ("optimizer.warmup", 10**30, "at most"),
  ("data.world.natural", 10**9, "at most"), ("evaluation.batch", 10**9, "at most"),
  ("optimizer.learning_rate", math.inf, "finite"), ("optimizer.weight_decay", 1e300, "finite"),
  ("alignment.weight", math.inf, "finite"), ("alignment.weight", math.nan, "0 or more"),
  ("optimizer.clip", 0.0, "more than 0"), ("log.checkpoint_seconds", math.nan, "0 or more"),
  ("network.dropout", 1.0, "less than 1"), ("optimizer.tune_share", 1.5, "from 0 to 1"),
  ("network.channels", (4, 4, 4), "expected 4"), ("network.channels", (4,) * 8, "expected 4"),
  ("network.channels", (), "expected 4"), ("network.channels", (4, 4, 0, 4), "1 or more"),
  ("mixture.layers", (), "one or more of pool5"), ("mixture.layers", ("fc6", "fc9"), "fc9"),
  ("evaluation.layers", ("",), "expected one of"), ("evaluation.readout", "", "expected one of")])
def test_a_value_that_training_would_stumble_over_is_named(name, value, word):
  config = fields.replace(config_lib.Config(), {name: value})
  with pytest.raises(ValueError) as refused:
    preflight.check(config)
  assert name.split(".")[-1].rstrip("s") in str(refused.value) and word in str(refused.value)


def test_a_checkpoint_may_never_be_due():
  preflight.check(fields.replace(config_lib.Config(), {"log.checkpoint_seconds": math.inf}))


def test_the_best_of_no_steps_is_refused():
  with pytest.raises(ValueError, match="log.validation_steps 0; expected 1 or more"):
    preflight.check(config(log__select=True, log__validation_steps=0))
