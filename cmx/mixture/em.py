"""Fitting of Gaussian mixtures by expectation-maximisation, in passes over the examples.

Memory is that of a block of examples, of a sample to start from and of the mixture, however many
examples there are; the fit has the same bits on any number of devices (see `cmx.mixture.passes`).
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from cmx.mixture import gmm
from cmx.mixture import passes
from cmx.mixture import seeding

DIAGONAL, TIED, FULL = "diagonal", "tied", "full"
COVARIANCES = (DIAGONAL, TIED, FULL)

SMALLEST_VARIANCE = np.finfo(np.float32).tiny * 1e8  # whose inverse float32 still has room for

_EMPTY = 1e-3  # examples: a component responsible for fewer is empty and is put somewhere else
_BLOCK = 2**18  # numbers in a block of examples
_PARTS = 8  # blocks at least, so that as many devices have work, of examples worth a dispatch
_SMALLEST = 256


class Fit(NamedTuple):
  """A fitted mixture and how the fit went.

  Attributes:
    mixture: whose mean log likelihood is the last of `history`.
    history: mean log likelihood before each iteration and after the last, nats per example.
    reseeded: number of empty components that each iteration has put somewhere else.
    converged: whether the gain fell below the tolerance.
    restart: which start led here, counted from 0.
    examples: N.
    dead_units: units [n] whose value never changes over the examples; their variance is the floor.
  """

  mixture: gmm.Mixture
  history: list[float]
  reseeded: list[int]
  converged: bool
  restart: int
  examples: int
  dead_units: np.ndarray


class Options(NamedTuple):
  """How a mixture is fitted.

  Attributes:
    covariance: "diagonal", "tied" (one diagonal for all components) or "full" (of a single
      Gaussian, for comparison: D^2 numbers in memory).
    restarts: number of starts.
    iterations: of a start at most.
    tolerance: gain of the mean log likelihood, nats per example, below which a start is over.
    variance_floor: share of the mean variance over units (see `seeding.Survey`) that no variance
      goes below; dead units would have none and an infinite density.
  """

  covariance: str = DIAGONAL
  restarts: int = 1
  iterations: int = 50
  tolerance: float = 1e-3
  variance_floor: float = 1e-3


class State(NamedTuple):
  """Where a fit stands after an iteration: all that it needs to go on.

  Attributes:
    current: the fit in progress; its mixture has not been evaluated yet.
    best: the best of the restarts that are over, or None.
  """

  current: Fit
  best: Fit | None


class _Statistics(NamedTuple):
  """Sums over examples, with activations z centred on the mean of all."""

  count: np.ndarray  # of responsibilities [K]
  first: np.ndarray  # of responsibility * z [K, D]
  second: np.ndarray  # of responsibility * z^2 [K, D]
  log_prob: np.ndarray  # of log p(x), by place in the block: float32 would round a whole sum
  examples: np.ndarray  # []


def fit(chunks: passes.Chunks, components: int, key: jax.Array, options: Options = Options(), *,
        state: State | None = None, on_iteration: Callable[[State], None] = lambda state: None,
        name: Callable[[int], str] = str) -> Fit:
  """Fits a mixture: k-means++ on a sample, then expectation-maximisation; the best of the restarts.

  Args:
    chunks: a call gives a pass over the activations, arrays float [n, D], the same in every pass.
    components: K.
    key: random key of the starts.
    options: how it is fitted.
    state: of an earlier call with the same arguments that was interrupted; goes on after it.
    on_iteration: called with the state after each iteration.
    name: what an example is called in errors, by its index.

  Returns:
    The fit.

  Raises:
    ValueError: if there are fewer examples than components, an activation is not finite, all units
      are constant, chunks differ in width, or a pass in its examples.
  """
  covariance, restarts, iterations, tolerance, variance_floor = options
  check(components, covariance, restarts)
  survey = seeding.survey(chunks, components, key, name)
  floor = max(variance_floor * survey.typical, SMALLEST_VARIANCE)
  size = _block_size(survey, components)
  if covariance == FULL:
    return _fit_full(chunks, size, survey, floor)
  best, first = (state.best, state.current.restart) if state else (None, 0)
  for restart in range(first, restarts):
    current = state.current if state and restart == first else _start(
      survey, components, floor, covariance, key, restart)
    while True:
      total = _expect(chunks, size, current, survey)
      current = _judged(current, float(total.log_prob.sum()) / survey.examples, tolerance)
      if current.converged or len(current.history) > iterations:
        break
      rng = seeding.generator(key, restart, len(current.history))
      mixture, empty = _maximise(total, survey, floor, covariance, rng)
      current = current._replace(mixture=mixture, reseeded=[*current.reseeded, empty])
      on_iteration(State(current, best))
    if best is None or current.history[-1] > best.history[-1]:
      best = current
  return best


def check(components: int, covariance: str, restarts: int) -> None:
  """Raises ValueError unless these arguments of `fit` go together."""
  if covariance not in COVARIANCES:
    raise ValueError(f"covariance {covariance!r}; expected one of {', '.join(COVARIANCES)}")
  if min(components, restarts) < 1:
    raise ValueError(f"{components} components, {restarts} restarts; expected 1 or more of each")
  if covariance == FULL and components > 1:
    raise ValueError(f"covariance 'full' with {components} components; expected 1: it is there to "
                     "compare a single Gaussian with")


def _fresh(mixture: gmm.Mixture, survey: seeding.Survey, restart: int) -> Fit:
  return Fit(mixture, [], [], False, restart, survey.examples,
             np.flatnonzero(survey.variance == 0))


def _block_size(survey: seeding.Survey, components: int) -> int:
  """Examples a block: enough that its work outweighs the [K, D] sums that come back."""
  most = max(_BLOCK // len(survey.mean), 10 * components)
  return min(survey.examples, most, max(-(-survey.examples // _PARTS), _SMALLEST))


def _start(survey: seeding.Survey, components: int, floor: float, covariance: str, key: jax.Array,
           restart: int) -> Fit:
  means = seeding.far_apart(survey, components, seeding.generator(key, restart))
  rows = 1 if covariance == TIED else components
  variance = np.tile(np.maximum(survey.variance, floor), (rows, 1))
  weight = np.full(components, 1 / components, np.float32)
  return _fresh(gmm.Mixture(weight, means, variance), survey, restart)


def _expect(chunks: passes.Chunks, size: int, current: Fit, survey: seeding.Survey) -> _Statistics:
  total = passes.over(_statistics, chunks, size, current.mixture, survey.mean)
  if not total.examples == survey.examples == current.examples:
    raise ValueError(f"a pass gave {int(total.examples)} examples; expected {current.examples} as "
                     "in the first")
  return total


def _statistics(x: jax.Array, valid: jax.Array, mixture: gmm.Mixture,
                centre: jax.Array) -> _Statistics:
  joint = gmm.log_joint_of_block(x, mixture, centre)  # one centre: z and z^2 are made once
  total = jax.nn.logsumexp(joint, axis=-1, keepdims=True)
  responsibility = jnp.exp(joint - total) * valid[:, None]
  z = x - centre
  return _Statistics(responsibility.sum(0),
                     jnp.matmul(responsibility.T, z, precision=gmm.EXACT),
                     jnp.matmul(responsibility.T, z * z, precision=gmm.EXACT),
                     total[:, 0] * valid, valid.sum())


def _judged(current: Fit, log_prob: float, tolerance: float) -> Fit:
  """The fit with its mixture's likelihood, and whether the last iteration gained too little."""
  if not math.isfinite(log_prob):
    raise ValueError(f"mean log likelihood {log_prob} after {len(current.history)} iterations; "
                     "expected a finite one: were activations not the same in every pass?")
  small = bool(current.history) and log_prob - current.history[-1] < tolerance
  settled = not current.reseeded or current.reseeded[-1] == 0
  return current._replace(history=[*current.history, log_prob], converged=small and settled)


