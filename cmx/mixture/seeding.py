"""The start of a fit: one pass that checks, counts and samples the examples, and k-means++."""

from collections.abc import Callable
from typing import NamedTuple

from absl import logging
import jax
import numpy as np

from cmx.mixture import passes

_SAMPLE, _SAMPLE_LEAST = 10, 2_000  # examples a component to choose starts from, and in all
_TRIMMED, _TAIL = 100, 0.1  # one of so many is left out; below this share the rest counts alone
_BLOCK = 1_024  # examples at a time


class Survey(NamedTuple):
  """What one pass tells.

  Attributes:
    examples: N.
    mean: [D].
    variance: [D]; exactly 0 for a unit that never changes.
    sample: some of the examples, at random [S, D].
    typical: the mean variance over units; of the examples but the hundredth that is furthest out,
      where that alone makes up nine tenths of it.
  """

  examples: int
  mean: np.ndarray
  variance: np.ndarray
  sample: np.ndarray
  typical: float


def generator(key: jax.Array, *numbers: int) -> np.random.Generator:
  """numpy's random numbers of a key, and of numbers that say what they are for."""
  return np.random.default_rng([*np.asarray(jax.random.key_data(key)).tolist(), *numbers])


def survey(chunks: passes.Chunks, components: int, key: jax.Array,
           name: Callable[[int], str] = str) -> Survey:
  """Passes over the examples once.

  Args:
    chunks: arrays [n, D].
    components: K, for which the sample is to be large enough.
    key: random key of the sample.
    name: what an example is called in errors, by its index.

  Raises:
    ValueError: if there are fewer examples than components, they differ in width, one is not
      finite, or all units are constant.
  """
  wanted = max(_SAMPLE * components, _SAMPLE_LEAST)
  rng = generator(key)
  count, mean, square = 0, 0.0, 0.0
  sample, priority, furthest = None, np.zeros(0), (-1.0, 0)
  for block in passes.blocks(_checked(chunks, name), _BLOCK):
    # Chan's update: exact for constant units, where a difference of sums leaves rounding noise.
    n, here = len(block), block.mean(0, dtype=np.float64)
    delta, apart = here - mean, block - here.astype(np.float32)  # 0 where a unit is constant
    within = np.einsum("nd,nd->d", apart, apart)
    out = np.einsum("nd,nd->n", apart, apart)
    furthest = max(furthest, (float(out.max()), count + int(out.argmax())))
    square = square + within + delta**2 * (count * n / (count + n))
    mean = mean + delta * (n / (count + n))
    count += n
    # The sample is whatever drew the smallest numbers: one pass is enough to give all one chance.
    drawn = rng.random(n)
    kept = drawn < (np.inf if len(priority) < wanted else priority.max())
    priority = np.concatenate([priority, drawn[kept]])
    sample = block[kept] if sample is None else np.concatenate([sample, block[kept]])
    if len(priority) > wanted:
      smallest = np.sort(np.argpartition(priority, wanted)[:wanted])
      sample, priority = sample[smallest], priority[smallest]
  if count < components or count == 0:
    raise ValueError(f"{count} examples for {components} components; expected at least as many")
  if not np.any(square):
    raise ValueError(f"all {len(mean)} units are constant over {count} examples; expected at least "
                     "one that varies")
  variance = (square / count).astype(np.float32)
  whole, typical = float(variance.mean()), _typical(sample)
  if not 0 < typical < _TAIL * whole:
    typical = whole
  else:
    logging.warning("activation of example %s lies %.1e from the others, which lie %.1e from their "
                    "mean: no variance is held up by it. Is the example damaged?",
                    name(furthest[1]), furthest[0] ** 0.5, (typical * len(variance)) ** 0.5)
  return Survey(count, mean.astype(np.float32), variance, sample, typical)


def _typical(sample: np.ndarray) -> float:
  """Mean variance over units of a sample [S, D] but the hundredth that is furthest out; or 0."""
  if len(sample) < _TRIMMED:
    return 0.0
  left_out = len(sample) // _TRIMMED
  with np.errstate(over="ignore"):  # infinitely far out is furthest
    out = ((sample - sample.mean(0)) ** 2).sum(1)
  kept = sample[np.argpartition(out, -left_out)[:-left_out]]
  return float(kept.var(0, dtype=np.float64).mean())


def _checked(chunks: passes.Chunks, name: Callable[[int], str]) -> passes.Chunks:
  """The same chunks in float32, known to be of one width and finite."""
  def checked():
    count, width = 0, None
    for chunk in chunks():
      if chunk.ndim != 2 or chunk.shape[1] != (width or chunk.shape[1]):
        raise ValueError(f"activations of shape {list(chunk.shape)}; expected [n, {width or 'D'}]")
      width = chunk.shape[1]
      with np.errstate(over="ignore"):
        chunk = np.asarray(chunk, np.float32)
      finite = np.isfinite(chunk).all(axis=1)
      if not finite.all():
        raise ValueError(f"activation of example {name(count + int(np.argmin(finite)))} is not "
                         "finite; expected finite float32 numbers")
      count += len(chunk)
      yield chunk
  return checked


def far_apart(surveyed: Survey, components: int, rng: np.random.Generator) -> np.ndarray:
  """Means [K, D] to start from: k-means++ on the sample, in units of the standard deviation.

  Source: Arthur & Vassilvitskii 2007, k-means++.
  """
  deviation = np.sqrt(surveyed.variance)
  scaled = (surveyed.sample - surveyed.mean) / np.where(deviation > 0, deviation, 1)
  square = (scaled * scaled).sum(1)
  chosen = [int(rng.integers(len(scaled)))]
  distance = np.full(len(scaled), np.inf, np.float32)
  while len(chosen) < components:
    last = scaled[chosen[-1]]
    # |a - b|^2 = |a|^2 - 2 ab + |b|^2 makes no array of differences; rounding may take it below 0.
    distance = np.minimum(distance, np.maximum(square - 2 * (scaled @ last) + last @ last, 0))
    distance[chosen[-1]] = 0  # exactly, or rounding could choose it again
    share = distance.astype(np.float64)
    share = share / share.sum() if share.any() else np.full(len(scaled), 1 / len(scaled))
    chosen.append(int(rng.choice(len(scaled), p=share)))
  return surveyed.sample[chosen]
