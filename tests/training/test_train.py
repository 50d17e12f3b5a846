"""Training: phases, frozen layers, the step on any number of devices, resume to the bit."""

import functools
import math
import shutil

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from cmx import config as config_lib
from cmx import methods
from cmx.data import batches
from cmx.network import model
from cmx.runtime import devices as devices_lib
from cmx.training import checkpoint
from cmx.training import step as step_lib
from cmx.training import train
from cmx.training import workdir
import tiny

SGD = optax.sgd(1.0)  # one step changes parameters by minus their gradient


@pytest.fixture(scope="module")
def root(tmp_path_factory):
  return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def three(root):
  """Three modalities."""
  return tiny.dataset(root)


@pytest.fixture(scope="module")
def dataset(three):
  """A modality of each kind, which compile in two thirds of the time."""
  return three._replace(modalities=(three.modalities[0], three.modalities[2]))


@pytest.fixture(scope="module")
def reference(root, dataset, tmp_path_factory):
  folder = tmp_path_factory.mktemp("runs")
  return train.train(tiny.config(root, "reference"), dataset, folder / "reference")


def make(config, dataset, key):
  return step_lib.parameters(key, config, dataset.modalities, tiny.CLASSES)


def parameters(config, dataset):
  """Random ones, for which nothing is compiled."""
  rng = np.random.default_rng(1)
  shapes = jax.eval_shape(functools.partial(make, config, dataset), jax.random.key(1))
  return jax.tree.map(lambda x: (
    rng.normal(0, math.prod(x.shape[:-1]) ** -0.5, x.shape).astype(np.float32)), shapes)


def one_step(config, dataset, *, devices=8, frozen=(), transform=SGD, params=None):
  """(parameters before, state after, metrics) of one step on the first devices."""
  method = methods.named(config.method)
  params = params or parameters(config, dataset)
  state = jax.device_get(step_lib.begin_phase(0, params, step_lib.Phase(frozen, 0, 9), transform))
  samplers = batches.samplers(dataset)
  batch = batches.batch_at(samplers, 0, 0, config.optimizer.batch, augment=config.augment)
  batch = jax.tree.map(lambda x: x.reshape(devices, -1, *x.shape[1:]), batch)
  step = step_lib.make_step(config, method, dataset.modalities, transform)
  state, metrics = step(state, batch, tiny.constants(method=config.method), jax.random.key(2))
  return params, jax.device_get(state), jax.device_get(metrics)


def gradient(config, dataset, **kwargs):
  params, state, metrics = one_step(config, dataset, **kwargs)
  return jax.tree.map(np.subtract, params, state.params), metrics


@pytest.fixture(scope="module")
def plain(root, dataset):
  """Gradient and metrics of the method `c`, all layers free, on 8 devices."""
  return gradient(tiny.config(root, "c"), dataset)


def assert_close(ours, theirs, tolerance):
  """Leaf by leaf, relative to the largest entry of the leaf."""
  for (path, a), b in zip(jax.tree.leaves_with_path(ours), jax.tree.leaves(theirs), strict=True):
    scale = max(np.abs(b).max(), 1e-6)
    np.testing.assert_allclose(a, b, rtol=0, atol=tolerance * scale, err_msg=str(path))


def test_two_phases_divide_the_steps_and_one_takes_all():
  settings = config_lib.Optimizer(steps=10, tune_share=0.3)
  tuned = step_lib.phases(methods.named("c"), settings)
  assert tuned == [step_lib.Phase(("fc6", "fc7", "fc8"), 0, 3), step_lib.Phase((), 3, 10)]
  assert step_lib.phases(methods.named("bl_ind"), settings) == [step_lib.Phase((), 0, 10)]


def test_the_rate_warms_up_and_decays_to_zero_within_a_phase():
  settings = config_lib.Optimizer(learning_rate=0.5, warmup=4, weight_decay=0.0)
  transform = step_lib.optimizer(settings, 20, {})
  params = {"fc6": {"shared": jnp.zeros(1)}}
  state, sizes = transform.init(params), []
  for _ in range(21):
    updates, state = transform.update({"fc6": {"shared": jnp.full(1, 0.1)}}, state, params)
    sizes.append(-float(updates["fc6"]["shared"][0]))  # with a constant gradient, the rate itself
  np.testing.assert_allclose(sizes[:5], [0, 0.125, 0.25, 0.375, 0.5], atol=1e-5)
  assert np.all(np.diff(sizes[4:]) < 0) and abs(sizes[20]) < 1e-6


