"""A modality trained against a finished run: what is trained, what is kept, what is refused."""

import shutil

import jax
import numpy as np
import pytest

import tiny
from cmx import fields
from cmx import methods
from cmx import modalities
from cmx.training import checkpoint
from cmx.training import extension
from cmx.training import step
from cmx.training import train


SEEN, HEARD, TOLD, FELT = (modalities.Modality(name, name[:3].upper(), "vector", shape=(width,))
                           for name, width in (("seen", 5), ("heard", 5), ("told", 4), ("felt", 6)))
CLASSES = ("a", "b", "c")


def finished(method, rows=(SEEN, HEARD, TOLD)):
  return tiny.untrained(rows, method, CLASSES)


def planned(method, new=FELT, terms=None, trunk="", rows=(SEEN, HEARD, TOLD)):
  run = finished(method, rows)
  config = fields.replace(run.config, {"extension.modality": new.name, "extension.trunk": trunk})
  terms = methods.named(method).terms if terms is None else terms
  return run, extension.plan(config, run, new, terms)


def trained(plan):
  found, _ = step.divided(plan.params, plan.phases[0])
  return {f"{layer}/{name}" for layer, owners in found.items() for name in owners}


@pytest.mark.parametrize("method, own", [
  ("c", {"tower/felt"}), ("bl_ind", {"tower/felt"}), ("bl_shall", {"tower/vector6"}),
  ("bl_shfc7", {"tower/felt", "fc6/felt"}),
  ("dsbn", {"tower/felt", "fc6_norm/felt", "fc7_norm/felt"})])
def test_what_is_the_new_one_s_own_is_trained_and_nothing_else(method, own):
  run, plan = planned(method)
  assert trained(plan) == own
  for layer, owners in run.params.items():
    for name, tree in owners.items():
      jax.tree.map(np.testing.assert_array_equal, plan.params[layer][name], tree)
  assert [row.name for row in plan.modalities] == ["seen", "heard", "told", "felt"]


@pytest.mark.parametrize("trunk, source", [("", "seen"), ("told", "told")])
def test_where_each_has_a_trunk_it_gets_a_copy_of_the_reference_s_or_of_one_named(trunk, source):
  run, plan = planned("bl_ind", trunk=trunk)
  for layer in ("fc6", "fc7", "fc8"):
    jax.tree.map(np.testing.assert_array_equal, plan.params[layer]["felt"],
                 run.params[layer][source])


def test_a_tower_of_the_reference_s_form_starts_from_it_and_another_from_nothing():
  like = FELT._replace(shape=(5,))
  run, plan = planned("c", like)
  jax.tree.map(np.testing.assert_array_equal, plan.params["tower"]["felt"],
               run.params["tower"]["seen"])
  assert plan.warm["tower"] == {"felt"}
  assert planned("c")[1].warm["tower"] == set()


def test_a_step_sees_the_new_modality_alone_unless_terms_compare():
  assert [row.name for row in planned("c")[1].trained] == ["felt"]
  assert len(planned("c", terms=methods.named("supcon").terms)[1].trained) == 4
  assert planned("supcon_shared", terms=())[1].trained == (FELT,)


@pytest.mark.parametrize("arguments, words", [
  ({"method": "bl_shall", "new": FELT._replace(shape=(5,))}, "share the tower of seen, heard"),
  ({"method": "dann"}, "adversary of DANN, shared tells 3 modalities apart"),
  ({"method": "dsbn", "terms": methods.named("supcon").terms}, "Own normalisation, shared remem"),
  ({"method": "c", "trunk": "smelt"}, "'smelt'; this data set has seen, heard, told"),
  ({"method": "c", "new": modalities.of_kind("photo", "pixels")._replace(shape=(64, 64, 3))},
   "'photo'.* give 64 values of pool5; expected 512")])
def test_what_cannot_be_added_is_refused(arguments, words):
  with pytest.raises(ValueError, match=words):
    planned(**arguments)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
  root = tmp_path_factory.mktemp("data")
  return root, tiny.dataset(root)


@pytest.mark.parametrize("method, terms", [("c", "c"), ("dsbn", "dsbn"), ("bl_ind", "supcon")])
def test_all_old_parameters_are_there_to_the_bit_after_training_and_resuming(dataset, tmp_path,
                                                                             method, terms):
  root, whole = dataset
  old = whole.modalities[::2]  # natural, description
  run = tiny.untrained(old, method, whole.classes)
  changes = {"data.root": str(root), "extension.modality": "drawing", "optimizer.steps": 4,
             "log.checkpoint_seconds": 0.0, "log.keep": 9, "log.keep_optimizer": True}
  config = fields.replace(run.config, changes)
  plan = extension.plan(config, run, whole.modalities[1], methods.named(terms).terms)
  rows = whole._replace(modalities=plan.modalities)
  found = train.run(config, rows, tmp_path / "whole", tiny.constants(method=terms), plan)
  for layer, owners in run.params.items():
    for name, tree in owners.items():
      jax.tree.map(np.testing.assert_array_equal, found.params[layer][name], tree)
  tower = found.params["tower"]["drawing"]["conv1"]["kernel"]
  assert not np.array_equal(tower, plan.params["tower"]["drawing"]["conv1"]["kernel"])
  loaded = checkpoint.load_run(tmp_path / "whole")
  assert [row.name for row in loaded.modalities] == ["natural", "description", "drawing"]
  assert loaded.name.endswith("drawing added later")
  if method == "dsbn":
    assert np.any(found.params["fc6_moments"]["drawing"]["mean"])
  shutil.rmtree(tmp_path / "whole" / "checkpoints" / "4")
  again = train.run(config, rows, tmp_path / "whole", tiny.constants(method=terms), plan)
  jax.tree.map(np.testing.assert_array_equal, again.params, found.params)
