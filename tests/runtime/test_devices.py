"""Devices: what is placed where, and what must not depend on how many there are."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cmx.runtime import devices as devices_lib


def drawn(devices, batch=16):
  """A number drawn for each example of a batch [batch], on the first devices."""
  def draw(key, x):
    return jax.vmap(jax.random.uniform)(devices_lib.example_keys(key, len(x)))
  mapped = devices_lib.pmap(draw, batch_argnum=1, arguments=2, gathered=True)
  return np.ravel(mapped(jax.random.key(7), np.zeros((devices, batch // devices))))


def test_example_keys_do_not_depend_on_the_number_of_devices():
  np.testing.assert_array_equal(drawn(1), drawn(8))
  assert len(set(drawn(2).tolist())) == 16  # and no two examples draw the same


def test_mean_is_over_devices():
  mapped = devices_lib.pmap(lambda x: devices_lib.mean(x.sum()), batch_argnum=0, arguments=1)
  assert mapped(np.arange(8.0).reshape(8, 1)) == 3.5


@pytest.mark.parametrize("count", [1, 5, 8])
def test_rows_of_any_number_come_back_in_order(count):
  x = np.arange(3.0 * count).reshape(count, 3)
  doubled = devices_lib.by_rows(lambda factor, x: {"all": factor * x, "sum": x.sum(axis=1)}, 8)
  found = doubled(jnp.float32(2), x)
  np.testing.assert_array_equal(found["all"], 2 * x)
  np.testing.assert_array_equal(found["sum"], x.sum(axis=1))


def test_gather_puts_the_examples_of_all_devices_in_batch_order():
  mapped = devices_lib.pmap(lambda x: devices_lib.gather(x), batch_argnum=0, arguments=1)
  x = np.arange(32.0).reshape(16, 2)
  np.testing.assert_array_equal(mapped(devices_lib.shard(x)), x)


def test_a_term_that_gathers_has_the_gradient_of_one_device():
  """The mean over devices of the gathered loss' gradient is the gradient on one device."""
  x = np.random.default_rng(0).normal(size=(16, 3)).astype(np.float32)

  def coupled(weight, examples):  # every example with every other
    h = devices_lib.gather(examples * weight)
    return jnp.sum((h @ h.T) ** 2)

  def gradient(devices):
    mapped = devices_lib.pmap(
      lambda weight, part: devices_lib.mean(jax.grad(coupled)(weight, part)),
      batch_argnum=1, arguments=2)
    return mapped(np.ones(3, np.float32), x.reshape(devices, -1, 3))

  np.testing.assert_allclose(gradient(8), gradient(1), rtol=1e-5)


def test_shard_gives_each_device_its_rows():
  batch = devices_lib.shard({"x": np.arange(16), "y": np.ones((16, 2, 3))})
  assert batch["x"].shape == (8, 2) and batch["y"].shape == (8, 2, 2, 3)
  assert [part.data.ravel().tolist() for part in batch["x"].addressable_shards] == [
    [i, i + 1] for i in range(0, 16, 2)]


def test_donating_a_replicated_tree_leaves_its_source_whole():
  source = {"host": np.ones((64, 64), np.float32), "device": jnp.ones((64, 64))}
  twice = {"a": source, "b": source}  # the same arrays, as after a warm start
  grow = devices_lib.pmap(lambda tree, x: jax.tree.map(lambda leaf: leaf + x.sum(), tree),
                          batch_argnum=1, arguments=2, donate=(0,))
  grown = grow(devices_lib.replicate(twice), np.ones((8, 1), np.float32))
  np.testing.assert_array_equal(grown["b"]["host"], 2.0)
  np.testing.assert_array_equal(source["host"], 1.0)
  np.testing.assert_array_equal(source["device"], 1.0)


def test_a_batch_that_does_not_split_is_refused():
  devices_lib.check_batch(16, parts=2)
  with pytest.raises(ValueError, match="batch size 10 is not divisible by 8 devices$"):
    devices_lib.check_batch(10)
  with pytest.raises(ValueError, match="batch size 16 is not divisible by 8 devices times 4 parts"):
    devices_lib.check_batch(16, parts=4)


