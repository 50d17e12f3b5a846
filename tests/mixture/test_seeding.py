"""The start of a fit: moments, sample, refusals, and means that are far apart."""

import jax
import numpy as np
import pytest

from cmx.mixture import passes
from cmx.mixture import seeding

KEY = jax.random.key(0)


def data(n=500, d=4, seed=0):
  return np.random.default_rng(seed).normal(3.0, 2.0, (n, d)).astype(np.float32)


@pytest.mark.parametrize("size", [7, 500])
def test_moments_are_those_of_numpy(size):
  x = data() + np.float32([0, 1e3, -1e4, 0])  # offsets, of which a difference of sums loses digits
  found = seeding.survey(passes.of_array(x, size), 1, KEY)
  assert found.examples == 500
  np.testing.assert_allclose(found.mean, x.mean(0, dtype=float), rtol=1e-7)
  np.testing.assert_allclose(found.variance, x.astype(float).var(0), rtol=1e-6)


def test_a_unit_that_never_changes_has_exactly_no_variance():
  x = data(5000)
  x[:, 2] = 0.1
  found = seeding.survey(passes.of_array(x), 1, KEY)
  assert found.variance[2] == 0 and (found.variance[[0, 1, 3]] > 0).all()


@pytest.mark.parametrize("rows, examples", [(1, 500), (1, 5000), (4, 500), (20, 5000)])
def test_examples_far_out_do_not_hold_up_the_typical_variance(rows, examples):
  x = data(examples)
  x[7:7 + rows] = 1e6
  found = seeding.survey(passes.of_array(x), 1, KEY)
  assert found.variance.min() > 1e8  # as it is
  assert found.typical == pytest.approx(4, rel=0.1)  # as the others have it
  assert seeding.survey(passes.of_array(data()), 1, KEY).typical == pytest.approx(
    data().var(), rel=1e-2)


def test_an_example_far_out_is_named(caplog):
  x = data()
  x[7] = -1e6
  seeding.survey(passes.of_array(x), 1, KEY, name=lambda index: f"photo/{index}")
  assert "example photo/7 lies 2.0e+06 from the others" in caplog.text
  caplog.clear()
  seeding.survey(passes.of_array(data()), 1, KEY)
  assert not caplog.text


def test_the_sample_is_of_the_examples_without_repeats_and_from_all_of_them():
  x = np.arange(20_000, dtype=np.float32)[:, None] * np.ones((1, 2), np.float32)
  sample = seeding.survey(passes.of_array(x), 5, KEY).sample[:, 0]
  assert len(sample) == 2000 and len(set(sample.tolist())) == 2000
  counts = np.histogram(sample, 10, (0, 20_000))[0]
  assert 130 < counts.min() and counts.max() < 270  # 200 each, 5 standard deviations


def test_the_sample_grows_with_the_components_and_does_not_depend_on_chunks():
  x = data(6000)
  assert len(seeding.survey(passes.of_array(x), 400, KEY).sample) == 4000
  first, second = (seeding.survey(passes.of_array(x, size), 3, KEY) for size in (100, 4096))
  for ours, theirs in zip(first, second):
    np.testing.assert_array_equal(ours, theirs)


def test_few_examples_are_all_in_the_sample():
  x = data(30)
  np.testing.assert_array_equal(seeding.survey(passes.of_array(x), 3, KEY).sample, x)


def test_means_are_examples_of_every_group():
  rng = np.random.default_rng(0)
  centres = 100 * rng.normal(size=(8, 5))
  x = (centres[rng.integers(8, size=400)] + rng.normal(size=(400, 5))).astype(np.float32)
  found = seeding.survey(passes.of_array(x), 8, KEY)
  for seed in range(10):
    means = seeding.far_apart(found, 8, np.random.default_rng(seed))
    nearest = ((means[:, None] - centres) ** 2).sum(-1).argmin(1)
    assert len(set(nearest.tolist())) >= 7  # at random it would be 5.3
    assert (means[:, None] == x).all(-1).any(1).all()


def test_units_count_in_standard_deviations_and_constant_ones_not_at_all():
  rng = np.random.default_rng(0)
  x = np.stack([rng.integers(2, size=300), 1e6 * rng.normal(size=300), np.full(300, 5.0)], 1)
  x[:, 0] = 100 * x[:, 0] + 1e-3 * rng.normal(size=300)  # two groups, hidden by the other's size
  found = seeding.survey(passes.of_array(x), 2, KEY)
  apart = [len(set((means[:, 0] > 50).tolist())) == 2 for means in (
    seeding.far_apart(found, 2, np.random.default_rng(seed)) for seed in range(40))]
  assert np.mean(apart) > 0.6  # half of them at random


def test_no_example_is_a_mean_twice_unless_all_are_taken():
  x = np.repeat(data(6), 3, axis=0)
  found = seeding.survey(passes.of_array(x), 6, KEY)
  assert len(np.unique(seeding.far_apart(found, 6, np.random.default_rng(0)), axis=0)) == 6
  assert len(seeding.far_apart(found, 10, np.random.default_rng(0))) == 10


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e39])
def test_the_example_that_is_not_finite_is_named(bad):
  x = data().astype(np.float64)
  x[321, 2] = bad
  with pytest.raises(ValueError, match="example number 321 is not finite"):
    seeding.survey(passes.of_array(x, 100), 2, KEY, lambda index: f"number {index}")


def test_refusals_say_expected_and_given():
  with pytest.raises(ValueError, match="3 examples for 4 components; expected at least as many"):
    seeding.survey(passes.of_array(data(3)), 4, KEY)
  with pytest.raises(ValueError, match="0 examples for 1 components"):
    seeding.survey(lambda: iter([]), 1, KEY)
  with pytest.raises(ValueError, match=r"activations of shape \[5, 3\]; expected \[n, 4\]"):
    seeding.survey(lambda: iter([data(5, 4), data(5, 3)]), 1, KEY)
  with pytest.raises(ValueError, match=r"activations of shape \[5\]; expected \[n, D\]"):
    seeding.survey(lambda: iter([np.ones(5)]), 1, KEY)
  with pytest.raises(ValueError, match="all 4 units are constant over 9 examples; expected at"):
    seeding.survey(lambda: iter([np.ones((9, 4))]), 1, KEY)
