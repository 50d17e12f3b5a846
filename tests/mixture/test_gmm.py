"""Mixture log-density: against the formula in float64, by hand, and where float32 hurts."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special
from scipy import stats
from sklearn import mixture as sklearn_mixture

from cmx.mixture import gmm


def slow(x, mixture):
  """The formula in float64, component by component: log density [B] and its gradient [B, D]."""
  weight, mean, variance = (np.asarray(a, np.float64) for a in mixture[:3])
  variance, x = np.broadcast_to(variance, mean.shape), np.asarray(x, np.float64)
  joint = np.stack([np.log(w) - 0.5 * ((x - m) ** 2 / v + np.log(2 * np.pi * v)).sum(1)
                    for w, m, v in zip(weight, mean, variance)], axis=1)
  value = special.logsumexp(joint, axis=1)
  share = np.exp(joint - value[:, None])
  return value, sum(share[:, k, None] * (mean[k] - x) / variance[k] for k in range(len(weight)))


def gradient(x, mixture):
  return jax.grad(lambda x: gmm.log_prob(x, mixture).sum())(jnp.asarray(x))


def made(k, d, *, variance=1.0, seed=0):
  """A mixture of well separated components, and examples of it [40, D]."""
  rng = np.random.default_rng(seed)
  mean = rng.normal(size=(k, d)).astype(np.float32)
  spread = (variance * rng.uniform(0.5, 1.5, (k, d))).astype(np.float32)
  own = rng.integers(k, size=40)
  x = mean[own] + np.sqrt(spread[own]) * rng.normal(size=(40, d))
  return gmm.Mixture(rng.dirichlet(np.ones(k)).astype(np.float32), mean, spread), x.astype("f")


def agrees(x, mixture, value=1e-5, slope=1e-5):
  expected, expected_gradient = slow(x, mixture)
  np.testing.assert_allclose(gmm.log_prob(x, mixture), expected, rtol=value, atol=value)
  largest = np.abs(expected_gradient).max()
  np.testing.assert_allclose(gradient(x, mixture), expected_gradient, rtol=0, atol=slope * largest)


def test_log_density_by_hand():
  mixture = gmm.Mixture(np.array([0.25, 0.75], np.float32), np.array([[0.0, 0.0], [2.0, 0.0]], "f"),
                        np.array([[1.0, 1.0], [1.0, 4.0]], np.float32))
  # at (1, 0): both are one standard deviation away along the first unit
  expected = math.log(0.25 * math.exp(-0.5) / (2 * math.pi) + 0.75 * math.exp(-0.5) / (4 * math.pi))
  np.testing.assert_allclose(gmm.log_prob(np.array([1.0, 0.0], "f"), mixture), expected, rtol=1e-6)


@pytest.mark.parametrize("k, d", [(1, 1), (1, 300), (3, 2), (50, 200), (1000, 5)])
def test_equals_the_formula(k, d):
  mixture, x = made(k, d)
  agrees(x, mixture)


def test_equals_scikit_learn():
  mixture, x = made(7, 30)
  model = sklearn_mixture.GaussianMixture(7, covariance_type="diag")
  model.weights_, model.means_, model.covariances_ = (np.float64(a) for a in mixture[:3])
  model.precisions_cholesky_ = 1 / np.sqrt(model.covariances_)
  expected = model.score_samples(np.float64(x))
  np.testing.assert_allclose(gmm.log_prob(x, mixture), expected, rtol=1e-5)


def test_tied_variance_equals_the_same_one_for_every_component():
  mixture, x = made(5, 20)
  tied = mixture._replace(variance=mixture.variance[:1])
  agrees(x, tied)
  repeated = tied._replace(variance=np.repeat(tied.variance, 5, axis=0))
  np.testing.assert_allclose(gmm.log_prob(x, tied), gmm.log_prob(x, repeated), rtol=1e-6)


def test_weights_of_an_example_s_own_take_the_place_of_the_mixture_s():
  mixture, x = made(5, 20, variance=1e-4)
  weight = np.random.default_rng(2).dirichlet(np.ones(5), len(x)).astype(np.float32)
  weight[:, 1:] *= weight[:, 1:] > 0.2  # each example leaves some out
  with np.errstate(divide="ignore"):
    found = gmm.log_joint(x, mixture, np.log(weight))
  for i, own in enumerate(weight):
    kept = own > 0
    part = gmm.Mixture(own[kept], mixture.mean[kept], mixture.variance[kept])
    np.testing.assert_allclose(special.logsumexp(found[i]), slow(x[i:i + 1], part)[0][0], rtol=1e-5)
    assert np.isneginf(found[i][~kept]).all()


def test_a_basis_makes_it_a_full_gaussian():
  rng = np.random.default_rng(1)
  factor = rng.normal(size=(6, 6))
  covariance, mean = factor @ factor.T + 0.1 * np.eye(6), rng.normal(size=6)
  x = rng.multivariate_normal(mean, covariance, 50)
  variance, basis = np.linalg.eigh(covariance)
  mixture = gmm.Mixture(np.ones(1, "f"), mean[None].astype("f"), variance[None].astype("f"),
                        basis.astype("f"))
  expected = stats.multivariate_normal(mean, covariance).logpdf(x)
  np.testing.assert_allclose(gmm.log_prob(x.astype("f"), mixture), expected, rtol=1e-4)
  slope = -(x - mean) @ np.linalg.inv(covariance)
  np.testing.assert_allclose(gradient(x.astype("f"), mixture), slope, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("variance", [1e-2, 1e-4, 1e-6])
def test_narrow_components_far_from_the_middle(variance):
  mixture, x = made(20, 1000, variance=variance)
  # the rounding of x itself, next to means of about 1, is up to 1e-4 of such a standard deviation
  agrees(x, mixture, value=2e-5, slope=2e-4)


def test_expanding_the_square_would_not_be_enough():
  mixture, x = made(20, 1000, variance=1e-6)
  precision = 1 / mixture.variance
  square = ((x * x) @ precision.T - 2 * x @ (mixture.mean * precision).T
            + (mixture.mean**2 * precision).sum(1))
  joint = np.log(mixture.weight) - 0.5 * (square + np.log(2 * np.pi * mixture.variance).sum(1))
  assert np.abs(special.logsumexp(joint, axis=1) - slow(x, mixture)[0]).max() > 10  # nats


def test_an_offset_of_all_activations_does_not_matter():
  mixture, x = made(5, 50)
  shifted = mixture._replace(mean=mixture.mean + np.float32(4096))
  moved = (x + np.float32(4096)).astype(np.float64) - 4096  # what is left of x behind the offset
  np.testing.assert_allclose(gmm.log_prob(x + np.float32(4096), shifted),
                             slow(moved, mixture._replace(mean=shifted.mean - np.float32(4096)))[0],
                             rtol=1e-5)


@pytest.mark.parametrize("distance", [1e2, 1e5, 1e9, 1e15])
def test_far_tails(distance):
  mixture, x = made(4, 10)
  agrees((x + distance).astype("f"), mixture)


@pytest.mark.parametrize("d", [1, 9216])
def test_value_and_gradient_are_finite_where_the_input_is(d):
  signs = np.stack([np.ones(d), -np.ones(d), np.resize([1, -1], d)])
  x = np.concatenate([size * signs for size in (0.0, 1e-38, 1.0, 1e10, 1e20, 3e38)]).astype("f")
  mean = np.array([[-1.0], [0.5]], np.float32) * np.ones((2, d), np.float32)
  for variance in (1e-37, 1e-8, 1.0, 1e8):
    mixture = gmm.Mixture(np.array([0.5, 0.5], "f"), mean, np.full((2, d), variance, np.float32))
    assert np.isfinite(gmm.log_prob(x, mixture)).all(), variance
    assert np.isfinite(gradient(x, mixture)).all(), variance


def test_gradient_with_a_basis_is_finite_where_the_input_is():
  mixture = gmm.Mixture(np.ones(1, "f"), np.zeros((1, 8), "f"), np.full((1, 8), 1e-3, "f"),
                        np.linalg.qr(np.random.default_rng(0).normal(size=(8, 8)))[0].astype("f"))
  x = np.outer([1e10, 3e38], np.resize([1, -1], 8)).astype("f")
  assert np.isfinite(gmm.log_prob(x, mixture)).all() and np.isfinite(gradient(x, mixture)).all()


def test_one_hot_responsibilities_pull_towards_their_component_alone():
  mixture, x = made(10, 500)
  joint = np.asarray(jax.jit(gmm.log_joint)(x, mixture))
  ordered = np.sort(joint, axis=1)
  assert (ordered[:, -1] - ordered[:, -2] > 100).all()  # nats: the others' share is 0 in float32
  best = joint.argmax(1)
  alone = (mixture.mean[best] - x) / mixture.variance[best]
  np.testing.assert_allclose(gradient(x, mixture), alone, rtol=1e-4, atol=1e-4)


def test_bfloat16_is_accumulated_in_float32():
  mixture, x = made(5, 4096)
  low = jnp.asarray(x, jnp.bfloat16)
  value = gmm.log_prob(low, mixture)
  assert value.dtype == jnp.float32
  np.testing.assert_allclose(value, slow(np.asarray(low, np.float32), mixture)[0], rtol=1e-5)
  slope = gradient(low, mixture)
  assert slope.dtype == jnp.bfloat16
  expected = slow(np.asarray(low, np.float32), mixture)[1]
  np.testing.assert_allclose(np.asarray(slope, np.float32), expected, rtol=2**-8, atol=1e-3)


def test_leading_dimensions_are_kept_and_a_batch_may_be_empty():
  mixture, x = made(3, 6)
  np.testing.assert_allclose(gmm.log_prob(x.reshape(4, 10, 6), mixture),
                             np.reshape(gmm.log_prob(x, mixture), (4, 10)), rtol=1e-6)
  assert gmm.log_prob(x[:0], mixture).shape == (0,)
  assert gradient(x[:0], mixture).shape == (0, 6)


def test_no_array_of_examples_components_and_units_exists():
  mixture, _ = made(11, 13)
  text = str(jax.make_jaxpr(jax.grad(lambda x: gmm.log_prob(x, mixture).sum()))(jnp.ones((7, 13))))
  assert "7,11]" in text and "7,11,13]" not in text and "11,7,13]" not in text


def test_another_width_is_refused():
  mixture, x = made(3, 6)
  with pytest.raises(ValueError, match="activations of width 5; the mixture was fitted on width 6"):
    gmm.log_prob(x[:, :5], mixture)


@pytest.mark.parametrize("rows, basis, expected", [
  (4, None, 3 + 20 + 20), (1, None, 3 + 20 + 5), (1, np.eye(5), 3 + 20 + 5 + 10)])
def test_free_parameters(rows, basis, expected):
  mixture = gmm.Mixture(np.full(4, 0.25), np.zeros((4, 5)), np.ones((rows, 5)), basis)
  assert gmm.free_parameters(mixture) == expected


def test_free_parameters_of_a_full_gaussian_are_those_of_mean_and_symmetric_covariance():
  mixture = gmm.Mixture(np.ones(1), np.zeros((1, 5)), np.ones((1, 5)), np.eye(5))
  assert gmm.free_parameters(mixture) == 5 + 5 * 6 // 2


def written(x, mixture, monkeypatch):
  """`log_joint_of_block`, and how many of an example's squares are taken as they are written."""
  joint = np.asarray(jax.jit(gmm.log_joint_of_block)(x, mixture, mixture.weight @ mixture.mean))
  monkeypatch.setattr(gmm, "_with_best_as_written", lambda z, expanded: expanded.joint)
  plain = jax.jit(lambda *a: gmm.log_joint_of_block(*a))(x, mixture, mixture.weight @ mixture.mean)
  monkeypatch.undo()
  return joint, (joint != plain).sum(1)