def test_layers_from_the_reference_have_rates_of_their_own():
  settings = config_lib.Optimizer(tower_rate=0.5, trunk_rate=0.25, warmup=0, weight_decay=0.0)
  transform = step_lib.optimizer(settings, 10, {"tower": {"natural"}, "fc6": {"shared"}})
  params = {"tower": {"natural": jnp.zeros(1), "drawing": jnp.zeros(1)},
            "fc6": {"shared": jnp.zeros(1)}}
  ones = jax.tree.map(jnp.ones_like, params)
  updates, _ = transform.update(ones, transform.init(params), params)
  whole = updates["tower"]["drawing"]
  np.testing.assert_allclose(updates["tower"]["natural"], 0.5 * whole, rtol=1e-6)
  np.testing.assert_allclose(updates["fc6"]["shared"], 0.25 * whole, rtol=1e-6)


def test_weights_decay_and_biases_do_not():
  transform = step_lib.optimizer(config_lib.Optimizer(weight_decay=0.1, warmup=0), 10, {})
  params = {"fc6": {"shared": {"kernel": jnp.ones((2, 2)), "bias": jnp.ones(2)}}}
  nothing = jax.tree.map(jnp.zeros_like, params)
  updates, _ = transform.update(nothing, transform.init(params), params)
  assert (updates["fc6"]["shared"]["kernel"] < 0).all()
  np.testing.assert_array_equal(updates["fc6"]["shared"]["bias"], 0)


def test_frozen_layers_do_not_change(root, dataset):
  params, state, _ = one_step(tiny.config(root, "c"), dataset, devices=1, frozen=model.TRUNK)
  for layer in model.TRUNK:
    jax.tree.map(np.testing.assert_array_equal, state.params[layer], params[layer])
  for name, tower in state.params["tower"].items():
    before = jax.tree.leaves(params["tower"][name])
    assert any((a != b).any() for a, b in zip(jax.tree.leaves(tower), before))


def test_frozen_layers_have_no_optimiser_state(root, dataset):
  config = tiny.config(root, "c")
  transform = step_lib.optimizer(config.optimizer, 10, {})
  _, state, _ = one_step(config, dataset, devices=1, frozen=model.TRUNK, transform=transform)
  held = sum(leaf.size for leaf in jax.tree.leaves(state.optimizer))
  towers = sum(leaf.size for leaf in jax.tree.leaves(state.params["tower"]))
  assert 2 * towers <= held <= 2 * towers + 8  # Adam's two moments, and counters


def counted(config, dataset, frozen=(), transform=SGD):
  """FLOPs of a step on one device, before the compiler has removed anything."""
  method = methods.named(config.method)
  state = step_lib.begin_phase(0, parameters(config, dataset), step_lib.Phase(frozen, 0, 9),
                               transform)
  size = config.optimizer.batch
  batch = batches.batch_at(batches.samplers(dataset), 0, 0, size, augment=config.augment)
  return step_lib.flops(config, method, dataset.modalities, transform, state,
                        devices_lib.shard(batch), tiny.constants(method=config.method),
                        jax.random.key(0))


@pytest.mark.parametrize("frozen", [("fc6", "fc7", "fc8"), ("tower",), ("fc7",)])
def test_frozen_layers_cost_no_gradient(root, dataset, frozen):
  config = tiny.config(root, "bl_shfinal", network__trunk=256, network__dropout=0.0,
                       optimizer__batch=64)
  saved = counted(config, dataset) - counted(config, dataset, frozen)
  params = parameters(config, dataset)
  each = config.optimizer.batch // 8  # examples of a modality on a device
  products = {layer: 2 * each * len(dataset.modalities) * params[layer]["shared"]["kernel"].size
              for layer in model.TRUNK}  # of one layer's matrix product over all modalities
  expected = sum(products[layer] for layer in frozen if layer in products)  # weight gradients
  if "tower" in frozen:  # the gradient that fc6 hands down, and those of the towers' weights
    tower = params["tower"]["description"]
    expected += products["fc6"] + 2 * each * sum(part["kernel"].size for part in tower.values())
  assert saved >= expected


def test_flops_leave_out_what_is_computed_again(root, dataset):
  plain = counted(tiny.config(root, "bl_ind"), dataset)
  saving = {"optimizer__recompute": True, "optimizer__accumulate": 2}
  assert counted(tiny.config(root, "bl_ind", **saving), dataset) == plain


