"""Terms that draw to a mixture: against loops over examples and components, and what they leave."""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cmx import config as config_lib
from cmx.alignment import given as given_lib
from cmx.alignment import mixture as mixture_lib
from cmx.mixture import gmm

NAMES, D, K, C = ("sound", "words"), 5, 3, 4
LABELS = {"sound": np.array([0, 1, 2, 3]), "words": np.array([1, 1, 0, 3])}
SHARE = np.array([[1, 0, 0], [0.25, 0.75, 0], [0, 0, 1], [0.2, 0.3, 0.5]], np.float32)
PLAIN, BY_CLASS = mixture_lib.statistical_regularisation, mixture_lib.by_class
MEANS = mixture_lib.class_means


def mixture(components=K, seed=0):
  rng = np.random.default_rng(seed)
  return gmm.Mixture(rng.dirichlet(np.ones(components)).astype(np.float32),
                     rng.normal(size=(components, D)).astype(np.float32),
                     rng.uniform(0.5, 2, (components, D)).astype(np.float32))


MIXTURE = mixture()


def activations(names=NAMES):
  rng = np.random.default_rng(1)
  return {name: rng.normal(size=(4, D)).astype(np.float32) for name in names}


@functools.partial(jax.jit, static_argnums=(0, 4))
def compiled(function, x, labels, statistics, temperature):
  return function(x, labels, given_lib.Given(statistics),
                  config_lib.Alignment(temperature=temperature))


def term(function, x, *, share=SHARE, mixture=MIXTURE, labels=LABELS, temperature=1.0):
  return compiled(function, x, labels, given_lib.Statistics(mixture, share), temperature)


def slow(x, mixture, weights, temperature=1.0):
  """-T log sum (w N)^(1/T) of one example, component by component and unit by unit."""
  total = 0.0
  for weight, mean, variance in zip(weights, mixture.mean, mixture.variance):
    if weight > 0:
      logarithm = math.log(weight)
      for value, m, v in zip(x, mean, variance):
        logarithm += -0.5 * (math.log(2 * math.pi * v) + (value - m) ** 2 / v)
      total += math.exp(logarithm / temperature)
  return -temperature * math.log(total)


def slow_mean(given, weights_of, temperature=1.0):
  return np.mean([np.mean([slow(x, MIXTURE, weights_of(y), temperature) / D
                           for x, y in zip(h, LABELS[name])]) for name, h in given.items()])


@pytest.mark.parametrize("temperature", [1.0, 2.5, float(D)])
@pytest.mark.parametrize("function, weights_of", [
  (PLAIN, lambda label: MIXTURE.weight), (BY_CLASS, lambda label: SHARE[label])])
def test_equals_the_slow_loop(function, weights_of, temperature):
  found = term(function, activations(), temperature=temperature)
  np.testing.assert_allclose(found, slow_mean(activations(), weights_of, temperature), rtol=1e-5)


def test_golden_values():
  found = [float(term(function, activations())) for function in (PLAIN, BY_CLASS, MEANS)]
  np.testing.assert_allclose(found, [1.665801, 1.510880, 1.015307], rtol=1e-5)


def test_a_component_that_a_class_does_not_own_has_no_influence():
  moved = MIXTURE._replace(mean=MIXTURE.mean + np.array([[0], [0], [7]], np.float32),
                           variance=MIXTURE.variance * np.array([[1], [1], [9]], np.float32))
  labels = {"sound": np.array([0, 1, 0, 1])}  # neither owns the third

  def of(x, mixture):
    return term(BY_CLASS, {"sound": x}, mixture=mixture, labels=labels)

  x = activations()["sound"]
  np.testing.assert_allclose(of(x, moved), of(x, MIXTURE), rtol=1e-5)
  np.testing.assert_allclose(jax.grad(of)(x, moved), jax.grad(of)(x, MIXTURE), rtol=1e-4)


@pytest.mark.parametrize("distance", [1e2, 1e8, 1e30])
def test_an_example_far_from_what_its_class_owns_has_a_finite_value_and_gradient(distance):
  x = {"sound": np.full((4, D), distance, np.float32)}
  value, gradient = jax.value_and_grad(lambda x: term(BY_CLASS, x))(x)
  assert np.isfinite(value) and np.isfinite(gradient["sound"]).all()


def test_a_tiny_share_drowns_where_zero_does_not():
  """A broad component takes what is far from all, whatever the prior that is not zero."""
  broad = gmm.Mixture(np.array([0.5, 0.5], "f"), np.array([[3.0] * D, [0.0] * D], "f"),
                      np.array([[0.001] * D, [4.0] * D], "f"))
  far = {"sound": np.full((1, D), -2.0, np.float32)}
  labels = {"sound": np.zeros(1, int)}
  pulls = [jax.grad(lambda x, share=share: term(BY_CLASS, x, share=np.array([share], "f"),
                                                mixture=broad, labels=labels))(far)["sound"]
           for share in ((1.0, 0.0), (0.999, 0.001), (0.5, 0.5))]
  np.testing.assert_allclose(pulls[1], pulls[2], rtol=1e-4)
  assert (pulls[0] < 100 * pulls[1]).all()  # negative: towards the class's own component