def test_flops_of_a_matrix_product_on_one_device():
  w, x = jax.ShapeDtypeStruct((30, 50), jnp.float32), np.ones((8, 4, 30), np.float32)
  found = devices_lib.flops(lambda w, x: devices_lib.mean(x @ w), 1, w, x)
  assert found == 2 * 4 * 30 * 50 + 4 * 50  # the product, and a division for each mean


class Device:
  def __init__(self, kind):
    self.device_kind = kind


@pytest.mark.parametrize("kind, given, expected", [
  ("NVIDIA H100 80GB HBM3", 0.0, 989e12), ("TPU v5 lite", 0.0, 197e12), ("TPU v5", 0.0, 459e12),
  ("cpu", 0.0, 0.0), ("cpu", 5e10, 5e10), ("TPU v4", 1e12, 1e12)])
def test_the_peak_is_the_given_one_or_the_known_device_s(monkeypatch, kind, given, expected):
  monkeypatch.setattr(jax, "local_devices", lambda: [Device(kind)])
  assert devices_lib.peak_flops(given) == expected


@pytest.mark.parametrize("cores, batches, expected", [
  (1, [32], 1), (2, [32, 64], 2), (3, [32], 2), (6, [32], 4), (64, [32], 8), (8, [12, 32], 4),
  (8, [15], 1), (2, [], 2), (0, [32], 1)])
def test_cores_become_devices_as_far_as_batches_divide(cores, batches, expected):
  assert devices_lib.devices_of(cores, batches) == expected


@pytest.mark.parametrize("error", [AssertionError(), RuntimeError("no such backend")])
def test_a_platform_without_a_device_is_named(monkeypatch, error):
  def refuse():
    raise error
  devices_lib.check_environment()  # the tests' own
  monkeypatch.setattr(jax, "devices", refuse)
  with pytest.raises(ValueError, match="JAX_PLATFORMS=cpu: there is no such device"):
    devices_lib.check_environment()


def test_what_jax_says_of_a_platform_is_a_part_of_one_sentence(monkeypatch):
  def refuse():
    raise RuntimeError("Unable to initialize backend 'CPU': Backend 'CPU' is not in the list of "
                       "known backends: ['cpu', 'tpu']. (set JAX_PLATFORMS='' to automatically)")
  monkeypatch.setattr(jax, "devices", refuse)
  with pytest.raises(ValueError, match=r"device here \(Backend 'CPU' is not in the list of known b"
                                       r"ackends: \['cpu', 'tpu'\]\.\); expected cpu, or .* case$"):
    devices_lib.check_environment()


def test_flags_that_xla_does_not_know_are_refused_in_words(monkeypatch):
  monkeypatch.setenv("XLA_FLAGS", "--xla_nothing=1")
  with pytest.raises(ValueError, match="^XLA_FLAGS=--xla_nothing=1: .*expected flags that it kno"):
    devices_lib.check_environment()


@pytest.mark.parametrize("told", ["", "--xla_force_host_platform_device_count=8", " --xla_force_ho"
                                  "st_platform_device_count=64 "])
def test_usual_flags_of_xla_are_not_tried(monkeypatch, told):
  monkeypatch.setenv("XLA_FLAGS", told)
  monkeypatch.setattr(devices_lib.subprocess, "run", None)
  devices_lib.check_environment()


def test_memory_is_that_of_devices_or_else_the_machine_s(monkeypatch):
  class Accelerator(Device):
    def memory_stats(self):
      return {"bytes_limit": 5}

  monkeypatch.setattr(devices_lib.memory_lib, "size", lambda: 7)
  assert devices_lib.memory() == 7  # eight devices of one machine
  monkeypatch.setattr(jax, "local_devices", lambda: [Accelerator("TPU"), Accelerator("TPU")])
  assert devices_lib.memory() == 10
