"""Tests against slow loops and scipy's parts; error rates and coverage on data of known truth."""

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from cmx.evaluation import significance

D = np.array([0.3, -0.1, 0.25, 0.05, 0.4, -0.2, 0.15])


def effects(rng, classes, seeds, of_class, of_seed, rest, mean=0.0):
  """Cells [C, S] around `mean` with these deviations of classes, seeds and the rest."""
  return (mean + rng.normal(0, of_class, (classes, 1)) + rng.normal(0, of_seed, (1, seeds))
          + rng.normal(0, rest, (classes, seeds)))


def test_a_query_is_one_observation_however_many_seeds_asked_it():
  ours = np.array([[0.5, 0.2, 0.9], [0.7, np.nan, 0.1]])
  theirs = np.array([[0.4, 0.4, 0.9], [0.3, 7.0, 0.2]])
  asked = np.array([[True, True, False], [True, False, False]])
  np.testing.assert_allclose(significance.paired(ours, theirs, asked), [0.25, -0.2])
  np.testing.assert_allclose(significance.paired(ours[:1], theirs[:1]), [0.1, -0.2, 0.0])


def test_the_signed_rank_test_counts_all_signs_of_the_ranks():
  ranks = stats.rankdata(np.abs(D))
  observed = min(ranks[D > 0].sum(), ranks[D < 0].sum())
  sums = [sum(rank for rank, sign in zip(ranks, signs) if sign)
          for signs in itertools.product((False, True), repeat=len(D))]
  expected = 2 * np.mean([value <= observed for value in sums])
  assert significance.signed_rank(D) == pytest.approx(expected)
  assert significance.signed_rank(np.zeros(9)) == 1.0


def test_the_signed_rank_test_of_many_is_the_normal_approximation():
  d = np.random.default_rng(1).normal(0.1, 1, 400)
  ranks = stats.rankdata(np.abs(d))
  z = (ranks[d > 0].sum() - 400 * 401 / 4) / math.sqrt(400 * 401 * 801 / 24)
  assert significance.signed_rank(d) == pytest.approx(2 * stats.norm.sf(abs(z)), rel=1e-6)


def test_randomisation_takes_all_flips_where_they_are_few():
  means = [abs(np.dot(signs, D)) for signs in itertools.product((-1, 1), repeat=len(D))]
  expected = np.mean(np.array(means) >= abs(D.sum()) - 1e-12)
  assert significance.randomisation(D) == pytest.approx(expected)
  assert significance.randomisation(np.full(6, 0.1)) == 2 / 64
  assert significance.randomisation(np.zeros(7)) == 1.0


def test_randomisation_of_many_draws_flips_of_a_stated_seed():
  d = np.random.default_rng(2).normal(0.25, 1, 40)
  rng = np.random.default_rng(5)
  flips = np.abs([np.mean(rng.choice([-1, 1], 40) * d) for _ in range(20_000)])
  expected = np.mean(flips >= abs(d.mean()))
  p = significance.randomisation(d, draws=20_000)
  assert p == pytest.approx(expected, abs=5 * math.sqrt(2 * expected / 20_000))
  assert p == significance.randomisation(d, draws=20_000)
  assert p != significance.randomisation(d, draws=20_000, seed=1)
  assert significance.randomisation(np.full(40, 1.0), draws=999) == 1 / 1000  # never 0


def test_corrections_have_the_values_of_their_papers():
  # the 15 values of Benjamini and Hochberg's table: 4 discoveries at 5 %, Holm's 3
  p = np.array([.0001, .0004, .0019, .0095, .0201, .0278, .0298, .0344, .0459, .3240, .4262, .5719,
                .6528, .7590, 1.0])
  shuffled = np.random.default_rng(0).permutation(15)
  assert np.sum(significance.benjamini_hochberg(p) <= 0.05) == 4
  assert np.sum(significance.holm(p) <= 0.05) == 3
  for correct in (significance.benjamini_hochberg, significance.holm):
    np.testing.assert_allclose(correct(p[shuffled]), correct(p)[shuffled])
    assert correct(np.zeros(0)).shape == (0,)
  np.testing.assert_allclose(significance.holm(np.array([0.01, 0.04, 0.03])), [0.03, 0.06, 0.06])
  np.testing.assert_allclose(significance.benjamini_hochberg(np.array([0.01, 0.04, 0.03])),
                             [0.03, 0.04, 0.04])


