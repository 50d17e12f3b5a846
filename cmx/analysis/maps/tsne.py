"""Maps: features of all modalities in one plane by t-SNE, and two numbers that need no eye.

A map shows what lies near what, and nothing else: distances between groups, their sizes and the
directions of the plane mean nothing. So the numbers are counted among the features themselves.
"""

import contextlib
import warnings
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
from sklearn import decomposition
from sklearn import manifold
from sklearn import neighbors
import threadpoolctl

from cmx.evaluation import ranking
from cmx.evaluation import readouts
from cmx.evaluation import retrieval

_NEAREST = 10  # neighbours that are counted
_WIDTH = 50  # principal components that t-SNE is given, as van der Maaten and Hinton do


class Sample(NamedTuple):
  """Some examples of every modality, in random order: what is drawn or ties last hides nothing.

  Attributes:
    names: of the M modalities.
    modality: place in `names` of each point, int [N].
    row: row of its features, int [N].
    label: int [N].
  """

  names: tuple[str, ...]
  modality: np.ndarray
  row: np.ndarray
  label: np.ndarray


class Mixing(NamedTuple):
  """What stands next to a point, fractions of its nearest neighbours, means over points.

  Attributes:
    nearest: neighbours that were counted.
    other: share from another modality.
    other_mixed: the same if modalities were perfectly mixed, from their counts alone.
    same: share of the same category.
    same_chance: the same if categories were perfectly mixed.
    points: that were counted, and counted among.
  """

  nearest: int
  other: float
  other_mixed: float
  same: float
  same_chance: float
  points: int


class Map(NamedTuple):
  """A sample in the plane: `place` [N, 2] in [0, 1], and what stands next to what.

  The second is counted among all examples, not the sample: with fewer points the tenth neighbour is
  farther away, and the shares would say how many are drawn.
  """

  sample: Sample
  place: np.ndarray
  mixing: Mixing


