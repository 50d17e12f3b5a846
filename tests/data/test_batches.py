"""Batches: balance, purity, augmentation by kind of input, prefetching."""

import threading
import time

import numpy as np
import pytest

from cmx import config as config_lib
from cmx import data
from cmx import modalities as modalities_lib
from cmx.data import batches
from cmx.runtime import prefetch

PLAIN = config_lib.Augment(shift=0, brightness=0.0, vector_dropout=0.0, vector_noise=0.0)


class Made:
  """A source whose example is a function of its index."""

  def __init__(self, labels, make):
    self.labels, self._make = np.array(labels, np.int32), make

  def __len__(self):
    return len(self.labels)

  def __getitem__(self, index):
    return {"input": self._make(index), "label": int(self.labels[index]), "key": f"example {index}"}


def ramp(index):
  """An image whose left half is darker than its right half; uint8 [8, 8, 3]."""
  del index
  row = np.where(np.arange(8) < 4, 50, 200).astype(np.uint8)
  return np.broadcast_to(row[None, :, None], (8, 8, 3))


def vector(index):
  return np.full(6, index, np.float32)


def dataset(**sources):
  rows = {"natural": modalities_lib.NATURAL, "spatial_text": modalities_lib.SPATIAL_TEXT}
  named = {name: rows.get(name, modalities_lib.of_kind(name, "vector")) for name in sources}
  rows = tuple(named.values())
  return data.Dataset("made", ("a", "b", "c", "d"), rows, {data.TRAIN: sources}, "1")


def batch_of(seed=0, step=0, size=12, augment=config_lib.Augment(), **sources):
  return batches.batch_at(batches.samplers(dataset(**sources)), seed, step, size, augment=augment)


