import numpy as np
import pytest
from scipy import stats

from cmx.analysis.units import consistency
from cmx.analysis.units import tally


def tallied(x, labels, size, *, classes=4, top=3, share=0.1):
  """The tally of values [N, P, U], `size` examples at a time."""
  count, places, width = x.shape
  found = tally.start(classes, width, places, top=top,
                      highest=tally.values_to_keep(share, count * places))
  for row in range(0, count, size):
    found = tally.add(found, x[row:row + size], labels[row:row + size], row)
  return found


def some_values(ties=True, count=50, places=4, width=6):
  rng = np.random.default_rng(0)
  shape = count, places, width
  x = rng.integers(0, 6, shape) if ties else rng.normal(size=shape)
  return x.astype(np.float32), rng.integers(0, 4, count)


@pytest.mark.parametrize("ties", [True, False])
@pytest.mark.parametrize("size", [1, 7, 50, 64])
def test_a_pass_in_parts_keeps_what_a_slow_look_at_everything_finds(ties, size):
  x, labels = some_values(ties)
  found = tallied(x, labels, size)
  for unit in range(x.shape[2]):
    responses = [max(example[:, unit]) for example in x]
    order = sorted(range(len(x)), key=lambda row: (-responses[row], row))[:3]
    assert found.rows[unit].tolist() == order
    np.testing.assert_array_equal(found.values[unit], [responses[row] for row in order])
    np.testing.assert_array_equal(found.maps[unit], [x[row, :, unit] for row in order])
    for label in range(4):
      own = [responses[row] for row in range(len(x)) if labels[row] == label]
      assert found.count[label] == len(own)
      assert tally.profile(found)[label, unit] == pytest.approx(np.mean(own), rel=1e-6)
    assert found.lowest[unit] == min(responses)
    assert tally.threshold(found)[unit] == sorted(x[:, :, unit].ravel())[-21]  # 10 % of 200 above


def test_what_is_kept_does_not_grow_with_the_examples():
  x, labels = some_values()
  one, many = tallied(x[:5], labels[:5], 5), tallied(x[:5], labels[:5], 5)
  for row in range(5, 50, 5):
    many = tally.add(many, x[row:row + 5], labels[row:row + 5], row)
  assert [part.shape for part in one] == [part.shape for part in many]


def test_at_most_the_stated_share_of_values_is_above_the_threshold():
  x, labels = some_values(ties=False, count=90)
  for share in (0.004, 0.05, 0.3):
    above = (x > tally.threshold(tallied(x, labels, 8, share=share))).mean(axis=(0, 1))
    np.testing.assert_array_equal(above, int(share * 360) / 360)


def test_a_unit_that_is_mostly_silent_fires_where_it_is_not():
  x = np.zeros((100, 1, 1), np.float32)
  x[[3, 40]] = 2
  found = tallied(x, np.zeros(100, int), 10, share=0.2)
  assert tally.threshold(found)[0] == 0 and (x > tally.threshold(found)).sum() == 2


def test_where_examples_are_fewer_than_kept_the_rest_is_empty():
  x, labels = some_values()
  found = tallied(x[:2], labels[:2], 2)
  assert (found.rows[:, 2] == -1).all() and np.isneginf(found.values[:, 2]).all()


@pytest.mark.parametrize("share", [0, 1, -0.1])
def test_a_share_that_is_none_is_refused(share):
  with pytest.raises(ValueError, match=rf"share {share} of values that fire; expected one between"):
    tally.values_to_keep(share, 100)


def test_units_that_answer_alike_to_everything_are_dead():
  x, labels = some_values()
  x[:, :, 1], x[:, :, 4] = 0, 3
  assert np.flatnonzero(tally.dead(tallied(x, labels, 8))).tolist() == [1, 4]


def test_classes_without_examples_have_no_mean():
  x, _ = some_values()
  assert np.isnan(tally.profile(tallied(x, np.full(50, 2), 8))).all(axis=1).tolist() == [
    True, True, False, True]


def random_profiles(modalities=4, classes=12, width=400, seed=0):
  return np.random.default_rng(seed).gamma(1.0, size=(modalities, classes, width))


def compared(profiles, seed=1, permutations=199):
  return consistency.consistency(profiles, np.random.default_rng(seed), permutations)


def test_score_is_the_mean_correlation_over_pairs():
  profiles = random_profiles(width=5)
  profiles[1] += profiles[0]
  found = compared(profiles)
  for unit in range(5):
    pairs = [stats.pearsonr(profiles[a, :, unit], profiles[b, :, unit])[0]
             for a in range(4) for b in range(a)]
    assert found.score[unit] == pytest.approx(np.mean(pairs), abs=1e-6)
  expected = np.mean([np.corrcoef(profiles[:, :, unit]) for unit in range(5)], axis=0)
  np.testing.assert_allclose(found.pairs, expected, atol=1e-6)


