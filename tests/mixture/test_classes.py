"""Components and classes: shares counted by hand, what a class owns, fits class by class."""

import jax
import numpy as np
import pytest
from scipy import stats

from cmx.mixture import classes
from cmx.mixture import em
from cmx.mixture import gmm
from cmx.mixture import passes

KEY = jax.random.key(0)


def examples(sizes=(30, 1, 0, 20), seed=0):
  """Activations [N, 3] about a place of their class, in mixed order; labels; one class lacks."""
  rng = np.random.default_rng(seed)
  labels = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
  return (4.0 * labels[:, None] + rng.normal(size=(len(labels), 3))).astype(np.float32), labels


def test_shares_are_mean_responsibilities():
  x, labels = examples()
  mixture = gmm.Mixture(np.array([0.3, 0.7], "f"), np.array([[2.0] * 3, [9.0] * 3], "f"),
                        np.array([[9.0] * 3, [16.0] * 3], "f"))
  joint = np.stack([w * stats.norm(m, np.sqrt(v)).pdf(x).prod(1) for w, m, v in zip(*mixture[:3])],
                   axis=1)
  each = joint / joint.sum(1, keepdims=True)
  found = classes.shares(passes.of_array(x, 7), labels, mixture, 5)
  for label in (0, 1, 3):
    np.testing.assert_allclose(found[label], each[labels == label].mean(0), atol=1e-5)
  np.testing.assert_array_equal(found[[2, 4]], 0)


def test_a_pass_that_does_not_fit_the_labels_is_refused():
  x, labels = examples()
  mixture = gmm.Mixture(np.ones(1, "f"), np.zeros((1, 3), "f"), np.ones((1, 3), "f"))
  with pytest.raises(ValueError, match="a pass gave 51 examples; expected 50, one for each label"):
    classes.shares(passes.of_array(x), labels[1:], mixture, 4)


SHARE = np.array([[0.97, 0.02, 0.01], [0.4, 0.3, 0.3], [0, 0, 0], [0, 1, 0]], np.float32)
WEIGHT = np.array([0.5, 0.25, 0.25], np.float32)


@pytest.mark.parametrize("least, expected", [
  (0.0, [[0.97, 0.02, 0.01], [0.4, 0.3, 0.3], [0.5, 0.25, 0.25], [0, 1, 0]]),
  (0.02, [[0.97 / 0.99, 0.02 / 0.99, 0], [0.4, 0.3, 0.3], [0.5, 0.25, 0.25], [0, 1, 0]]),
  (0.35, [[1, 0, 0], [1, 0, 0], [0.5, 0.25, 0.25], [0, 1, 0]]),
  (1.0, [[1, 0, 0], [1, 0, 0], [0.5, 0.25, 0.25], [0, 1, 0]])])
def test_a_class_owns_what_holds_enough_of_it_or_else_the_nearest(least, expected):
  found, without = classes.owned(SHARE, WEIGHT, least)
  np.testing.assert_allclose(found, expected, rtol=1e-6)
  np.testing.assert_array_equal(found == 0, np.array(expected) == 0)  # exactly
  assert without.tolist() == [2]


def test_one_component_a_class_is_its_mean_with_the_variance_within_classes():
  x, labels = examples()
  fit, share = classes.fit(x, labels, 1, KEY)
  rest = x.astype(np.float64)
  for component, label in enumerate((0, 1, 3)):
    members = labels == label
    np.testing.assert_allclose(fit.mixture.mean[component], x[members].mean(0), rtol=1e-5)
    rest[members] -= x[members].mean(0)
  np.testing.assert_allclose(fit.mixture.variance, (rest**2).mean(0)[None], rtol=1e-5)
  np.testing.assert_allclose(fit.mixture.weight, [30 / 51, 1 / 51, 20 / 51], rtol=1e-6)
  np.testing.assert_array_equal(share, [[1, 0, 0], [0, 1, 0], [0, 0, 0], [0, 0, 1]])
  np.testing.assert_allclose(fit.history, np.mean(gmm.log_prob(x, fit.mixture)), rtol=1e-5)
  assert fit.examples == 51 and fit.converged and not len(fit.dead_units)


def test_several_components_of_a_class_find_its_parts():
  x, labels = examples((40, 1, 0, 30))
  second = np.flatnonzero(labels == 3)[::2]
  x[second, 0] += 50
  fit, share = classes.fit(x, labels, 2, KEY, em.Options(restarts=2))
  np.testing.assert_array_equal(share > 0, [[1, 1, 0, 0, 0], [0, 0, 1, 0, 0], [0] * 5,
                                            [0, 0, 0, 1, 1]])
  np.testing.assert_allclose(share[3, 3:], 0.5, rtol=1e-5)
  np.testing.assert_allclose(np.sort(fit.mixture.mean[3:, 0]),
                             [np.mean(np.delete(x[labels == 3, 0], np.s_[::2])),
                              x[second, 0].mean()], rtol=1e-3)
  assert fit.mixture.variance.shape == (1, 3) and fit.mixture.variance[0, 0] < 2


def test_a_class_is_fitted_alike_whatever_others_there_are():
  x, labels = examples((40, 1, 0, 30))
  whole, alone = (classes.fit(x[chosen], labels[chosen], 2, KEY)[0].mixture
                  for chosen in (labels >= 0, labels == 3))
  np.testing.assert_allclose(whole.mean[-2:], alone.mean, rtol=1e-5)


def test_examples_that_are_all_alike_are_one_component():
  x, labels = examples((9, 0, 0, 9))
  x[labels == 0] = 1.0
  fit, share = classes.fit(x, labels, 2, KEY)
  assert len(fit.mixture.weight) == 3 and share[0].tolist() == [1, 0, 0]


def test_units_that_never_change_get_the_floor_and_are_counted():
  x, labels = examples()
  x[:, 1] = 2
  fit, _ = classes.fit(x, labels, 1, KEY, em.Options(variance_floor=0.01))
  np.testing.assert_allclose(fit.mixture.variance[0, 1], 0.01 * x.var(0).mean(), rtol=1e-4)
  assert fit.dead_units.tolist() == [1]


def test_an_activation_that_is_not_finite_is_named():
  x, labels = examples()
  x[5, 1] = np.nan
  with pytest.raises(ValueError, match="example fifth5 is not finite"):
    classes.fit(x, labels, 1, KEY, name="fifth{}".format)