@pytest.mark.parametrize("devices", [1, 2])
def test_the_gradient_does_not_depend_on_the_number_of_devices(root, dataset, plain, devices):
  config = tiny.config(root, "c")  # with dropout: what is dropped must not depend on it either
  ours, metrics = gradient(config, dataset, devices=devices)
  assert_close(ours, plain[0], 2e-5)
  np.testing.assert_allclose(metrics["loss"], plain[1]["loss"], rtol=1e-6)


@pytest.mark.parametrize("change", [{"optimizer__accumulate": 4}, {"optimizer__recompute": True}])
def test_saving_memory_leaves_the_gradient_as_it_is(root, dataset, plain, change):
  ours, metrics = gradient(tiny.config(root, "c", **change), dataset, devices=2)
  assert_close(ours, plain[0], 2e-5)
  for name, value in plain[1].items():
    np.testing.assert_allclose(metrics[name], value, rtol=1e-5, err_msg=name)


def test_bfloat16_computes_near_float32_with_float32_parameters(root, dataset, plain):
  config = tiny.config(root, "c", network__precision="bfloat16")
  ours, metrics = gradient(config, dataset, devices=1)
  theirs, others = plain
  assert all(leaf.dtype == np.float32 for leaf in jax.tree.leaves(ours))
  np.testing.assert_allclose(metrics["loss"], others["loss"], rtol=0.01)
  assert metrics["loss"] != others["loss"]  # it is another precision
  a, b = (np.concatenate([leaf.ravel() for leaf in jax.tree.leaves(tree)])
          for tree in (ours, theirs))
  assert a @ b / np.linalg.norm(a) / np.linalg.norm(b) > 0.999


def test_only_its_own_modality_moves_a_tower(root, three):
  config = tiny.config(root, "bl_ind")
  changed = three.splits["train"] | {"drawing": three.splits["train"]["natural"]}
  ours, theirs = (gradient(config, data, devices=1)[0]["tower"]
                  for data in (three, three._replace(splits={"train": changed})))
  for name in ours:
    pairs = zip(jax.tree.leaves(ours[name]), jax.tree.leaves(theirs[name]))
    assert all(np.allclose(a, b, atol=1e-6) for a, b in pairs) == (name != "drawing")


def test_a_golden_step(root, three):
  """One step of the full method, to the last digits that platforms agree on.

  The step is plain gradient descent: Adam's first step is the sign of the gradient, and where that
  is near zero platforms disagree about it.
  """
  config = tiny.config(root, "c")
  params = jax.device_get(jax.jit(functools.partial(make, config, three))(jax.random.key(1)))
  _, state, metrics = one_step(config, three, devices=1, transform=optax.sgd(0.1), params=params)
  names = ("loss", "loss/cross_entropy", "loss/alignment", "gradient_norm")
  found = [float(metrics[name]) for name in names]
  found.append(float(sum(np.abs(leaf).sum() for leaf in jax.tree.leaves(state.params))))
  expected = [3.384287, 3.177851, 0.2064367, 3.108867, 707.4666]
  np.testing.assert_allclose(found, expected, rtol=2e-5, err_msg=(
    "the arithmetic of a training step has changed: the rendered examples, initialisation, "
    "batches, dropout or the loss. If that is meant, say so in the commit, put the "
    "new numbers here, and expect that runs made before differ from runs made now"))


def test_a_row_tunes_the_reference_before_all_is_free(root, dataset, reference, tmp_path):
  config = tiny.config(root, "c", log__checkpoint_seconds=0.0, log__keep=9,
                       log__keep_optimizer=True)
  run = train.train(config, dataset, tmp_path / "c", reference, tiny.constants())
  with checkpoint.Checkpoints(tmp_path / "c", 9) as checkpoints:
    tuned = checkpoints.restore(3, "params")
  start = next(iter(reference.params["fc7"].values()))
  np.testing.assert_array_equal(tuned["fc7"]["shared"]["kernel"], start["kernel"])
  assert (run.params["fc7"]["shared"]["kernel"] != start["kernel"]).any()
  assert run.step == 6 and run.classes == dataset.classes


def test_a_finished_run_is_read_and_not_trained_again(root, dataset, reference, tmp_path):
  config = tiny.config(root, "a_tune")
  first = train.train(config, dataset, tmp_path / "run", reference)
  before = (tmp_path / "run" / "metrics.jsonl").read_bytes()
  again = train.train(config, dataset, tmp_path / "run", reference)
  jax.tree.map(np.testing.assert_array_equal, again.params, first.params)
  assert (tmp_path / "run" / "metrics.jsonl").read_bytes() == before


