"""Gaussian mixtures with diagonal covariances: log density, and fitting by EM over chunks."""

import math
import time
from collections.abc import Callable, Iterable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

Chunks = Callable[[], Iterable[np.ndarray]]  # each call starts a pass over the same examples [n, D]

_EMPTY = 1e-3  # examples: a component responsible for fewer is empty and is put somewhere else


class Mixture(NamedTuple):
  """A mixture over one layer's activations; K = 1 is the single Gaussian.

  Attributes:
    weight: [K], positive, sums to 1.
    mean: [K, D].
    variance: [K, D], positive.
  """

  weight: jax.Array
  mean: jax.Array
  variance: jax.Array


class Fit(NamedTuple):
  """A fitted mixture and how the fit went.

  Attributes:
    mixture: the best that was found.
    history: mean log likelihood of each iteration, nats per example.
    converged: whether the gain fell below the tolerance.
    examples: N.
    dead_units: units whose value never changes over the examples; their variance is the floor.
  """

  mixture: Mixture
  history: list[float]
  converged: bool
  examples: int
  dead_units: int


@jax.jit
def log_prob(x: jax.Array, mixture: Mixture) -> jax.Array:
  """Log density of activations under a diagonal Gaussian mixture.

  log p(x) = logsumexp_k [ log weight_k + log N(x; mean_k, diag(variance_k)) ]

  The square is expanded so that everything is a matrix product and no array [B, K, D] exists; x and the
  means are centred first, or the expansion would cancel in float32.

  Args:
    x: activations [..., D].
    mixture: weight [K], mean [K, D], variance [K, D]; variance > 0.

  Returns:
    Log density in nats [...], float32.

  Source: Castrejon et al. 2016, statistical regularisation.
  """
  return jax.nn.logsumexp(_joint(x, mixture), axis=-1)


def _joint(x: jax.Array, mixture: Mixture) -> jax.Array:
  """log weight_k + log N(x; mean_k, variance_k) for every component: [..., D] -> [..., K]."""
  weight, mean, variance = (jnp.asarray(a, jnp.float32) for a in mixture)
  x = x.astype(jnp.float32)
  centre = weight @ mean
  x, mean = x - centre, mean - centre
  precision = 1.0 / variance
  square = (x * x) @ precision.T - 2.0 * x @ (mean * precision).T + (mean * mean * precision).sum(-1)
  log_scale = jnp.log(variance).sum(-1) + mean.shape[-1] * math.log(2.0 * math.pi)
  return jnp.log(weight) - 0.5 * (square + log_scale)


class _Statistics(NamedTuple):
  """Sums over examples, of activations x centred on the global mean."""

  count: np.ndarray  # sum of responsibilities [K]
  first: np.ndarray  # sum of responsibility * x [K, D]
  second: np.ndarray  # sum of responsibility * x^2 [K, D]
  log_prob: np.ndarray  # sum of log p(x) []


@jax.jit
def _statistics(x: jax.Array, mixture: Mixture) -> _Statistics:
  joint = _joint(x, mixture)
  total = jax.nn.logsumexp(joint, axis=-1, keepdims=True)
  responsibility = jnp.exp(joint - total)
  return _Statistics(responsibility.sum(0), responsibility.T @ x, responsibility.T @ (x * x), total.sum())


def fit(chunks: Chunks, components: int, key: jax.Array, *, iterations: int = 50, tolerance: float = 1e-3,
        variance_floor: float = 1e-3, on_iteration: Callable[[int, float], None] | None = None) -> Fit:
  """Fits a mixture by k-means++ seeding and expectation-maximisation.

  Memory is that of one chunk and of the mixture, whatever the number of examples; sums over chunks are
  kept in float64.

  Args:
    chunks: a call gives a pass over the activations, arrays float [n, D].
    components: K.
    key: random key of the seeding.
    iterations: at most.
    tolerance: gain of the mean log likelihood, nats per example, below which EM stops.
    variance_floor: share of the mean variance over units that no variance goes below; dead units would
      have none and an infinite density.
    on_iteration: called with the iteration and its mean log likelihood.

  Returns:
    The fit.

  Raises:
    ValueError: if there are fewer examples than components, an activation is not finite, or chunks
      differ in width.
  """
  centre, scale, examples = _moments(chunks)
  if examples < components:
    raise ValueError(f"{examples} examples for {components} components; expected at least as many")
  floor = max(variance_floor * float(scale.mean()), np.finfo(np.float32).tiny * 1e8)
  mixture = _seed(chunks, components, key, centre, np.maximum(scale, floor), examples)
  history: list[float] = []
  converged = False
  for iteration in range(iterations):
    total = _pass(chunks, mixture, centre)
    history.append(float(total.log_prob) / examples)
    if on_iteration:
      on_iteration(iteration, history[-1])
    converged = len(history) > 1 and abs(history[-1] - history[-2]) < tolerance
    if converged:
      break
    mixture = _maximise(total, mixture, scale, floor, examples)
  fitted = Mixture(*(np.asarray(a, np.float32) for a in
                     (mixture.weight, mixture.mean + centre, mixture.variance)))
  return Fit(fitted, history, converged, examples, int((scale == 0).sum()))