def _maximise(total: _Statistics, survey: seeding.Survey, floor: float, covariance: str,
              rng: np.random.Generator) -> tuple[gmm.Mixture, int]:
  """The mixture of greatest likelihood for these responsibilities; how many were empty."""
  count = np.maximum(total.count, _EMPTY)
  mean = total.first / count[:, None]
  variance = total.second / count[:, None] - mean**2
  if covariance == TIED:
    variance = (total.count @ variance / total.count.sum())[None]
  variance = np.maximum(variance, floor)
  empty = np.flatnonzero(total.count < _EMPTY)
  # An empty component has nothing left to learn from. So it takes over half of a heavy one, from a
  # tenth of a deviation beside it in every unit: far enough for EM to separate the two, near enough
  # to lose no likelihood. The heaviest come first, and once more where more are empty than are not.
  heavy = np.resize(np.argsort(-total.count)[:len(count) - len(empty)], len(empty))
  for one, other in zip(empty, heavy):
    if covariance != TIED:
      variance[one] = variance[other]
    sign = rng.choice([-1.0, 1.0], mean.shape[1])
    mean[one] = mean[other] + 0.1 * sign * np.sqrt(variance[0 if covariance == TIED else other])
    count[one] = count[other] = count[other] / 2
  return gmm.Mixture(*(a.astype(np.float32) for a in (
    count / count.sum(), mean + survey.mean, variance))), len(empty)


def _fit_full(chunks: passes.Chunks, size: int, survey: seeding.Survey, floor: float) -> Fit:
  """The Gaussian of greatest likelihood, whose variances along its own axes have a floor."""
  covariance = passes.over(_outer, chunks, size, survey.mean) / survey.examples
  variance, basis = np.linalg.eigh(covariance)
  mixture = gmm.Mixture(np.ones(1, np.float32), survey.mean[None],
                        np.maximum(variance, floor).astype(np.float32)[None],
                        basis.astype(np.float32))
  return _fresh(mixture, survey, 0)._replace(
    history=[mean_log_prob(chunks, size, mixture)], converged=True)


def _outer(x: jax.Array, valid: jax.Array, centre: jax.Array) -> jax.Array:
  z = (x - centre) * valid[:, None]
  return jnp.matmul(z.T, z, precision=gmm.EXACT)


def mean_log_prob(chunks: passes.Chunks, size: int, mixture: gmm.Mixture) -> float:
  """Mean log likelihood of the examples, nats per example; `size` as in `passes.over`."""
  total, examples = passes.over(_log_prob, chunks, size, mixture)
  return float(total.sum() / examples)


def _log_prob(x: jax.Array, valid: jax.Array, mixture: gmm.Mixture) -> tuple[jax.Array, jax.Array]:
  return gmm.log_prob(x, mixture) * valid, valid.sum()
