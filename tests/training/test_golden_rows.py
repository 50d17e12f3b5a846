"""A golden step for every row: what three steps of a tiny run leave, kept as data.

`python tests/training/test_golden_rows.py` writes `golden_rows.json` anew. A refactoring leaves it
as it is; a commit that changes it says which arithmetic has changed, and why.
"""

import json
import math
import pathlib
import sys

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
from cmx.mixture import gmm
from cmx.runtime import devices
from cmx.training import step

GOLDEN = pathlib.Path(__file__).parent / "golden_rows.json"
CLASSES = ("one", "two", "three")
ROWS = (modalities.Modality("natural", "NAT", "vector", shape=(6,)),  # two that can share a tower
        modalities.Modality("drawing", "LDR", "vector", shape=(6,)))
FIELDS = {"network.hidden": (5,), "network.pool5": 8, "network.trunk": 7, "network.dropout": 0.25,
          "optimizer.steps": 3, "optimizer.batch": 8,
          "optimizer.tune_share": 0.34, "reference.steps": 3, "reference.batch": 8,
          "alignment.weight": 0.3}
# Plain gradient descent: Adam turns the rounding of a gradient that should be zero, as of a bias
# before a normalisation, into a step of the full rate.
TRANSFORM = optax.sgd(0.1)
# Platforms and numbers of devices differ in the last bits of float32; of a layer's size.
TOLERANCE = 2e-5


class Vectors:
  """Twelve points of a modality, each near the one of its class."""

  def __init__(self, modality, seed):
    self.labels = (np.arange(12) % len(CLASSES)).astype(np.int32)
    noise = np.random.default_rng(seed).normal(0, 0.3, (12, modality.shape[0]))
    self._x = (np.eye(len(CLASSES), modality.shape[0])[self.labels] + noise).astype(np.float32)

  def __len__(self):
    return len(self.labels)

  def __getitem__(self, index):
    return {"input": self._x[index], "label": int(self.labels[index]), "key": str(index)}


def dataset():
  part = {row.name: Vectors(row, seed) for seed, row in enumerate(ROWS)}
  return data.Dataset("golden", CLASSES, ROWS, {data.TRAIN: part, data.VALIDATION: part}, "1")


def constants(method):
  """What the row's terms need, made up: two components; the first two classes own one each."""
  row, rng, layers = methods.METHODS[method], np.random.default_rng(0), {}
  share = np.array([[1, 0], [0, 1], [0.5, 0.5]], np.float32)
  for layer in ("fc6", "fc7"):
    fit = gmm.Mixture(np.array([0.25, 0.75], np.float32), rng.random((2, 7), np.float32),
                      1.0 + rng.random((2, 7), np.float32))
    layers[layer] = given.Statistics(fit, share if row.statistics in methods.BY_CLASS else None)
  codes = np.eye(len(CLASSES), 7, dtype=np.float32) if row.codes else None
  return given.Constants(layers if row.statistics else {}, codes)


def trained(method):
  """Parameters after three steps, from random ones, for which nothing is compiled."""
  row, part = methods.METHODS[method], dataset()
  config = fields.replace(config_lib.Config(), {**FIELDS, "method": method})
  rows = ROWS[:1] if row.reference else ROWS
  settings, rng = step.settings_of(config), np.random.default_rng(1)
  shapes = jax.eval_shape(lambda key: step.parameters(key, config, rows, len(CLASSES)),
                          jax.random.key(0))
  params = jax.tree.map(lambda x: (  # sums over inputs keep their size
    rng.normal(0, math.prod(x.shape[:-1]) ** -0.5, x.shape).astype(np.float32)), shapes)
  samplers = batches.samplers(part._replace(modalities=rows))
  for phase in step.phases(row, settings):
    state = step.begin_phase(phase.first, params, phase, TRANSFORM)
    update = step.make_step(config, row, rows, TRANSFORM)
    for index in range(phase.first, phase.last):
      batch = batches.batch_at(samplers, 0, index, settings.batch, augment=config.augment)
      state, _ = update(state, devices.shard(batch), constants(method), jax.random.key(2))
    params = jax.device_get(state.params)
  return params


def summary(params):
  """{layer/owner: [sum under fixed random weights, sum of sizes]}: any change of an entry shows."""
  rows = {}
  for layer, owners in sorted(params.items()):
    for owner, tree in sorted(owners.items()):
      flat = np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(tree)]).astype(np.float64)
      weights = np.random.default_rng(len(flat)).normal(size=len(flat))
      rows[f"{layer}/{owner}"] = [float(flat @ weights), float(np.abs(flat).sum())]
  return rows


def test_every_row_has_a_golden_step():
  assert set(json.loads(GOLDEN.read_text())) == set(methods.METHODS)


@pytest.mark.parametrize("method", methods.METHODS)
def test_three_steps_of_a_row_leave_the_parameters_that_they_left_before(method):
  found = summary(trained(method))
  expected = json.loads(GOLDEN.read_text())[method]
  assert list(found) == list(expected)
  for name, (value, size) in expected.items():
    assert abs(found[name][0] - value) <= TOLERANCE * size, (
      f"{name} has changed from {value} to {found[name][0]}, its size is {size}: the arithmetic of "
      "a step has changed. If that is meant, write golden_rows.json anew and say so in the commit")


def shard_mapped(function, batch_argnum, arguments, *, gathered=False, donate=()):
  """`devices.pmap` of results that are equal on all devices, without `jax.pmap`."""
  assert not gathered

  def on_a_device(*given):  # pmap takes the device axis away, shard_map leaves it with length 1
    return function(*(jax.tree.map(lambda x: x[0], tree) if i == batch_argnum else tree
                      for i, tree in enumerate(given)))

  specs = tuple(jax.P(devices.AXIS) if i == batch_argnum else jax.P() for i in range(arguments))
  mesh = jax.sharding.Mesh(np.array(jax.devices()), (devices.AXIS,))
  # With its check of what varies, shard_map's gradient of a pmean is the number of devices larger.
  return jax.jit(jax.shard_map(on_a_device, mesh=mesh, in_specs=specs, out_specs=jax.P(),
                               check_vma=False), donate_argnums=donate)


@pytest.mark.parametrize("method", ["c", "supcon"])  # a mean of gradients; all devices' examples
def test_shard_map_in_the_place_of_pmap_leaves_the_same_bits(method, monkeypatch):
  """So that leaving pmap, which JAX only maintains, stays a change of one file."""
  assert jax.device_count() == 8
  expected, mapped = trained(method), []
  monkeypatch.setattr(devices, "pmap", lambda *given, **named: (
    mapped.append(given), shard_mapped(*given, **named))[1])
  found = trained(method)
  assert mapped
  jax.tree.map(np.testing.assert_array_equal, found, expected)


def _write():
  rows = [f"{json.dumps(key)}: {json.dumps(summary(trained(key)))}" for key in methods.METHODS]
  GOLDEN.write_text("{" + ",\n".join(rows) + "}\n")


if __name__ == "__main__":
  sys.exit(_write())
