"""What survives inversion, against slow loops and planted cases."""

import numpy as np
import pytest

from cmx.analysis.inversion import fidelity
from cmx.analysis.inversion import sharpness

RNG = np.random.default_rng(0)


def slow_cosine(a, b):
  sizes = np.linalg.norm(a) * np.linalg.norm(b)
  return float(a @ b / sizes) if sizes else 0.0


def test_cosine_is_that_of_corresponding_rows_and_zero_with_a_row_of_zeros():
  a, b = RNG.normal(size=(5, 3)), RNG.normal(size=(5, 3))
  a[2] = 0
  expected = [slow_cosine(*rows) for rows in zip(a, b)]
  np.testing.assert_allclose(fidelity.cosine(a, b), expected, atol=1e-6)


def test_the_squared_error_is_that_of_pixels_from_minus_one_to_one():
  black, white = np.zeros((2, 4, 4, 3), np.uint8), np.full((2, 4, 4, 3), 255, np.uint8)
  assert fidelity.squared_error(black, white).tolist() == [4.0, 4.0]
  assert fidelity.squared_error(white, white).tolist() == [0.0, 0.0]


def read(features, classes):
  return fidelity.Read(np.asarray(features, np.float32), np.eye(3, dtype=np.float32)[classes])


def test_measures_of_a_planted_case():
  given = read([[1, 0], [0, 1], [1, 1], [1, 0]], [0, 1, 2, 0])  # answers of the classifier
  inverted = read([[1, 0], [1, 0], [1, 1], [0, 1]], [0, 0, 2, 1])  # cosines 1, 0, 1, 0
  lookup = read([[1, 1], [0, 1], [1, 0], [1, 1]], [0, 1, 0, 2])  # cosines .71, 1, .71, .71
  errors = {"inverted": np.array([0.1, 0.3]), "mean": np.array([0.5, 0.7])}
  found = fidelity.measure(given, np.array([0, 1, 1, 2]), inverted, lookup, errors)
  half = 0.5 ** 0.5
  assert found["error"] == pytest.approx({"inverted": 0.2, "mean": 0.6})
  assert found["cosine"]["inverted"] == pytest.approx(0.5)
  assert found["cosine"]["nearest"] == pytest.approx((1 + 3 * half) / 4)
  assert found["nearer"] == {"inverted": 0.5}  # the first and the third
  # of the inversions' answers 0, 0, 2, 1 each is held against the next: 1, 0, 0, 2
  assert found["kept"] == {"before": 0.5, "inverted": 0.25, "nearest": 0.75, "other": 0.25}
  assert found["same"] == {"inverted": 0.5, "nearest": 0.5, "other": 0.0}


def test_looks_are_measured_against_real_pictures():
  one = read(np.ones((2, 2)), [0, 1])
  looks = {"inverted": sharpness.Look(0.1, np.array([1.0, 10.0])),
           "real": sharpness.Look(0.3, np.array([10.0, 10.0]))}
  found = fidelity.measure(one, np.arange(2), one, one, None, looks, looks["real"].spectrum)
  assert found["gradient"] == {"inverted": 0.1, "real": 0.3}
  assert found["spectrum"] == {"inverted": pytest.approx(0.5)}


def test_the_other_cosine_compares_with_another_example():
  features = np.eye(3, dtype=np.float32)
  same = read(features, [0, 1, 2])
  found = fidelity.measure(same, np.arange(3), same, same)
  assert found["cosine"] == {"inverted": 1.0, "nearest": 1.0, "other": 0.0}
  assert "error" not in found  # nothing to compare pixels with


def test_every_measure_is_defined_for_its_layer_and_reference():
  one = read(np.ones((2, 2)), [0, 1])
  looks = {"inverted": sharpness.Look(0.1, np.ones(2))}
  found = fidelity.measure(one, np.arange(2), one, one, {"mean": np.ones(2)}, looks, np.ones(2))
  defined = fidelity.definitions("fc7", "natural")
  assert list(found) == list(defined)
  assert not [text for text in defined.values() if "{" in text] and "fc7" in defined["cosine"]


def test_the_first_row_of_each_class_is_found():
  assert fidelity.first_of(np.array([2, 0, 2, 1, 0]), [0, 2, 3]) == [1, 0, None]