def _moments(chunks: Chunks) -> tuple[np.ndarray, np.ndarray, int]:
  """Mean [D] and variance [D] over all examples, and their number; checks every value."""
  count, mean, square = 0, 0.0, 0.0
  width = None
  for chunk in chunks():
    if width is not None and chunk.shape[1] != width:
      raise ValueError(f"activations of width {chunk.shape[1]}; expected {width} as in the first chunk")
    width = chunk.shape[1]
    finite = np.isfinite(chunk).all(axis=1)
    if not finite.all():
      raise ValueError(f"activation of example {count + int(np.argmin(finite))} is not finite")
    chunk = chunk.astype(np.float64)
    # Chan's update: exact for constant units, where a difference of sums would leave rounding noise.
    n, delta = len(chunk), chunk.mean(0) - mean
    square = square + ((chunk - chunk.mean(0)) ** 2).sum(0) + delta**2 * count * n / max(count + n, 1)
    mean = mean + delta * n / max(count + n, 1)
    count += n
  if count == 0:
    raise ValueError("no activations to fit a mixture to; expected at least one example")
  return mean.astype(np.float32), (square / count).astype(np.float32), count


def _seed(chunks: Chunks, components: int, key: jax.Array, centre: np.ndarray, scale: np.ndarray,
          examples: int) -> Mixture:
  """k-means++ on a sample: means far apart in units of the standard deviation, equal weights."""
  rng = np.random.default_rng(np.asarray(jax.random.key_data(key)).astype(np.uint32))
  wanted = min(examples, max(50 * components, 2_000))
  chosen = np.sort(rng.choice(examples, wanted, replace=False))
  sample, start = [], 0
  for chunk in chunks():
    here = chosen[(chosen >= start) & (chosen < start + len(chunk))] - start
    sample.append(chunk[here])
    start += len(chunk)
  sample = np.concatenate(sample).astype(np.float32) - centre
  scaled = sample / np.sqrt(scale)
  means = [int(rng.integers(len(sample)))]
  distance = ((scaled - scaled[means[0]]) ** 2).sum(1)
  while len(means) < components:
    total = distance.sum()
    share = distance / total if total > 0 else np.full(len(sample), 1.0 / len(sample))
    means.append(int(rng.choice(len(sample), p=share)))
    distance = np.minimum(distance, ((scaled - scaled[means[-1]]) ** 2).sum(1))
  weight = np.full(components, 1.0 / components, np.float32)
  return Mixture(weight, sample[means], np.tile(scale, (components, 1)))


def _pass(chunks: Chunks, mixture: Mixture, centre: np.ndarray) -> _Statistics:
  """Statistics over all chunks, summed in float64; the next chunk is dispatched before a sum is read."""
  total, waiting = None, None
  for chunk in chunks():
    current = _statistics(np.asarray(chunk, np.float32) - centre, mixture)
    total, waiting = _add(total, waiting), current
  return _add(total, waiting)


def _add(total: _Statistics | None, part: _Statistics | None) -> _Statistics | None:
  if part is None:
    return total
  part = _Statistics(*(np.asarray(a, np.float64) for a in part))
  return part if total is None else _Statistics(*(a + b for a, b in zip(total, part)))


def _maximise(total: _Statistics, mixture: Mixture, scale: np.ndarray, floor: float,
              examples: int) -> Mixture:
  """The mixture of greatest likelihood for given responsibilities; empty components start again."""
  count = np.maximum(total.count, _EMPTY)[:, None]
  mean = total.first / count
  variance = np.maximum(total.second / count - mean**2, floor)
  empty = total.count < _EMPTY
  if empty.any():  # beside the widest component, as wide as the data: EM separates the two
    widest = int(np.argmax(np.where(empty, -np.inf, np.log(variance).sum(1))))
    mean[empty] = mean[widest] + 0.1 * np.sqrt(variance[widest])
    variance[empty] = np.maximum(scale, floor)
  weight = np.maximum(total.count, 1.0) / np.maximum(total.count, 1.0).sum()
  return Mixture(*(a.astype(np.float32) for a in (weight, mean, variance)))


def describe(result: Fit, started: float) -> str:
  """One line on a fit; `started` is the `time.monotonic()` at which it began."""
  k, d = result.mixture.mean.shape
  return (f"K={k} D={d} N={result.examples}: {result.history[-1]:.2f} nats per example after "
          f"{len(result.history)} iterations{'' if result.converged else ' (not converged)'}, "
          f"{result.dead_units} dead units, {time.monotonic() - started:.1f} s")
