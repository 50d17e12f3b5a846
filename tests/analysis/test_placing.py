"""Features of a modality brought to where the reference's lie."""

import numpy as np
import pytest

from cmx.analysis.inversion import placing

RNG = np.random.default_rng(0)


def test_moved_features_have_the_reference_s_mean_and_deviation():
  own = RNG.normal((1, -2, 0), (1, 2, 3), (500, 3))
  reference = RNG.normal((5, 6, 7), (2, 2, 0.5), (500, 3))
  there = placing.place(reference)._replace(least=-100.0)  # nothing is cut off
  found = placing.moved(own, placing.place(own), there)
  np.testing.assert_allclose(found.mean(axis=0), reference.mean(axis=0), atol=1e-3)
  np.testing.assert_allclose(found.std(axis=0), reference.std(axis=0), rtol=0.05)  # a floor's


def test_features_of_the_reference_itself_stay():
  x = RNG.normal(size=(20, 4)).astype(np.float32)
  where = placing.place(x)
  np.testing.assert_allclose(placing.moved(x, where, where), x, atol=1e-6)


def test_nothing_is_moved_below_what_the_reference_has():
  reference = np.maximum(RNG.normal(size=(200, 3)), 0).astype(np.float32)
  found = placing.moved(RNG.normal(size=(200, 3)), placing.Place(np.zeros(3), np.ones(3), -3.0),
                        placing.place(reference))
  assert found.min() == 0 and found.dtype == np.float32


def test_a_unit_that_never_varies_is_not_blown_up():
  own = np.column_stack([RNG.normal(size=100), np.zeros(100)])
  reference = RNG.normal(size=(100, 2))
  rare = np.array([[0.0, 0.5]])
  found = placing.moved(rare, placing.place(own), placing.place(reference))
  assert np.abs(found).max() < 10
  assert np.isfinite(placing.moved(rare, placing.place(np.zeros((9, 2))), placing.place(own))).all()


def test_the_mean_and_deviation_are_those_of_each_unit():
  found = placing.place(np.array([[0.0, 10.0], [2.0, 14.0]]))
  assert found.mean.tolist() == [1.0, 12.0] and found.least == 0.0
  floor = 0.01 * (1 + 4) / 2
  np.testing.assert_allclose(found.deviation, np.sqrt([1 + floor, 4 + floor]), rtol=1e-6)
  assert found.deviation == pytest.approx(np.sqrt([1.025, 4.025]))
