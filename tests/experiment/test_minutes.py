"""Minutes on paper: every estimate against its sum written out, at the rate of an idle machine."""

import types

import numpy as np
import pytest

from cmx import config as config_lib
from cmx import data
from cmx import fields
from cmx import modalities
from cmx.data.sets.folders import facts as facts_lib
from cmx.experiment import minutes
from cmx.network import towers

RATE = 1e11  # at which what is no product takes the seconds that were measured
CLASSES = 10
SOUND = minutes.Part("vector", (100,), 1_000, 200)
PHOTO = minutes.Part("pixels", (64, 64, 3), 3_000, 500)
CONFIG = config_lib.Config(network=config_lib.Network(
  channels=(32, 48, 64, 96), hidden=(256,), pool5=512, trunk=256))
SOUND_WEIGHTS = 101 * 256 + 257 * 512 + 512 * 256 + 256 * (256 + CLASSES)


def row(*parts, config=CONFIG, rate=RATE, **settings):
  return minutes.run(parts, config, config_lib.Optimizer(**settings), CLASSES, rate)


def changed(**changes):
  return fields.replace(CONFIG, {name.replace("__", "."): value
                                 for name, value in changes.items()})


def test_a_row_of_vectors_takes_products_reading_and_a_start():
  example = 2e-5 * (1 + 100 / 2_000)
  step = 6 * 32 * SOUND_WEIGHTS / (0.45 * RATE) + 5e-3 + 32 * example
  ranked = 2 * 200 * SOUND_WEIGHTS / (0.45 * RATE)
  assert row(SOUND, steps=70, batch=32).seconds == pytest.approx(6.0 + 70 * step + ranked)


def test_a_pixel_s_products_are_those_of_its_convolutions_and_trunk():
  products = (16 * 16 * (64 * 3 * 32 + 9 * 32 * 48) + 8 * 8 * 9 * (48 * 64 + 64 * 96)
              + 4 * 4 * 96 * 256 + 256 ** 2 + 256 * CLASSES)
  slow, fast = (row(PHOTO._replace(validation=0), rate=rate, steps=1, batch=32).seconds
                for rate in (1e12, 2e12))  # beyond 3e11 the rest takes no less
  assert slow - fast == pytest.approx(6 * 32 * products / 0.45 * (1 / 1e12 - 1 / 2e12))


@pytest.mark.parametrize("tower, products", [("alexnet", 0.7e9), ("resnet18", 1.8e9)])
def test_large_towers_go_by_their_own_products_and_the_area_of_a_picture(tower, products):
  config = changed(network__tower=tower)
  for height, width in ((227, 227), (227, 454)):
    part = minutes.Part("pixels", (height, width, 3), 10, 0)
    pictures = modalities.NATURAL._replace(shape=part.shape)
    trunk = 256 * (towers.pool5_width((pictures,), config.network) + 256 + CLASSES)
    slow, fast = (row(part, config=config, rate=rate, steps=1, batch=1).seconds
                  for rate in (1e12, 2e12))
    assert slow - fast == pytest.approx(
      6 * (products * width / 227 + trunk) / 0.45 * (1 / 1e12 - 1 / 2e12))


def test_a_row_leaves_half_of_its_weights_and_its_features_on_disk():
  features = 4 * 200 * 256
  assert row(SOUND).bytes == 4 * 0.5 * SOUND_WEIGHTS + features
  kept = changed(log__keep_optimizer=True, log__keep=5)  # and Adam's two numbers for each weight
  assert row(SOUND, config=kept).bytes == 15 * 4 * 0.5 * SOUND_WEIGHTS + features
  photo = 193 * 32 + sum((9 * a + 1) * b for a, b in ((32, 48), (48, 64), (64, 96)))
  photo += 256 * (1_536 + 256 + CLASSES)
  assert row(PHOTO._replace(validation=0)).bytes == 4 * 0.5 * photo