def draw_sample(labels: Mapping[str, np.ndarray], count: int, seed: int) -> Sample:
  """A random sample with equally many of every modality, and within it of every category.

  A modality with fewer examples than its part gives all it has; so does a category.

  Args:
    labels: {modality: int [N]}.
    count: points of all modalities together.
    seed: of the draw; a modality's draw does not depend on the others.

  Raises:
    ValueError: if there is no modality or fewer than one point for each.
  """
  if not labels or count < len(labels):
    raise ValueError(f"{count} points of {len(labels)} modalities; expected one of each at least")
  rows = []
  for part in labels.values():
    order = np.random.default_rng(seed).permutation(len(part))
    turn = np.zeros(len(part), np.int64)  # how many of its category come before it
    for members in ranking.members(np.asarray(part)[order]).values():
      turn[members] = np.arange(len(members))
    rows.append(order[np.argsort(turn, kind="stable")][:count // len(labels)])
  modality = np.repeat(np.arange(len(rows)), [len(part) for part in rows])
  label = np.concatenate([np.asarray(part)[row] for part, row in zip(labels.values(), rows)])
  mixed = np.random.default_rng(seed).permutation(len(modality))
  return Sample(tuple(labels), modality[mixed], np.concatenate(rows)[mixed], label[mixed])


def make(features: Mapping[str, retrieval.Activations], layer: str, sample: Sample, *,
         perplexity: float = 30.0, seed: int = 0) -> Map:
  """The map of a sample, by the cosine of a layer's features.

  Args:
    features: {modality: {layer: [N, D]}}.
    layer: one that all modalities of the sample have, of one width.
    sample: of `draw_sample`.
    perplexity: neighbours that t-SNE keeps together, about.
    seed: of t-SNE.

  Raises:
    ValueError: if the layer is missing, widths differ, a feature is not finite, or there are not
      more points than the perplexity.
  """
  place = embed(vectors(features, layer, sample), perplexity, seed)
  every = everything({name: features[name]["label"] for name in sample.names})
  return Map(sample, place, mixing(vectors(features, layer, every), every.modality, every.label))


def everything(labels: Mapping[str, np.ndarray]) -> Sample:
  """All examples, {modality: int [N]}, as a sample in their own order."""
  counts = [len(part) for part in labels.values()]
  return Sample(tuple(labels), np.repeat(np.arange(len(counts)), counts),
                np.concatenate([np.arange(count) for count in counts]),
                np.concatenate([np.asarray(part) for part in labels.values()]))


def vectors(features: Mapping[str, retrieval.Activations], layer: str,
            sample: Sample) -> np.ndarray:
  """The sample's features at length 1, float32 [N, D]; errors as of `make`."""
  parts = {}
  for i, name in enumerate(sample.names):
    if layer not in features[name]:
      raise ValueError(f"{name} has no layer {layer!r}; expected one of "
                       f"{', '.join(key for key in features[name] if key != 'label')}")
    rows = sample.row[sample.modality == i]
    parts[name] = np.asarray(features[name][layer][rows], np.float32)
  widths = {name: part.shape[1] for name, part in parts.items()}
  if len(set(widths.values())) > 1:
    raise ValueError(f"{layer} has width " + ", ".join(f"{w} in {n}" for n, w in widths.items())
                     + "; expected one width: choose a layer that all modalities share in size")
  x = np.empty((len(sample.row), next(iter(widths.values()))), np.float32)
  for i, (name, part) in enumerate(parts.items()):
    if not np.isfinite(part).all():
      raise ValueError(f"{layer} of {name} is not finite; expected numbers without NaN "
                       "and infinity")
    x[sample.modality == i] = readouts.unit(part)
  return x


def embed(x: np.ndarray, perplexity: float, seed: int) -> np.ndarray:
  """Points [N, D] in the plane by t-SNE, turned to fill the unit square, float32 [N, 2].

  One thread: the same seed gives the same map on any number of cores, and several processes can
  each draw one without waiting for each other.

  Raises:
    ValueError: unless 1 <= perplexity < N, or if points are not finite, or all are equal.
  """
  if not 1 <= perplexity < len(x):
    raise ValueError(f"perplexity {perplexity:g} of {len(x)} points; expected 1 or more, and more "
                     "points than that: ask for a smaller perplexity or more points")
  if not np.isfinite(x).all():
    raise ValueError(f"the {len(x)} features are not finite; expected numbers without NaN and "
                     "infinity")
  x = x - x[:1].astype(np.float64)  # the sums of squares below neither overflow nor vanish
  spread = np.abs(x).max()
  if not 0 < spread < np.inf:
    raise ValueError(f"all {len(x)} features are equal, or farther apart than numbers reach; "
                     "expected features that differ: the layer is dead, or has diverged")
  x = (x / 2.0 ** np.floor(np.log2(spread))).astype(np.float32)  # a power of two rounds nothing
  x = np.pad(x, ((0, 0), (0, max(0, 2 - x.shape[1]))))  # a plane needs two
  with _one_thread():
    x = decomposition.PCA(min(_WIDTH, *x.shape), svd_solver="full").fit_transform(x)
    tsne = manifold.TSNE(perplexity=perplexity, init="pca", random_state=seed)
    place = tsne.fit_transform(x)
  return _squared(place.astype(np.float64)).astype(np.float32)


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
  with threadpoolctl.threadpool_limits(1), warnings.catch_warnings():
    # scikit-learn counts cores all the same, and warns where a container hides them
    warnings.filterwarnings("ignore", "Could not find the number of physical cores")
    yield


def _squared(place: np.ndarray) -> np.ndarray:
  """Places [N, 2] turned and scaled so that they fill [0, 1] both ways as well as can be."""
  angles = np.deg2rad(np.arange(0, 90, 3))
  turns = np.array([[[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]] for a in angles])
  sides = np.ptp(place @ turns, axis=1).max(axis=1)
  place = place @ turns[sides.argmin()]
  centre = (place.min(axis=0) + place.max(axis=0)) / 2
  return (place - centre) / sides.min() + 0.5


def mixing(x: np.ndarray, modality: np.ndarray, label: np.ndarray,
           nearest: int = _NEAREST) -> Mixing:
  """What stands next to each point among `nearest` neighbours, itself left out.

  Args:
    x: points [N, D], N >= 2; of length 1, so that the nearest by distance are those by cosine.
    modality: int [N].
    label: int [N].
    nearest: neighbours counted; all others where there are fewer.
  """
  count = len(x)
  nearest = min(nearest, count - 1)
  with _one_thread():
    index = neighbors.NearestNeighbors(n_neighbors=nearest, algorithm="brute").fit(x)
    neighbours = index.kneighbors(return_distance=False)
  same = label[neighbours] == label[:, None]
  other = modality[neighbours] != modality[:, None]
  fellows = np.unique(modality, return_counts=True)[1]
  alike = np.unique(label, return_counts=True)[1]
  pairs = count * (count - 1)
  return Mixing(nearest, float(other.mean()), 1 - float(np.sum(fellows * (fellows - 1)) / pairs),
                float(same.mean()), float(np.sum(alike * (alike - 1)) / pairs), count)