def test_rows_of_a_batch_are_the_whole_batch_s():
  sources = {"natural": Made([0, 1, 1, 3], lambda index: ramp(index) // (index + 1)),
             "sound": Made([0, 2, 2, 2], vector)}
  augment = config_lib.Augment(shift=2, brightness=0.2, vector_dropout=0.3, vector_noise=0.1)
  whole = batch_of(augment=augment, **sources)
  for rows in (slice(0, 4), slice(4, 12)):
    part = batches.batch_at(batches.samplers(dataset(**sources)), 0, 0, 12, augment=augment,
                            rows=rows)
    for name in sources:
      for key in ("input", "label"):
        np.testing.assert_array_equal(part[name][key], whole[name][key][rows])


def test_a_batch_is_a_function_of_seed_and_step():
  sources = {"natural": Made([0, 1, 1, 3], ramp), "sound": Made([0, 2, 2, 2], vector)}
  first = batch_of(seed=3, step=5, **sources)
  batch_of(seed=3, step=6, **sources)  # another step in between leaves no trace
  again = batch_of(seed=3, step=5, **sources)
  for name in sources:
    np.testing.assert_array_equal(first[name]["input"], again[name]["input"])
    np.testing.assert_array_equal(first[name]["label"], again[name]["label"])


@pytest.mark.parametrize("change", [{"seed": 4}, {"step": 6}])
def test_another_seed_or_step_is_another_batch(change):
  source = Made(np.zeros(1000), vector)
  first = batch_of(**{"seed": 3, "step": 5}, augment=PLAIN, sound=source)
  other = batch_of(**{"seed": 3, "step": 5, **change}, augment=PLAIN, sound=source)
  assert (first["sound"]["input"] != other["sound"]["input"]).any()


def test_classes_with_examples_are_balanced_and_missing_cells_are_left_out():
  labels = [0] * 100 + [2] * 3 + [3]  # nothing of class 1
  drawn = batch_of(size=12, sound=Made(labels, vector))["sound"]["label"]
  assert drawn.dtype == np.int32
  assert np.bincount(drawn, minlength=4).tolist() == [4, 0, 4, 4]


def test_a_batch_that_classes_do_not_divide_differs_by_one_at_most():
  drawn = batch_of(size=8, sound=Made([0, 1, 2], vector))["sound"]["label"]
  assert sorted(np.bincount(drawn).tolist()) == [2, 3, 3]


def test_every_example_of_a_cell_is_drawn():
  sampler = batches.samplers(dataset(sound=Made([0] * 5 + [1], vector)))
  seen = {int(v) for step in range(20)
          for v in batches.batch_at(sampler, 0, step, 8, augment=PLAIN)["sound"]["input"][:, 0]}
  assert seen == {0, 1, 2, 3, 4, 5}


def test_inputs_and_labels_belong_together():
  batch = batch_of(augment=PLAIN, sound=Made([3, 1, 0, 2], vector))["sound"]
  assert [[3, 1, 0, 2][int(v)] for v in batch["input"][:, 0]] == batch["label"].tolist()


def test_adding_a_modality_leaves_the_others_equal():
  natural, sound = Made([0, 1, 1, 3], ramp), Made([0, 2, 2, 2], vector)
  alone = batch_of(natural=natural)["natural"]
  beside = batch_of(sound=sound, natural=natural)["natural"]
  np.testing.assert_array_equal(alone["input"], beside["input"])
  np.testing.assert_array_equal(alone["label"], beside["label"])


def test_a_modality_without_training_examples_is_refused():
  with pytest.raises(ValueError,
                     match=r"modality 'sound' has no training .*config\.data\.modalities"):
    batch_of(sound=Made([], vector))


def test_texts_without_an_encoder_are_refused():
  with pytest.raises(ValueError, match=r"modality 'words' gives texts.*config\.encoders\.text"):
    batch_of(words=Made([0, 1], lambda index: "a bed and a lamp"))


def mirrored(images):
  """Which images of `ramp` are brighter on the left; bool [B]."""
  return images[:, :, :4].mean((1, 2, 3)) > images[:, :, 4:].mean((1, 2, 3))


def test_text_is_never_mirrored():
  images = batch_of(size=400, spatial_text=Made([0], ramp))["spatial_text"]["input"]
  assert not mirrored(images).any()


def test_half_of_the_photographs_are_mirrored():
  images = batch_of(size=400, natural=Made([0], ramp))["natural"]["input"]
  assert 160 < mirrored(images).sum() < 240  # 4 standard deviations


def test_a_shift_moves_by_whole_pixels_and_repeats_the_edge():
  x = np.zeros((200, 8, 8, 3), np.uint8)
  x[:, :, 0], x[:, 4, 4] = 9, 255
  settings = config_lib.Augment(shift=2, brightness=0.0)
  out = batches.images(np.random.default_rng(0), x, False, settings)
  bright = np.argwhere(out[..., 0] == 255)
  assert len(bright) == 200  # the pixel is never lost, nor doubled
  assert set(bright[:, 1]) == set(bright[:, 2]) == {2, 3, 4, 5, 6}
  right = out[bright[:, 2] == 6]
  assert (right[:, 0, :3] == 9).all()  # moved right by 2: the edge column stands three times


def test_a_shift_beyond_the_picture_is_one_to_its_edge():
  x = np.arange(2 * 8 * 8 * 3, dtype=np.uint8).reshape(2, 8, 8, 3)
  far, side = (batches.images(np.random.default_rng(0), x, False,
                              config_lib.Augment(shift=shift, brightness=0.0))
               for shift in (4_096, 8))
  np.testing.assert_array_equal(far, side)


def test_brightness_and_contrast_stay_within_bounds():
  x = np.full((500, 2, 2, 3), 100, np.uint8)
  settings = config_lib.Augment(shift=0, brightness=0.1)
  out = batches.images(np.random.default_rng(0), x, False, settings)
  assert out.dtype == np.uint8
  # 100 -> 127.5 (1 + b) - 27.5 (1 + c) with |b|, |c| <= 0.1
  assert 84 <= out.min() <= 88 and 112 <= out.max() <= 116
  white = batches.images(np.random.default_rng(0), np.full_like(x, 255), False, settings)
  assert white.min() > 225 and white.max() == 255  # clipped, not wrapped round


def test_images_leave_their_argument_alone():
  x = np.stack([ramp(0)] * 20)
  before = x.copy()
  batches.images(np.random.default_rng(0), x, True, PLAIN)
  np.testing.assert_array_equal(x, before)


def test_without_augmentation_examples_come_as_they_are():
  images = batch_of(augment=PLAIN, spatial_text=Made([0], ramp))["spatial_text"]["input"]
  np.testing.assert_array_equal(images, np.stack([ramp(0)] * 12))


def test_dropped_entries_of_vectors_are_made_up_for():
  x = np.ones((100, 100), np.float32)
  settings = config_lib.Augment(vector_dropout=0.2, vector_noise=0.0)
  out = batches.vectors(np.random.default_rng(0), x, settings)
  np.testing.assert_allclose(np.unique(out), [0.0, 1.25])
  assert 0.18 < np.mean(out == 0) < 0.22


def test_noise_is_relative_to_the_vector():
  x = np.concatenate([np.full((50, 100), 1.0), np.full((50, 100), 100.0)])
  settings = config_lib.Augment(vector_dropout=0.0, vector_noise=0.5)
  noise = batches.vectors(np.random.default_rng(0), x, settings) - x
  np.testing.assert_allclose([noise[:50].std(), noise[50:].std()], [0.5, 50.0], rtol=0.05)


def test_prefetch_keeps_the_order_with_several_threads():
  def make(step):
    time.sleep(0.002 * (step % 3))
    return step * 10
  with prefetch.Prefetch(make, 4, 24, workers=3) as stream:
    assert list(stream) == [10 * step for step in range(4, 24)]


def test_prefetch_names_the_step_that_failed():
  def make(step):
    if step == 3:
      raise ValueError("broken file")
    return step
  with prefetch.Prefetch(make, 0, 10) as stream:
    with pytest.raises(ValueError, match="broken file") as error:
      list(stream)
  assert error.value.__notes__ == ["while reading the input of step 3"]


def test_prefetch_stops_its_threads_when_left_early():
  made = []
  with prefetch.Prefetch(lambda step: made.append(step), 0, 10_000, workers=2) as stream:
    next(iter(stream))
  assert not [t for t in threading.enumerate() if t.name.startswith("input")]
  assert len(made) < 10  # it ran ahead by its depth, not to the end


def test_prefetch_tells_how_long_it_kept_the_consumer_waiting():
  with prefetch.Prefetch(lambda step: time.sleep(0.02), 0, 5) as stream:
    list(stream)
  assert 0.09 < stream.waited_s < 1.0