class Judge:
  """Gives scores in turn, remembers what it was shown, and may be killed at a look."""

  def __init__(self, scores, killed_at=None):
    self.shown, self._scores, self._killed_at = [], scores, killed_at

  def __call__(self, params):
    if len(self.shown) == self._killed_at:
      raise KeyboardInterrupt
    self.shown.append(jax.device_get(params))
    return self._scores[len(self.shown) - 1]


def test_the_best_step_is_kept_whether_or_not_the_run_was_stopped(root, dataset, tmp_path):
  config = tiny.config(root, "reference", log__select=True, log__validation_steps=1,
                       log__checkpoint_seconds=0.0)
  judge = Judge([1.0, 3.0, 2.0, 0.0])
  run = train.train(config, dataset, tmp_path / "whole", judge=judge)
  jax.tree.map(np.testing.assert_array_equal, run.params, judge.shown[1])
  assert run.step == 4 and run.provenance["selected_step"] == 2
  kept = checkpoint.load_run(tmp_path / "whole")
  jax.tree.map(np.testing.assert_array_equal, kept.params, run.params)
  assert kept.provenance["selected_step"] == 2
  with pytest.raises(KeyboardInterrupt):
    train.train(config, dataset, tmp_path / "killed", judge=Judge([1.0, 3.0], killed_at=2))
  train.train(config, dataset, tmp_path / "killed", judge=Judge([2.0, 0.0]))
  again = checkpoint.load_run(tmp_path / "killed")
  jax.tree.map(np.testing.assert_array_equal, again.params, run.params)


def test_training_ends_early_as_a_finished_run(root, dataset, tmp_path):
  config = tiny.config(root, "reference", log__select=True, log__validation_steps=1,
                       log__patience=1)
  judge = Judge([1.0, 0.5])  # a third look would fail
  run = train.train(config, dataset, tmp_path / "run", judge=judge)
  jax.tree.map(np.testing.assert_array_equal, run.params, judge.shown[0])
  assert checkpoint.load_run(tmp_path / "run").step == run.step == 4


def kept(workdir):
  """{step: what a checkpoint holds}."""
  return {int(path.name): {part.name for part in path.iterdir() if part.is_dir()}
          for path in (workdir / "checkpoints").iterdir()}


def test_a_run_can_go_on_until_it_is_finished_and_keeps_its_parameters_alone_then(
    root, dataset, reference, tmp_path, monkeypatch):
  config = tiny.config(root, "a_tune", log__checkpoint_seconds=0.0)
  monkeypatch.setattr(checkpoint.Checkpoints, "keep_newest", lambda self: self.wait())  # killed
  first = train.train(config, dataset, tmp_path / "run", reference)
  assert kept(tmp_path / "run") == {5: {"params", "optimizer", "card"}, 6: {"params", "card"}}
  monkeypatch.undo()
  shutil.rmtree(tmp_path / "run" / "checkpoints" / "6")
  again = train.train(config, dataset, tmp_path / "run", reference)
  jax.tree.map(np.testing.assert_array_equal, again.params, first.params)
  assert kept(tmp_path / "run") == {6: {"params", "card"}}
  loaded = checkpoint.load_run(tmp_path / "run")
  jax.tree.map(np.testing.assert_array_equal, loaded.params, first.params)


def test_the_optimiser_may_be_kept(root, dataset, reference, tmp_path):
  config = tiny.config(root, "a_tune", log__checkpoint_seconds=0.0, log__keep_optimizer=True)
  train.train(config, dataset, tmp_path / "run", reference)
  every = {"params", "optimizer", "card"}
  assert kept(tmp_path / "run") == {5: every, 6: every}


def test_the_reference_network_sees_its_own_modality_alone(reference):
  assert [row.name for row in reference.modalities] == ["natural"]
  assert set(reference.params["tower"]) == {"natural"}


def test_a_method_without_its_mixtures_is_refused(root, dataset, tmp_path):
  with pytest.raises(ValueError, match="method 'c' needs mixtures; run launch.fit on the ref"):
    train.train(tiny.config(root, "c"), dataset, tmp_path / "run")


def test_a_second_run_in_a_work_directory_is_refused(root, dataset, tmp_path):
  config = tiny.config(root, "a_tune")
  with workdir.locked(workdir.claim(tmp_path / "run", config)):
    with pytest.raises(ValueError, match="is in use: another process"):
      train.train(config, dataset, tmp_path / "run")
