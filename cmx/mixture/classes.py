"""Components and classes: which components a class owns, and mixtures fitted class by class."""

from collections.abc import Callable

import jax
import numpy as np

from cmx.mixture import em
from cmx.mixture import gmm
from cmx.mixture import passes
from cmx.mixture import seeding

_BLOCK = 1_024  # examples at a time


def shares(chunks: passes.Chunks, labels: np.ndarray, mixture: gmm.Mixture,
           classes: int) -> np.ndarray:
  """How much of each class falls on each component: mean responsibilities of its examples.

  Args:
    chunks: a pass over the activations, arrays [n, D].
    labels: of the examples, in the same order, int [N].
    mixture: with K components.
    classes: C.

  Returns:
    float32 [C, K], rows sum to 1, or to 0 for a class without examples.

  Raises:
    ValueError: if the pass gives another number of examples.
  """
  total, done = np.zeros((classes, len(mixture.weight))), 0
  for block in passes.blocks(chunks, _BLOCK):
    responsibility = np.asarray(_responsibilities(block, mixture), np.float64)
    here = labels[done:done + len(block)]
    # `total[here] +=` would add one example of a class, and a block has several.
    np.add.at(total, here, responsibility[:len(here)])
    done += len(block)
  if done != len(labels):
    raise ValueError(f"a pass gave {done} examples; expected {len(labels)}, one for each label")
  count = np.bincount(labels, minlength=classes)
  return (total / np.maximum(count, 1)[:, None]).astype(np.float32)


@jax.jit
def _responsibilities(x: jax.Array, mixture: gmm.Mixture) -> jax.Array:
  return jax.nn.softmax(gmm.log_joint(x, mixture), axis=-1)


def owned(share: np.ndarray, weight: np.ndarray, least: float) -> tuple[np.ndarray, np.ndarray]:
  """P(component | class) of the components that a class owns, exactly 0 for all others.

  A class owns the components that hold at least `least` of it; where none does, the one that holds
  most. A class without examples may use all, with the mixture's own weights.

  Args:
    share: see `shares` [C, K].
    weight: of the mixture [K].
    least: from 0 to 1; 1 leaves each class the one that holds most of it.

  Returns:
    float32 [C, K], rows sum to 1; and the labels of the classes without examples [n].
  """
  nearest = np.arange(share.shape[1]) == share.argmax(1)[:, None]
  # Where all of a class's shares are below the least, its largest counts alone, or none would.
  own = np.where((share >= least) | nearest & (share < least).all(1)[:, None], share, 0.0)
  without = np.flatnonzero(share.sum(1) == 0)
  own[without] = weight
  own = own.astype(np.float64)
  return (own / own.sum(1, keepdims=True)).astype(np.float32), without


def fit(x: np.ndarray, labels: np.ndarray, components: int, key: jax.Array,
        options: em.Options = em.Options(), *,
        name: Callable[[int], str] = str) -> tuple[em.Fit, np.ndarray]:
  """A mixture fitted class by class: each component belongs to one class, one variance for all.

  With one component a class: the means of the classes, and the variance within them. With more, a
  class's own are fitted by `em.fit`, as many as it has examples at most.

  Args:
    x: activations [N, D].
    labels: int [N].
    components: of a class.
    key: random key; a class's own is folded from it, so that others do not matter.
    options: as for `em.fit`; the covariance is tied, whatever they say.
    name: as for `em.fit`.

  Returns:
    The fit, components in the order of their classes, none for classes without examples; and how
    much of each class falls on each component [C, K], C - 1 being the largest label.

  Raises:
    ValueError: as `em.fit`.
  """
  survey = seeding.survey(passes.of_array(x), 1, key, name)
  means, counts, owners, within = [], [], [], np.zeros(x.shape[1])
  for label in np.unique(labels):
    members = np.asarray(x[labels == label], np.float32)
    own = _of_class(members, components, jax.random.fold_in(key, int(label)), options)
    means.append(own.mean)
    counts.append(own.weight * len(members))
    owners += [label] * len(own.weight)
    # The floor is for the pooled variance: a class of one example has none of its own.
    within += own.variance[0] * len(members)
  counts = np.concatenate(counts)
  floor = max(options.variance_floor * survey.typical, em.SMALLEST_VARIANCE)
  mixture = gmm.Mixture(*(a.astype(np.float32) for a in (
    counts / counts.sum(), np.concatenate(means), np.maximum(within / len(x), floor)[None])))
  likelihood = em.mean_log_prob(passes.of_array(x), min(_BLOCK, len(x)), mixture)
  share = np.where(np.arange(labels.max() + 1)[:, None] == owners, counts, 0.0)
  share = share / np.where(share.any(1), share.sum(1), 1.0)[:, None]
  return em.Fit(mixture, [likelihood], [], True, 0, len(x),
                np.flatnonzero(survey.variance == 0)), share.astype(np.float32)


def _of_class(x: np.ndarray, components: int, key: jax.Array, options: em.Options) -> gmm.Mixture:
  """A tied mixture of one class's activations; of one component where EM has nothing to find."""
  count = min(components, len(x))
  if count > 1 and np.ptp(x, axis=0).any():
    return em.fit(passes.of_array(x), count, key,
                  options._replace(covariance=em.TIED, variance_floor=0.0)).mixture
  return gmm.Mixture(np.ones(1), x.mean(0, dtype=np.float64)[None],
                     x.var(0, dtype=np.float64)[None])
