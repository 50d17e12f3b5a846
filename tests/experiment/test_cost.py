"""The cost on paper: the compiler's memory, the paper's parameters, operations that add up."""

import pytest

from cmx import config as config_lib
from cmx import fields as fields_lib
from cmx.data.encoders import hashing
from cmx.experiment import cost
from cmx.training import step
from configs import cmplaces

SMALL = {"data.modalities": ("natural", "description"), "data.world.image_size": 32,
         "network.channels": (8, 8, 16, 16), "network.hidden": (40,), "network.trunk": 72,
         "optimizer.batch": 64, "optimizer.steps": 100, "reference.batch": 64}


def world(**changes):
  fields = {name.replace("__", "."): value for name, value in changes.items()}
  return fields_lib.replace(config_lib.Config(), {**SMALL, **fields})


@pytest.fixture
def uncounted(monkeypatch):
  """Counting operations is most of the time; here it does not matter."""
  monkeypatch.setattr(step, "flops", lambda *given: 1.0)


def row(config, method, devices=1, **options):
  modalities, classes, _ = cost.modalities_of(config)
  return cost.row(fields_lib.for_method(config, method), modalities, classes, devices, **options)


@pytest.mark.parametrize("method", ["reference", "bl_ind", "a_tune"])
def test_memory_is_the_compiler_s_to_a_tenth(method, uncounted):
  found = row(world(), method, compiled=True)
  most = max(found.phases, key=lambda phase: phase.memory)
  assert most.memory == pytest.approx(most.compiled, rel=0.1)


def test_the_full_table_is_known_before_anything_is_at_hand(tmp_path):
  config = cmplaces.get_config()
  config.encoders.file = f"{tmp_path}/absent.npz"
  modalities, classes, assumed = cost.modalities_of(config)
  assert classes == 205 and [m.shape for m in modalities] == [(227, 227, 3)] * 4 + [(4800,)]
  assert len(assumed) == 1 and "DSC as 4,800 numbers" in assumed[0]
  found = cost.row(fields_lib.for_method(config, "reference"), modalities, classes, 8)
  assert found.parameters == 57_708_109 and found.examples == 128 and found.steps == 420_000
  (phase,) = found.phases
  assert phase.state == pytest.approx(3 * 4 * found.parameters, rel=1e-6)  # and Adam's two moments
  assert phase.flops == pytest.approx(490e9 / 8, rel=0.03)


def test_a_frozen_trunk_costs_no_state_and_no_gradient():
  tuned, free = row(world(), "a_free").phases
  trunk = 4 * (tuned.state - free.state)
  assert tuned.frozen == ("fc6", "fc7", "fc8") and free.frozen == ()
  assert trunk == -4 * 2 * 4 * (free.trained - tuned.trained) and tuned.flops < free.flops
  assert tuned.gradient == 4 * tuned.trained and free.gradient == 4 * free.trained
  assert tuned.sums == 0 < free.sums == 4 * (free.trained - tuned.trained)


def test_devices_divide_the_batch_and_what_it_leaves():
  one, four = (row(world(), "bl_shfinal", devices).phases[0] for devices in (1, 4))
  assert four.activations == pytest.approx(one.activations / 4, rel=0.15)  # some do not depend on B
  assert four.batch == one.batch / 4 and four.state == one.state
  assert one.flops / 4.2 < four.flops < one.flops / 3
  with pytest.raises(ValueError, match="batch size 64 is not divisible by 3 devices$"):
    row(world(), "c", 3)


def test_parts_and_recomputation_keep_less_at_once(uncounted):
  plain, parts, again = (
    row(world(data__modalities=("natural", "drawing"), **{f"optimizer__{name}": value}),
        "bl_shfinal").phases[0]
    for name, value in (("accumulate", 1), ("accumulate", 4), ("recompute", True)))
  assert parts.activations < 0.5 * plain.activations
  assert again.activations < 0.8 * plain.activations
  assert parts.sums == plain.sums + plain.gradient


def test_mixtures_take_their_place_beside_the_batch(uncounted):
  with_them, without = (row(world(), method).phases[-1] for method in ("c", "a_free"))
  assert with_them.batch - without.batch == 2 * 4 * (32 + 2 * 32 * 72)  # fc6, fc7: K = 32, D = 72


@pytest.mark.parametrize("method", ["union", "dann", "dsbn", "proto_codes"])
def test_rows_with_more_than_layers_have_a_cost(method):
  one, four = (row(world(), method, devices).phases[-1] for devices in (1, 4))
  base = row(world(), "bl_shfinal").phases[-1]
  assert one.flops > base.flops and one.trained >= base.trained and four.flops < one.flops


def test_rows_of_one_step_add_up():
  found = row(world(), "a_free")
  assert found.steps == 100 and found.phases[0].steps == found.phases[1].steps == 50
  assert found.flops == 50 * (found.phases[0].flops + found.phases[1].flops)
  assert found.memory == found.phases[1].memory and found.checkpoint == found.phases[1].state
  assert found.input == 64 * (32 * 32 * 3 + 4 * hashing.WIDTH + 2 * 4)


def test_data_that_only_their_records_describe_must_be_prepared(tmp_path):
  config = world(data__name="everyday", data__root=str(tmp_path))
  with pytest.raises(FileNotFoundError, match="launch.prepare"):
    cost.modalities_of(config)