def test_holm_is_a_loop_that_stops_at_the_first_that_stands():
  rng = np.random.default_rng(3)
  for _ in range(50):
    p = rng.uniform(0, 0.2, 6)
    rejected, order = np.zeros(6, bool), np.argsort(p)
    for place, index in enumerate(order):
      if p[index] > 0.05 / (6 - place):
        break
      rejected[index] = True
    np.testing.assert_array_equal(significance.holm(p) <= 0.05, rejected)


@pytest.mark.parametrize("test", [significance.signed_rank, significance.randomisation])
def test_five_per_cent_of_true_nulls_are_rejected_and_a_true_difference_is_found(test):
  rng = np.random.default_rng(4)
  null = np.mean([test(rng.standard_t(5, 10)) <= 0.05 for _ in range(400)])
  assert 0.03 <= null <= 0.07
  found = np.mean([test(rng.normal(1.3, 1, 10)) <= 0.05 for _ in range(100)])
  assert found >= 0.9  # 0.96 for the t test


def test_what_all_queries_of_a_seed_share_is_not_seen_by_tests_over_queries():
  # why the interval and the smallest difference stand beside the tests
  rng = np.random.default_rng(5)
  p = [significance.signed_rank(rng.normal(rng.normal(0, 0.3), 1, 200)) for _ in range(200)]
  assert np.mean(np.array(p) <= 0.05) > 0.3


def test_the_standard_error_of_two_factors_is_that_of_their_mean_squares():
  cells = np.array([[1.0, 2.0, 4.0], [3.0, 5.0, 8.0]])
  mean, rows, columns = 23 / 6, [7 / 3, 16 / 3], [2.0, 3.5, 6.0]
  by_class = 3 * sum((row - mean) ** 2 for row in rows) / 1
  by_seed = 2 * sum((column - mean) ** 2 for column in columns) / 2
  rest = sum((cells[c, s] - rows[c] - columns[s] + mean) ** 2
             for c in range(2) for s in range(3)) / 2
  error, freedom = significance.standard_error(cells)
  total = by_class + by_seed - rest
  assert error == pytest.approx(math.sqrt(total / 6))
  assert freedom == pytest.approx(total ** 2 / (by_class ** 2 + by_seed ** 2 / 2 + rest ** 2 / 2))
  assert significance.standard_error(np.ones((4, 3))) == (0.0, 2.0)


def test_the_standard_error_is_the_deviation_of_repeated_experiments():
  rng = np.random.default_rng(6)
  made = [effects(rng, 12, 4, 0.6, 0.5, 0.8) for _ in range(800)]
  squares = np.mean([significance.standard_error(cells)[0] ** 2 for cells in made])
  assert squares == pytest.approx(0.36 / 12 + 0.25 / 4 + 0.64 / 48, rel=0.12)


def test_the_standard_error_where_seeds_have_classes_of_their_own_is_that_of_repetitions():
  rng, squares, means = np.random.default_rng(12), [], []
  for _ in range(1500):
    present = classes_of_seeds(rng, 16, 4, 5)
    cells = effects(rng, 16, 4, 0.8, 0.5, 0.4)
    squares.append(significance.standard_error(cells, present)[0] ** 2)
    means.append(cells[present].mean())
  assert np.mean(squares) == pytest.approx(np.var(means), rel=0.15)


def test_classes_that_one_seed_alone_has_are_part_of_what_differs():
  cells, present = np.zeros((4, 2)), np.array([[True, False]] * 2 + [[False, True]] * 2)
  cells[:, 0], cells[:, 1] = [1, 3, 0, 0], [0, 0, 5, 9]
  # squares within seeds 2 + 8 = 2 a, in all 35 = 3 a + 2 b: a = 5, b = 10
  error, freedom = significance.standard_error(cells, present)
  assert error ** 2 == pytest.approx(5 / 4 + 10 / 2) and freedom >= 1


def classes_of_seeds(rng, classes, seeds, count):
  present = np.zeros((classes, seeds), bool)
  for seed in range(seeds):
    present[rng.permutation(classes)[:count], seed] = True
  return present


@pytest.mark.parametrize("classes, seeds, deviations", [
  (24, 5, (1, 0.1, 1)), (24, 3, (0, 1, 0.5)), (8, 3, (1, 0.3, 0.3)), (32, 2, (1, 0.2, 0.5))])