@pytest.mark.parametrize("d, variance, expected", [
  (64, 0.08, 0), (1000, 1.0, 0), (1000, 0.2, 1), (1000, 1e-2, 1), (1000, 1e-6, 1), (4096, 1.0, 1)])
def test_a_block_takes_a_square_as_written_where_expanding_it_cancels(d, variance, expected,
                                                                      monkeypatch):
  mixture, x = made(20, d, variance=variance)
  joint, count = written(x, mixture, monkeypatch)
  np.testing.assert_allclose(special.logsumexp(np.float64(joint), axis=1), slow(x, mixture)[0],
                             rtol=1e-6, atol=1e-3)  # nats
  assert count.max() == expected


def test_one_example_where_it_cancels_decides_for_the_block(monkeypatch):
  wide, x = made(20, 100)
  narrow = made(1, 100, variance=1e-6)[0]
  mixture = gmm.Mixture(np.append(0.99 * wide.weight, 0.01).astype("f"),
                        np.concatenate([wide.mean, 3 + narrow.mean]),
                        np.concatenate([wide.variance, narrow.variance]))
  assert written(x, mixture, monkeypatch)[1].max() == 0
  x[7] = mixture.mean[-1]
  joint, count = written(x, mixture, monkeypatch)
  assert count.max() == 1
  np.testing.assert_allclose(special.logsumexp(joint, axis=1), slow(x, mixture)[0], rtol=2e-6)


@pytest.mark.parametrize("far", [1e10, 1e17, 1e20, 3e38])
def test_a_block_with_an_example_far_out_is_finite_and_as_a_whole(far):
  mixture, x = made(5, 100, variance=1e-3)
  x[3] = far
  centre = np.zeros(100, "f")
  found = jax.jit(gmm.log_joint_of_block)(x, mixture, centre)
  assert np.isfinite(found).all()
  np.testing.assert_allclose(found, gmm.log_joint(x, mixture), rtol=1e-4)