def test_softer_responsibilities_share_the_pull():
  x = {"sound": activations()["sound"]}
  soft = term(mixture_lib.mean_responsibilities, x, share=None, temperature=1e4)["sound"]
  np.testing.assert_allclose(soft, np.full(K, 1 / K), atol=1e-3)


def test_mean_responsibilities_equal_the_slow_loop():
  found = term(mixture_lib.mean_responsibilities, activations())
  for name, h in activations().items():
    expected = np.zeros(K)
    for x, y in zip(h, LABELS[name]):
      whole = slow(x, MIXTURE, SHARE[y])
      alone = [slow(x, MIXTURE, SHARE[y] * (np.arange(K) == k)) if SHARE[y][k] else np.inf
               for k in range(K)]
      expected += np.exp(whole - np.array(alone)) / 4
    np.testing.assert_allclose(found[name], expected, atol=1e-5)
    np.testing.assert_allclose(found[name].sum(), 1, rtol=1e-5)


def test_class_means_are_a_plain_squared_distance():
  means, total = SHARE @ MIXTURE.mean, 0.0
  for name, h in activations().items():
    for x, y in zip(h, LABELS[name]):
      for unit in range(D):
        total += (x[unit] - means[y][unit]) ** 2 / (2 * 4 * D)
  np.testing.assert_allclose(term(MEANS, activations()), total, rtol=1e-5)


def test_class_means_know_no_variance():
  wider = MIXTURE._replace(variance=9 * MIXTURE.variance)
  assert term(MEANS, activations()) == term(MEANS, activations(), mixture=wider)


@pytest.mark.parametrize("function", [PLAIN, BY_CLASS, MEANS])
def test_every_modality_is_drawn_and_none_draws_another(function):
  gradient = jax.grad(lambda x: term(function, x))(activations())
  assert all(np.all(gradient[name]) for name in NAMES)
  alone = jax.grad(lambda x: term(function, x))({"sound": activations()["sound"]})
  np.testing.assert_allclose(gradient["sound"], alone["sound"] / 2, rtol=1e-4, atol=1e-7)


def test_the_paper_takes_no_notice_of_labels_and_by_class_does():
  swapped = {name: labels[::-1] for name, labels in LABELS.items()}
  assert term(PLAIN, activations()) == term(PLAIN, activations(), labels=swapped)
  assert abs(term(BY_CLASS, activations()) - term(BY_CLASS, activations(), labels=swapped)) > 0.1


def test_the_gradient_points_from_the_mean_of_a_single_gaussian():
  one = gmm.Mixture(*(jnp.asarray(a) for a in (
    np.ones(1), np.array([[1.0, 2, 3]]), np.array([[4.0, 1, 0.25]]))))
  x = {"sound": np.array([[2.0, 2, 2]], np.float32)}
  gradient = jax.grad(lambda x: term(PLAIN, x, mixture=one))(x)["sound"]
  np.testing.assert_allclose(gradient, [[1 / 4 / 3, 0, -1 / 0.25 / 3]], rtol=1e-5)


@pytest.mark.parametrize("function", [PLAIN, BY_CLASS, MEANS])
@pytest.mark.parametrize("repeat", [2, 3])
def test_weights_mean_the_same_at_any_batch_and_number_of_modalities(function, repeat):
  once, labels = activations()["sound"], LABELS["sound"]
  tiled = {f"sound {i}": np.tile(once, (repeat, 1)) for i in range(repeat)}
  found = term(function, tiled, labels={name: np.tile(labels, repeat) for name in tiled})
  np.testing.assert_allclose(found, term(function, {"sound": once}), rtol=1e-5)


def test_components_by_class_cost_what_the_mixture_costs():
  """No array of examples by components by units is made, of which the operations would tell."""
  x, labels = {"sound": np.zeros((64, 256), "f")}, {"sound": np.zeros(64, int)}
  wide = gmm.Mixture(np.full(32, 1 / 32, "f"), np.zeros((32, 256), "f"), np.ones((32, 256), "f"))
  statistics = given_lib.Statistics(wide, np.full((4, 32), 1 / 32, np.float32))
  plain, by_class = (compiled.lower(function, x, labels, statistics, 1.0).compile()
                     .cost_analysis()["flops"] for function in (PLAIN, BY_CLASS))
  assert 2 * 2 * 64 * 256 * 32 < plain and by_class < 1.05 * plain
