"""The gradient of a step in a fixed order: the same bits on any number of devices, and the same
gradient as in parallel but for rounding."""

import contextlib
import functools
from unittest import mock

import jax
import numpy as np
import optax
import pytest

from cmx import config as config_lib
from cmx import data
from cmx import fields
from cmx import methods
from cmx import modalities
from cmx.alignment import given
from cmx.data import batches
from cmx.experiment import preflight
from cmx.mixture import gmm
from cmx.runtime import devices as devices_lib
from cmx.training import ordered
from cmx.training import step

ROWS = (modalities.Modality("natural", "NAT", "pixels", shape=(16, 16, 3)),
        modalities.Modality("sound", "SND", "vector", shape=(6,)))
CLASSES = ("one", "two", "three")
FIELDS = {"network.channels": (2, 2, 2, 2), "network.hidden": (5,), "network.trunk": 7,
          "network.dropout": 0.25, "optimizer.batch": 16, "optimizer.steps": 4,
          "reference.batch": 16, "evaluation.batch": 16, "method": "c"}
# A term by each example, two that compare all of them, and one with parameters of its own.
TERMS = tuple(methods.METHODS[row].terms[0] for row in ("c", "supcon_shared", "mmd", "dann"))
METHOD = methods.METHODS["c"]._replace(terms=TERMS)
TRANSFORM = optax.adam(1e-2)


class Source:
  """Twelve examples of a modality."""

  def __init__(self, row, seed):
    self.labels = (np.arange(12) % len(CLASSES)).astype(np.int32)
    rng = np.random.default_rng(seed)
    self._x = (rng.integers(0, 256, (12, *row.shape), np.uint8) if row.kind == "pixels"
               else rng.normal(size=(12, *row.shape)).astype(np.float32))

  def __len__(self):
    return len(self.labels)

  def __getitem__(self, index):
    return {"input": self._x[index], "label": int(self.labels[index]), "key": str(index)}


def config(deterministic=True, **changes):
  return fields.replace(config_lib.Config(), {**FIELDS, "deterministic": deterministic, **changes})


def batch_at(index):
  part = {row.name: Source(row, seed) for seed, row in enumerate(ROWS)}
  dataset = data.Dataset("made", CLASSES, ROWS, {data.TRAIN: part}, "1")
  return batches.batch_at(batches.samplers(dataset), 0, index, 16, augment=config().augment)


@functools.cache
def constants():
  rng = np.random.default_rng(0)
  return given.Constants({layer: given.Statistics(gmm.Mixture(
    np.array([0.25, 0.75], np.float32), rng.random((2, 7), np.float32),
    1.0 + rng.random((2, 7), np.float32))) for layer in ("fc6", "fc7")})


@functools.cache
def start():
  """Random parameters, with those of an adversary."""
  return jax.device_get(jax.jit(lambda key: step.parameters(
    key, config(method="dann"), ROWS, len(CLASSES)))(jax.random.key(1)))


@functools.cache
def update(deterministic, devices):
  del devices  # that it is compiled for
  return step.make_step(config(deterministic), METHOD, ROWS, TRANSFORM)


@contextlib.contextmanager
def having(devices):
  """As in a process that has so many devices."""
  with (mock.patch.object(jax, "local_device_count", lambda: devices),
        mock.patch.object(jax, "local_devices", lambda: jax.devices()[:devices]),
        mock.patch.object(devices_lib, "_in_batch_order", lambda: jax.devices()[:devices])):
    yield


def after(devices, steps, state=None, deterministic=True):
  """(State, metrics) after steps on the first devices."""
  state = state or jax.device_get(step.begin_phase(0, start(), step.Phase((), 0, 9), TRANSFORM))
  for _ in range(steps):
    batch = jax.tree.map(lambda x: x.reshape(devices, -1, *x.shape[1:]), batch_at(int(state.step)))
    with having(devices):
      state, metrics = jax.device_get(update(deterministic, devices)(
        state, batch, constants(), jax.random.key(2)))
  return state, metrics


@functools.cache
def on_eight():
  return after(8, 3)


def assert_same_bits(ours, theirs):
  for (path, a), b in zip(jax.tree.leaves_with_path(ours), jax.tree.leaves(theirs), strict=True):
    np.testing.assert_array_equal(a, b, err_msg=str(path))


@pytest.mark.parametrize("devices", [1, 2, 4])
def test_steps_leave_the_same_bits_on_any_number_of_devices(devices):
  assert_same_bits(after(devices, 3), on_eight())


def test_steps_of_one_topology_are_gone_on_with_on_another():
  stopped, _ = after(4, 1)
  stopped, _ = after(1, 1, stopped)
  assert_same_bits(after(2, 1, stopped), on_eight())


def test_without_it_bits_differ_and_it_is_the_same_gradient():
  """The control: else the tests above could not fail."""
  one, eight = (after(devices, 1, deterministic=False) for devices in (1, 8))
  different = [not np.array_equal(a, b) for a, b in zip(jax.tree.leaves(one[0]),
                                                        jax.tree.leaves(eight[0]))]
  assert any(different)
  ours, theirs = after(8, 1)[1], eight[1]
  assert set(ours) == set(theirs)
  for name, value in theirs.items():
    np.testing.assert_allclose(ours[name], value, rtol=1e-4, err_msg=name)


def test_parts_are_added_one_after_the_other():
  """Floating-point sums in another order are other numbers: 1e8 + 1 is 1e8 in float32."""
  parts = [np.float32(value) for value in (1e8, 1.0, -1e8, 1.0)]
  assert float(ordered._mean(parts)) == 0.25 and float(ordered._mean(parts[::-1])) == 0.0


@pytest.mark.parametrize("changes, words", [
  ({"shards": 4}, "config.shards 4 is not divisible by 8 devices"),
  ({"optimizer.batch": 24, "shards": 16}, "config.optimizer.batch 24"),
  ({"optimizer.batch": 32, "optimizer.accumulate": 4, "shards": 16}, "accumulate 4"),
  ({"evaluation.batch": 20}, "config.evaluation.batch 20"),
  ({"method": "dsbn"}, "'dsbn'")])
def test_what_cannot_have_the_same_bits_is_refused(changes, words):
  with pytest.raises(ValueError, match=words):
    preflight.check(config(**{"method": "bl_ind", **changes}))


def test_without_deterministic_shards_do_not_matter():
  preflight.check(config(deterministic=False, **{"shards": 5, "method": "dsbn"}))
