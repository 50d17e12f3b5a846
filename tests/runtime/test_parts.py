"""Work in parts: all of them, in their order, whichever device does them."""

import jax
import numpy as np
import pytest

from cmx.runtime import devices
from cmx.runtime import parts


def test_parts_are_all_done_and_come_back_in_their_order():
  doubled = parts.each(lambda part, place, factor: (place, factor * part))
  batch = devices.shard(np.arange(32.0))  # four examples a device
  found = doubled(parts.cut(batch, 2), 3.0)
  assert [int(place) for place, _ in found] == list(range(16))
  np.testing.assert_array_equal(np.concatenate([part for _, part in found]), 3 * np.arange(32.0))


def test_each_device_does_its_own_examples():
  on = []
  pieces = parts.cut(devices.shard(np.arange(16)), 1)
  for _, part in pieces:
    on += part.devices()
  assert on == [device for device in jax.local_devices() for _ in range(2)]


def test_keys_of_parts_are_those_of_the_whole_batch():
  key = jax.random.key(3)
  whole = parts.keys_of(key, np.int32(0), 8)
  for place in range(4):
    np.testing.assert_array_equal(jax.random.key_data(parts.keys_of(key, np.int32(place), 2)),
                                  jax.random.key_data(whole[2 * place:2 * place + 2]))


@pytest.mark.parametrize("count", [1, 5, 16, 19])
def test_rows_of_any_number_come_back_in_order(count):
  x = np.arange(3.0 * count).reshape(count, 3)
  doubled = parts.by_rows(lambda factor, x: {"all": factor * x, "sum": x.sum(axis=1)}, 16, 8)
  found = doubled(np.float32(2), x)
  np.testing.assert_array_equal(found["all"], 2 * x)
  np.testing.assert_array_equal(found["sum"], x.sum(axis=1))


def test_parts_that_the_devices_do_not_divide_are_refused():
  with pytest.raises(ValueError, match="config.shards 12 is not divisible by 8 devices"):
    parts.by_rows(lambda params, x: x, 16, 12)