def test_p_values_are_those_of_a_slow_loop_over_permutations():
  profiles = random_profiles(3, 6, 2)
  found, rng = compared(profiles, permutations=50), np.random.default_rng(1)

  def correlation(parts):
    return np.corrcoef(parts)[np.triu_indices(3, 1)].mean()

  reached = np.zeros(2)
  for _ in range(50):
    orders = [rng.permutation(6) for _ in range(3)]
    for unit in range(2):
      own = correlation(profiles[:, :, unit])
      reached[unit] += correlation([part[order, unit] for part, order in
                                     zip(profiles, orders)]) >= own - 1e-6
  np.testing.assert_allclose(found.p, (1 + reached) / 51)


def test_p_values_of_unrelated_profiles_are_uniform():
  found = compared(random_profiles(width=2_000), permutations=199)
  assert stats.kstest(found.p, "uniform").pvalue > 0.01
  assert abs((found.p <= 0.05).mean() - 0.05) < 0.015
  assert (found.p_weakest <= 0.05).mean() <= 0.06  # it asks for more than one coincidence


def test_the_weakest_modality_alone_sets_its_p_value():
  rng = np.random.default_rng(2)
  concept = rng.gamma(1.0, size=(12, 1_000))
  profiles = np.stack([concept, concept, concept, rng.gamma(1.0, size=(12, 1_000))])
  found = compared(profiles)
  assert np.mean(found.p <= 0.05) > 0.95  # three agree, which is more than chance ...
  assert stats.kstest(found.p_weakest, "uniform").pvalue > 0.01  # ... but the fourth does not


def test_planted_units_are_found_and_no_others():
  profiles = random_profiles(5, 24, 100, seed=3)
  profiles[:, :, [7, 61]] += 6 * profiles[0][:, [7, 61]]
  found = compared(profiles, permutations=999)
  assert set(np.flatnonzero(found.q <= 0.05)) == {7, 61}
  assert set(np.flatnonzero(found.p_weakest < 0.01)) == {7, 61}
  assert found.score[[7, 61]].min() > found.null > np.median(found.score)


def test_one_class_alone_falls_together_by_chance_in_one_of_as_many_permutations():
  profiles = np.zeros((3, 10, 1))
  profiles[:, 4] = 1
  found = compared(profiles, permutations=2_000)
  assert found.p_weakest[0] == pytest.approx(1 / 10, abs=0.02)
  assert found.p[0] == pytest.approx(1 / 100, abs=0.007)


def test_a_modality_in_which_a_unit_is_dead_agrees_with_none():
  concept = np.random.default_rng(4).gamma(1.0, size=(12, 3))
  profiles = np.stack([concept] * 3)
  profiles[2, :, 1] = 0.7
  found = compared(profiles)
  np.testing.assert_allclose(found.score, [1, 1 / 3, 1], atol=1e-6)
  assert found.p_weakest[1] == 1


def test_rounding_of_float32_means_is_no_profile():
  profiles = np.full((2, 12, 1), 0.7)
  profiles[:, ::2] += 1e-8
  assert compared(profiles).score[0] == 0 and compared(profiles).p[0] == 1


def test_only_classes_that_all_modalities_have_are_compared():
  profiles = random_profiles(width=3)
  holes = profiles.copy()
  holes[1, 4], holes[3, 0] = np.nan, np.nan
  found = compared(holes)
  assert found.classes == 10
  np.testing.assert_array_equal(found.score, compared(np.delete(profiles, [0, 4], 1)).score)


@pytest.mark.parametrize("shape", [(1, 12, 3), (3, 2, 3)])
def test_too_few_modalities_or_classes_are_refused(shape):
  with pytest.raises(ValueError, match=rf"{shape[0]} modalities with examples of {shape[1]} common "
                                       "classes; expected 2 modalities and 3 classes or more"):
    compared(np.ones(shape))


def test_the_same_generator_gives_the_same_answer_and_progress_is_told():
  profiles, told = random_profiles(width=20), []
  first = consistency.consistency(profiles, np.random.default_rng(5), 30, told.append)
  second = compared(profiles, seed=5, permutations=30)
  np.testing.assert_array_equal(first.p, second.p)
  assert told == list(range(1, 31))


def test_q_values_find_what_the_step_up_procedure_finds():
  profiles = random_profiles(width=200)
  profiles[1:, :, :60] += profiles[0, :, :60]
  found = compared(profiles)
  for rate in (0.05, 0.3):
    order, last = np.argsort(found.p, kind="stable"), 0
    for rank, index in enumerate(order, start=1):
      if found.p[index] <= rate * rank / 200:
        last = rank
    assert 40 < last < 200
    assert set(np.flatnonzero(found.q <= rate)) == set(order[:last])


def test_the_chance_of_many_units_at_once_is_known_where_they_hang_together():
  apart = compared(random_profiles(width=300), permutations=400)
  assert 0.05 < apart.most < 0.10 and 0.05 < apart.most_weakest < 0.10
  alike = random_profiles(width=3).repeat(100, axis=2)  # three units, a hundred times each
  found = compared(alike, permutations=400)
  assert found.most == pytest.approx(1 / 3, abs=0.01) and found.most_weakest > 0.3