def test_mixtures_go_by_layers_components_and_examples_up_to_those_that_are_fitted():
  one = minutes.mixtures(1_000, CONFIG, [32], RATE)
  assert one == pytest.approx(2 * 30 * 1_000 * 256 * 33 * 8 / (0.05 * RATE))
  assert minutes.mixtures(1_000, CONFIG, [32, 98], RATE) == pytest.approx(4 * one)
  assert minutes.mixtures(90_000, CONFIG, [32], RATE) == pytest.approx(20 * one)
  assert minutes.mixtures(1_000, changed(mixture__layers=("fc7",)), [32], RATE) == one / 2


def test_a_table_is_a_reference_its_mixtures_and_rows_some_at_once():
  config = changed(reference__steps=11, optimizer__steps=7)
  first = minutes.run([PHOTO], config, config.reference, CLASSES, RATE)
  other = minutes.run([PHOTO, SOUND], config, config.optimizer, CLASSES, RATE)
  fitted = minutes.mixtures(PHOTO.train, config, [config.mixture.components], RATE)
  for jobs, rounds in ((1, 7), (2, 4), (7, 1), (9, 1)):
    found = minutes.table([PHOTO, SOUND], config, CLASSES, 7, RATE, jobs)
    assert found.seconds == pytest.approx(first.seconds + fitted + rounds * other.seconds)
    assert found.bytes == pytest.approx(first.bytes + 7 * other.bytes)


@pytest.mark.parametrize("part, seconds, held", [
  (SOUND, 2e-3, 0), (SOUND._replace(encoder="python:a.b"), 0.052, 4 * 100),
  (PHOTO, 2e-3, 3 * 64 * 64),
  (minutes.Part("pixels", (1280,), 3_000, 500, "efficientnet_lite0"), 0.062,
   3 * 64 * 64 + 4 * 1280),
  (minutes.Part("text", (384,), 30, 5, "minilm"), 0.032, 4 * 384),
  (minutes.Part("text", (2048,), 30, 5, "hashing"), 2.2e-3, 4 * 2048)])
def test_preparation_decodes_and_encodes_every_example_of_both_splits(part, seconds, held):
  config = changed(data__folders__image_size=64)
  found = minutes.preparation([part], config, RATE)
  assert found == pytest.approx((seconds * part.examples, held * part.examples))
  both = minutes.preparation([part, SOUND], config, RATE / 2)  # half as fast
  assert both.seconds == pytest.approx(2 * (found.seconds + 1_200 * 2e-3))


def test_facts_become_parts_as_the_towers_will_read_them():
  config = changed(data__folders__image_size=96, encoders__text="hf:a/b")
  parts = [facts_lib.Part("photo", "pixels", 18, 6, 12, side=400),
           facts_lib.Part("note", "text", 62, 9, 40, bytes=60),
           facts_lib.Part("sound", "vector", 90, 10, 80, bytes=514),
           facts_lib.Part("mark", "vector", 5, 1, 5, bytes=3)]
  assert minutes.of_facts(facts_lib.Facts(3, tuple(parts), ""), config) == [
    minutes.Part("pixels", (96, 96, 3), 18, 6), minutes.Part("text", (512,), 62, 9, "hf:a/b"),
    minutes.Part("vector", (128,), 90, 10), minutes.Part("vector", (1,), 5, 1)]


def test_an_open_data_set_becomes_parts_of_its_two_splits():
  sizes = {data.TRAIN: {"natural": 7, "drawing": 5}, data.VALIDATION: {"natural": 3, "drawing": 2}}
  rows = (modalities.NATURAL._replace(shape=(8, 8, 3)), modalities.DRAWING._replace(shape=(40,)))
  dataset = types.SimpleNamespace(modalities=rows, splits={
    split: {name: np.zeros(count) for name, count in found.items()}
    for split, found in sizes.items()})
  assert minutes.of_dataset(dataset) == [
    minutes.Part("pixels", (8, 8, 3), 7, 3), minutes.Part("pixels", (40,), 5, 2)]
