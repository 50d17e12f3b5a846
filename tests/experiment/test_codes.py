"""Codes of classes: whose names are read, and what is no name."""

import numpy as np
import pytest

from cmx import config as config_lib
from cmx import data
from cmx import fields
from cmx.data.encoders import hashing
from cmx.experiment import codes

CLASSES = ("red_apple", "pear/green", "Plum", "fig")


class Source:
  def __init__(self, labels):
    self.labels = np.array(labels, np.int32)


def dataset(classes=CLASSES, labels=((0, 1, 1), (1, 2))):
  return data.Dataset("made", classes, (), {data.TRAIN: {
    f"modality {i}": Source(part) for i, part in enumerate(labels)}}, "f")


def config(method="proto_names", **changes):
  return fields.replace(config_lib.Config(), {"method": method, "network.trunk": 600} | {
    name.replace("__", "."): value for name, value in changes.items()})


def test_other_rows_have_none():
  assert codes.needed(config("supcon"), dataset()) is None


def test_names_are_read_by_the_text_encoder_and_keep_their_angles():
  found = codes.needed(config(), dataset())
  vectors = hashing.encode(["red apple", "pear green", "Plum"])
  np.testing.assert_allclose(found[:3] @ found[:3].T, vectors @ vectors.T, atol=1e-6)


@pytest.mark.parametrize("method", ["proto_names", "proto_codes"])
def test_a_class_that_no_example_shows_has_no_code_and_its_name_is_not_read(method):
  found = codes.needed(config(method), dataset())
  np.testing.assert_allclose(np.linalg.norm(found, axis=1), [1, 1, 1, 0], rtol=1e-6)
  other = codes.needed(config(method), dataset((*CLASSES[:3], "17")))
  np.testing.assert_array_equal(found, other)


def test_seeds_turn_codes_otherwise():
  for method in ("proto_names", "proto_codes"):
    first, second = (codes.needed(config(method, seed=seed), dataset()) for seed in (0, 1))
    assert np.abs(first - second).max() > 0.01


@pytest.mark.parametrize("classes, words", [
  (("red", "17", "blue"), "class '17' has none; expected words"),
  (("class_1", "class_2", "blue"), "one vector for 'class_1' and 'class_2'; expected different")])
def test_what_is_no_name_is_refused(classes, words):
  with pytest.raises(ValueError, match=f"method 'proto_names' reads the classes' names.*{words}"):
    codes.needed(config(), dataset(classes))
  codes.needed(config("proto_codes"), dataset(classes))


def test_an_encoder_that_makes_no_vectors_is_refused(tmp_path):
  np.savez(tmp_path / "a.npz", vectors=np.ones((1, 3), "f"), names=np.array(["x"]))
  with pytest.raises(ValueError, match="reads the classes' names: .*expected config.encoders.text"):
    codes.needed(config(encoders__text="vectors", encoders__file=str(tmp_path / "a.npz")),
                 dataset())
  with pytest.raises(ValueError, match="expected config.encoders.text to name an encoder"):
    codes.needed(config(encoders__text=""), dataset())
