"""Losses: cross entropy in numbers, the penalty against a loop over examples and components."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cmx import config as config_lib
from cmx import losses
from cmx.mixture import gmm

WIDTHS = {"fc6": 5, "fc7": 3}
LABELS = {"sound": np.zeros(4, np.int32), "words": np.ones(4, np.int32)}


def mixture(width, components=2, seed=0):
  rng = np.random.default_rng([seed, width])
  weight = rng.dirichlet(np.ones(components)).astype(np.float32)
  return gmm.Mixture(weight, rng.normal(size=(components, width)).astype(np.float32),
                     rng.uniform(0.5, 2, (components, width)).astype(np.float32))


MIXTURES = {layer: mixture(width) for layer, width in WIDTHS.items()}


def activations(names=("sound", "words")):
  rng = np.random.default_rng(1)
  return {name: {layer: rng.normal(size=(4, width)).astype(np.float32)
                 for layer, width in WIDTHS.items()} for name in names}


def penalty(given, mixtures=None, weight=1.0):
  return losses.statistical_regularisation(
    given, LABELS, MIXTURES if mixtures is None else mixtures,
    alignment=config_lib.Alignment(weight=weight), reference="sound")


def slow_density(x, given):
  """log p(x) of one example, component by component and unit by unit."""
  total = 0.0
  for weight, mean, variance in zip(given.weight, given.mean, given.variance):
    logarithm = math.log(weight)
    for value, m, v in zip(x, mean, variance):
      logarithm += -0.5 * (math.log(2 * math.pi * v) + (value - m) ** 2 / v)
    total += math.exp(logarithm)
  return math.log(total)


def slow_penalty(given):
  of_modalities = []
  for layers in given.values():
    of_layers = [-np.mean([slow_density(x, MIXTURES[layer]) for x in layers[layer]]) / width
                 for layer, width in WIDTHS.items()]
    of_modalities.append(sum(of_layers))
  return np.mean(of_modalities)


def test_cross_entropy_in_numbers():
  logits = np.log(np.array([[0.5, 0.25, 0.25], [0.1, 0.1, 0.8]], np.float32))
  loss = losses.cross_entropy(logits, np.array([0, 1]))
  np.testing.assert_allclose(loss, (math.log(2) + math.log(10)) / 2, rtol=1e-6)


def test_cross_entropy_of_a_guess_is_the_logarithm_of_the_classes():
  np.testing.assert_allclose(losses.cross_entropy(np.zeros((3, 24)), np.arange(3)), math.log(24),
                             rtol=1e-6)


def test_the_penalty_equals_the_slow_loop():
  np.testing.assert_allclose(penalty(activations()), slow_penalty(activations()), rtol=1e-5)


def test_the_weight_multiplies():
  np.testing.assert_allclose(penalty(activations(), weight=0.03),
                             0.03 * slow_penalty(activations()), rtol=1e-5)


def test_layers_without_a_mixture_are_free():
  given, only = activations(), {"fc7": MIXTURES["fc7"]}
  gradient = jax.grad(lambda x: penalty(x, only))(given)
  assert not np.any(gradient["sound"]["fc6"]) and np.all(gradient["sound"]["fc7"])


def test_every_modality_is_pulled_the_reference_too():
  gradient = jax.grad(penalty)(activations())
  for name in ("sound", "words"):
    assert all(np.all(gradient[name][layer]) for layer in WIDTHS)


def test_one_modality_does_not_pull_another():
  def of_sound(x):
    return penalty({"sound": x})
  alone = jax.grad(of_sound)(activations()["sound"])
  beside = jax.grad(penalty)(activations())["sound"]
  for layer in WIDTHS:  # the mean over two modalities halves what each contributes
    np.testing.assert_allclose(beside[layer], alone[layer] / 2, rtol=1e-5)


def test_the_gradient_points_from_the_mean_of_a_single_gaussian():
  one = {"fc7": gmm.Mixture(*(jnp.asarray(a) for a in (
    np.ones(1), np.array([[1.0, 2, 3]]), np.array([[4.0, 1, 0.25]]))))}
  x = {"sound": {"fc7": np.array([[2.0, 2, 2]], np.float32)}}
  gradient = jax.grad(lambda x: penalty(x, one))(x)["sound"]["fc7"]
  np.testing.assert_allclose(gradient, [[1 / 4 / 3, 0, -1 / 0.25 / 3]], rtol=1e-5)


@pytest.mark.parametrize("repeat", [2, 3])
def test_lambda_means_the_same_at_any_batch_and_number_of_modalities(repeat):
  given = activations(["sound"])["sound"]
  tiled = {layer: np.tile(x, (repeat, 1)) for layer, x in given.items()}
  several = {f"sound {i}": tiled for i in range(repeat)}
  np.testing.assert_allclose(penalty(several), penalty({"sound": given}), rtol=1e-5)


def test_labels_do_not_matter():
  first = losses.statistical_regularisation(
    activations(), {name: 1 - labels for name, labels in LABELS.items()}, MIXTURES,
    alignment=config_lib.Alignment(weight=1.0), reference="words")
  np.testing.assert_array_equal(first, penalty(activations()))