def test_the_interval_holds_the_truth_at_least_as_often_as_it_says(classes, seeds, deviations):
  rng, hits = np.random.default_rng(7), 0
  for _ in range(300):
    cells = effects(rng, classes, seeds, *deviations, mean=2.0)
    low, high = significance.interval(cells, resamples=600)
    assert low < cells.mean() < high
    hits += low <= 2.0 <= high
  assert hits / 300 >= 0.92  # 95 % less 2.4 standard errors of 300 trials
  assert hits < 300


def test_the_interval_over_unseen_classes_holds_the_truth_too():
  rng, hits = np.random.default_rng(8), 0
  for _ in range(300):
    present = classes_of_seeds(rng, 24, 4, 6)
    low, high = significance.interval(effects(rng, 24, 4, 1, 0.3, 0.5), present, resamples=600)
    hits += low <= 0 <= high
  assert 0.92 <= hits / 300 < 1


def test_the_interval_is_that_of_a_loop_over_resamples():
  rng = np.random.default_rng(9)
  cells = effects(rng, 10, 4, 1, 0.5, 0.5)
  means = []
  for _ in range(8000):
    classes, seeds = rng.integers(0, 10, 10), rng.integers(0, 4, 4)
    means.append(np.mean([cells[c, s] for c in classes for s in seeds]))
  error, freedom = significance.standard_error(cells)
  scale = stats.t.ppf(0.975, freedom) / 1.959964 * error / np.std(means)
  expected = cells.mean() + scale * (np.quantile(means, [0.025, 0.975]) - cells.mean())
  np.testing.assert_allclose(significance.interval(cells), expected, atol=0.05 * error)


def test_the_smallest_difference_is_found_in_four_of_five_experiments():
  rng = np.random.default_rng(10)
  smallest = np.mean([significance.smallest_difference(effects(rng, 20, 5, 0.5, 0.1, 0.5))
                      for _ in range(100)])
  def found(size):
    hits = 0
    for _ in range(400):
      cells = effects(rng, 20, 5, 0.5, 0.1, 0.5, mean=size)
      error, freedom = significance.standard_error(cells)
      hits += abs(cells.mean()) / error > stats.t.ppf(0.975, freedom)
    return hits / 400
  assert found(smallest) == pytest.approx(0.8, abs=0.06)
  assert found(0.0) <= 0.07


def test_the_smallest_difference_of_many_is_2_8_standard_errors():
  cells = effects(np.random.default_rng(11), 4000, 2, 1, 0, 0)
  error, freedom = significance.standard_error(cells)
  assert freedom == pytest.approx(3999)
  assert significance.smallest_difference(cells) == pytest.approx(2.8016 * error, rel=1e-3)


@pytest.mark.parametrize("call, words", [
  (lambda: significance.signed_rank(D[:5]), r"\[5\]; expected \[6\]"),
  (lambda: significance.randomisation(D[:5]), r"\[5\]; expected \[6\]"),
  (lambda: significance.signed_rank(np.append(D, np.nan)), r"1 of 8 .* \[7\]"),
  (lambda: significance.randomisation(np.append(D, np.inf)), r"1 of 8 .* \[7\]"),
  (lambda: significance.paired(np.ones((2, 9)), np.ones((2, 8))), r"\[2, 9\] and \[2, 8\]"),
  (lambda: significance.paired(np.full((1, 3), np.nan), np.ones((1, 3))), "3 of 3"),
  (lambda: significance.paired(np.ones((1, 3)), np.ones((1, 3)), np.ones(3)), "float64"),
  (lambda: significance.standard_error(np.ones((4, 1))), r"\[4, 1\]"),
  (lambda: significance.interval(np.ones((1, 3))), r"\[1, 3\]"),
  (lambda: significance.smallest_difference(np.full((2, 2), np.nan)), "4 of 4"),
  (lambda: significance.interval(np.ones((2, 2)), np.array([[True, False], [True, True]])),
   "seed 1 of 2 has 1"),
  (lambda: significance.benjamini_hochberg(np.array([0.5, 1.5])), "1.5"),
  (lambda: significance.holm(np.array([np.nan])), "nan")])
def test_what_cannot_be_tested_is_refused(call, words):
  with pytest.raises(ValueError, match=words):
    call()
