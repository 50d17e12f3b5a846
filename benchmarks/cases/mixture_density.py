"""Log density of activations under a Gaussian mixture: forward, and forward with gradient."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks import harness
from cmx.mixture import gmm


def comparisons(quick: bool) -> list[harness.Comparison]:
  b, k, d = (32, 5, 64) if quick else (256, 100, 4096)
  size = f"B={b} K={k} D={d}"
  # The gradient of a log density sums D terms of both signs in float32.
  return [
    harness.Comparison(f"log density, {size}", [
      harness.Contender("cmx", lambda: _jax(gmm.log_prob, b, k, d)),
      harness.Contender("JAX, broadcast", lambda: _jax(_broadcast, b, k, d)),
      harness.Contender("torch.distributions", lambda: _torch(False, b, k, d)),
      harness.Contender("scikit-learn", lambda: _scikit_learn(b, k, d)),
      harness.Contender("matrix products", lambda: _products(False, b, k, d), harness.LIMIT)],
      tolerance=1e-4),
    harness.Comparison(f"log density and its gradient, {size}", [
      harness.Contender("cmx", lambda: _jax(_with_gradient(gmm.log_prob), b, k, d)),
      harness.Contender("JAX, broadcast", lambda: _jax(_with_gradient(_broadcast), b, k, d),
                        at_least=30),
      harness.Contender("torch.distributions", lambda: _torch(True, b, k, d), at_least=100),
      harness.Contender("matrix products", lambda: _products(True, b, k, d), harness.LIMIT,
                        at_least=1 / 1.5)],
      tolerance=1e-3),
    harness.Comparison(f"memory of the log density and its gradient, {size}", [
      harness.Contender("cmx", lambda: _jax(_with_gradient(gmm.log_prob), b, k, d)),
      harness.Contender("JAX, broadcast", lambda: _jax(_with_gradient(_broadcast), b, k, d)),
      harness.Contender("torch.distributions", lambda: _torch(True, b, k, d))],
      tolerance=1e-3, measure=harness.MEMORY)]


def _data(b: int, k: int, d: int) -> tuple[np.ndarray, gmm.Mixture]:
  """Activations as behind a ReLU, and a mixture whose components overlap."""
  rng = np.random.default_rng(0)
  x = np.maximum(rng.normal(size=(b, d)), 0).astype(np.float32)
  mean = np.abs(rng.normal(0.4, 0.2, (k, d))).astype(np.float32)
  variance = rng.uniform(0.2, 1.0, (k, d)).astype(np.float32)
  return x, gmm.Mixture(rng.dirichlet(np.full(k, 5.0)).astype(np.float32), mean, variance)


def _jax(function: Callable[..., Any], b: int, k: int, d: int) -> Callable[[], Any]:
  x, mixture = jax.device_put(_data(b, k, d))
  jitted = jax.jit(function)
  return lambda: jitted(x, mixture)


def _with_gradient(log_prob: Callable[..., jax.Array]) -> Callable[..., Any]:
  return jax.value_and_grad(lambda x, mixture: log_prob(x, mixture).mean())


def _broadcast(x: jax.Array, mixture: gmm.Mixture) -> jax.Array:
  """The formula as it is written, with an array [B, K, D]."""
  weight, mean, variance = mixture[:3]
  square = (x[:, None] - mean) ** 2 / variance + jnp.log(2 * jnp.pi * variance)
  return jax.nn.logsumexp(jnp.log(weight) - 0.5 * square.sum(-1), axis=-1)


def _torch(gradient: bool, b: int, k: int, d: int) -> Callable[[], Any]:
  import torch
  x, mixture = _data(b, k, d)
  weight, mean, variance = map(torch.from_numpy, mixture[:3])
  parts = torch.distributions.Independent(torch.distributions.Normal(mean, variance.sqrt()), 1)
  whole = torch.distributions.MixtureSameFamily(torch.distributions.Categorical(weight), parts)
  x = torch.from_numpy(x).requires_grad_(gradient)

  def run():
    value = whole.log_prob(x)
    if not gradient:
      return value.numpy()
    value = value.mean()
    return value.detach().numpy(), torch.autograd.grad(value, x)[0].numpy()

  return run


def _scikit_learn(b: int, k: int, d: int) -> Callable[[], Any]:
  from sklearn import mixture as sklearn_mixture
  x, mixture = _data(b, k, d)
  model = sklearn_mixture.GaussianMixture(k, covariance_type="diag")
  model.weights_, model.means_, model.covariances_ = mixture[:3]
  model.precisions_cholesky_ = 1 / np.sqrt(mixture.variance)
  return lambda: model.score_samples(x)


def _products(gradient: bool, b: int, k: int, d: int) -> Callable[[], Any]:
  """The two matrix products of the expanded square, and the two of its gradient."""
  x, mixture = jax.device_put(_data(b, k, d))

  @jax.jit
  def products(x, first, second, back):
    forward = (x * x) @ first.T, x @ second.T
    return (forward, back @ first, back @ second) if gradient else forward

  precision = 1 / mixture.variance
  back = jnp.full((b, k), 1 / b)

  def run():
    jax.block_until_ready(products(x, precision, mixture.mean * precision, back))

  return run
