"""Fitting a mixture by EM: iterations, a whole fit, and cost and memory as examples grow."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks import harness
from cmx.mixture import em
from cmx.mixture import gmm
from cmx.mixture import passes

_CHUNK = 8_192  # examples
_BOUND = ("scikit-learn's iteration is the same four matrix products, so that the limit bounds any "
          "lead over it.")
_REST = ("beside the products it takes responsibilities, one more pass that checks and samples the "
         "examples, and sums of blocks in float64.")
_KEPT = ("the blocks of few examples are smaller; beyond that it is what the allocator keeps "
         "between blocks, a small part of the examples' own size.")
ITERATIONS = 3  # timed together, so that the first pass over the examples, which EM needs, counts


def comparisons(quick: bool) -> list[harness.Comparison]:
  n, d, k = (2_000, 16, 5) if quick else (100_000, 512, 100)
  fit_n, fit_d, fit_k = (2_000, 16, 5) if quick else (20_000, 128, 20)
  counts = (2_000, 4_000) if quick else (10_000, 100_000, 1_000_000)
  names = [f"cmx, {count:,} examples" for count in counts]
  return [
    harness.Comparison(f"an iteration of EM, N={n:,} D={d} K={k}", [
      harness.Contender("cmx", lambda: _fit(n, d, k, ITERATIONS, 0.0), units=ITERATIONS),
      harness.Contender("scikit-learn", lambda: _scikit_learn(n, d, k, ITERATIONS, 0.0),
                        units=ITERATIONS, at_least=5, reason=_BOUND),
      harness.Contender("matrix products", lambda: _products(n, d, k, ITERATIONS), harness.LIMIT,
                        units=ITERATIONS, at_least=1 / 1.3, reason=_REST)],
      tolerance=1e-4, seconds=60.0),
    harness.Comparison(f"a whole fit from one start, N={fit_n:,} D={fit_d} K={fit_k}", [
      harness.Contender("cmx", lambda: _fit(fit_n, fit_d, fit_k, 100, 1e-3)),
      harness.Contender("scikit-learn", lambda: _scikit_learn(fit_n, fit_d, fit_k, 100, 1e-3),
                        at_least=4),
      harness.Contender("gmmx", lambda: _gmmx(fit_n, fit_d, fit_k, 100, 1e-3))],
      tolerance=1e-3, seconds=60.0),
    harness.Comparison("examples streamed, D=64 K=32, two iterations", [
      harness.Contender(name, lambda count=count: _stream(count), units=count,
                        at_most=None if i == 0 else 1.15)
      for i, (name, count) in enumerate(zip(names, counts))],
      tolerance=np.inf, seconds=60.0, unit="example"),
    harness.Comparison("memory of the same", [
      harness.Contender(name, lambda count=count: _stream(count),
                        at_most=None if i == 0 else 1.25, reason=_KEPT)
      for i, (name, count) in enumerate(zip(names, counts))],
      tolerance=np.inf, measure=harness.MEMORY)]


def _data(n: int, d: int, k: int) -> tuple[np.ndarray, gmm.Mixture]:
  """Examples of k overlapping Gaussians, and a start that is not their truth."""
  rng = np.random.default_rng(0)
  centres = rng.normal(size=(k, d)).astype(np.float32)
  x = centres[rng.integers(k, size=n)] + rng.standard_normal((n, d), np.float32)
  start = gmm.Mixture(np.full(k, 1 / k, np.float32), x[rng.choice(n, k, replace=False)],
                      np.ones((k, d), np.float32))
  return x, start


def _fit(n: int, d: int, k: int, iterations: int, tolerance: float) -> Callable[[], Any]:
  x, start = _data(n, d, k)
  fresh = em.Fit(start, [], [], False, 0, n, np.zeros(0, int))

  def run():
    options = em.Options(iterations=iterations, tolerance=tolerance, variance_floor=1e-6)
    found = em.fit(passes.of_array(x), k, jax.random.key(0), options, state=em.State(fresh, None))
    return np.array([found.history[-2]])  # before the last iteration, as scikit-learn keeps it

  return run


def _scikit_learn(n: int, d: int, k: int, iterations: int, tolerance: float) -> Callable[[], Any]:
  import warnings

  from sklearn import mixture
  x, start = _data(n, d, k)

  def run():
    model = mixture.GaussianMixture(
      k, covariance_type="diag", max_iter=iterations, tol=tolerance, reg_covar=1e-6,
      weights_init=np.full(k, 1 / k), means_init=start.mean,
      precisions_init=1 / start.variance, init_params="random_from_data")
    with warnings.catch_warnings():
      warnings.simplefilter("ignore")  # that it stopped before it converged, as asked
      model.fit(x)
    return np.array([model.lower_bound_])

  return run


def _gmmx(n: int, d: int, k: int, iterations: int, tolerance: float) -> Callable[[], Any]:
  """On one device, with the sums over examples as arrays of examples, components and units."""
  import gmmx
  x, start = _data(n, d, k)
  began = gmmx.GaussianMixtureModelJax.from_squeezed(
    means=start.mean, covariances=start.variance, weights=start.weight, covariance_type="diag")
  fitter = gmmx.EMFitter(max_iter=iterations, tol=tolerance, reg_covar=1e-6)
  placed = jnp.asarray(x)
  return lambda: np.array([float(fitter.fit(placed, began).log_likelihood)])


def _products(n: int, d: int, k: int, iterations: int) -> Callable[[], Any]:
  """Two matrix products of every likelihood and two of every sum, over blocks in the cache."""
  x, start = _data(n, d, k)
  blocks = np.array_split(x, max(1, n // 2_048))

  @jax.jit
  def products(x, first, second, responsibility):
    forward = (x * x) @ first.T + x @ second.T
    return forward.sum(), responsibility[:len(x)].T @ x, responsibility[:len(x)].T @ (x * x)

  first, second = jnp.asarray(1 / start.variance), jnp.asarray(start.mean / start.variance)
  responsibility = jnp.full((max(map(len, blocks)), k), 1 / k)

  def run():
    for _ in range(iterations + 1):
      for block in blocks:
        jax.block_until_ready(products(block, first, second, responsibility))

  return run


def _stream(count: int) -> Callable[[], Any]:
  """A fit on examples that come out of a generator and are never held together."""
  chunk = np.random.default_rng(0).standard_normal((_CHUNK, 64)).astype(np.float32)
  parts = [chunk] * (count // _CHUNK) + [chunk[:count % _CHUNK]]

  def run():
    em.fit(lambda: iter(parts), 32, jax.random.key(0),
           em.Options(iterations=2, tolerance=0.0))

  return run
