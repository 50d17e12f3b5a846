"""Read-outs: how activations of two modalities are compared, as data.

A read-out turns an activation into a vector, one example at a time, so that the inner product of
two vectors ranks a gallery. What it has to know, its statistics, comes from training examples
alone and is kept by `cmx.evaluation.fitted`. To add one, add its entry to `READOUTS`, and to
`_PIECES` what it needs and nobody fits yet.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from sklearn import covariance

BANK = 2_000  # training examples of a modality that CSLS and the query bank look at, at most
NEAREST = 10  # k of CSLS
SHARPNESS = 20.0  # of the query bank's softmax, as Bogolin et al. have it
RIDGE = 0.1  # penalty of the map, share of the class means' mean squared length
WIDEST = 4_096  # layers above have no covariance fitted: it would be the larger part of a run
_ENTRIES = 1 << 23  # of vectors worked on at once

Statistics = Mapping[str, np.ndarray]  # {"piece/modality": array}, of one layer
Pair = tuple[np.ndarray, np.ndarray]


class Readout(NamedTuple):
  """One way of comparing.

  Attributes:
    definition: in a sentence.
    apply: (statistics, modality, x [N, D]) -> vectors [N, E], each of its own row alone.
    pieces: entries of `_PIECES` that it needs of every modality.
    score: (statistics, query modality, [Q, E], gallery modality, [G, E]) -> two arrays whose inner
      products are the scores; what depends on one item alone is one more column.
    layer: that it reads, wherever the table's layer is; "" for the table's.
    widths: whether it bears modalities of different widths.
    of_classifier: whether it cannot rank classes that training never showed.
  """

  definition: str
  apply: Callable[[Statistics, str, np.ndarray], np.ndarray]
  pieces: Sequence[str] = ()
  score: Callable[[Statistics, str, np.ndarray, str, np.ndarray], Pair] = (
    lambda statistics, query, ours, gallery, theirs: (ours, theirs))
  layer: str = ""
  widths: bool = False
  of_classifier: bool = False


def unit(x: np.ndarray) -> np.ndarray:
  """Rows of x [N, D] at length 1, float32; a row of zeros stays zero, similar to nothing."""
  x = np.asarray(x, np.float32)
  scale = np.abs(x).max(axis=1, keepdims=True)  # first, so that no square over- or underflows
  x = x / np.where(scale > 0, scale, 1)
  length = np.sqrt(np.einsum("nd,nd->n", x, x))[:, None]
  return x / np.where(length > 0, length, 1)


def _centred(statistics, modality, x):
  return unit(x - statistics[f"mean/{modality}"])


def _whitened(statistics, modality, x):
  return unit((x - statistics[f"mean/{modality}"]) @ statistics[f"whitening/{modality}"])


def _mapped(piece):
  def apply(statistics, modality, x):
    return unit((x - statistics[f"centre/{modality}"]) @ statistics[f"{piece}/{modality}"])
  return apply


def _posterior(statistics, modality, x):
  powers = np.exp(x - x.max(axis=1, keepdims=True))
  return unit(powers / powers.sum(axis=1, keepdims=True))


def _csls(statistics, query, ours, gallery, theirs):
  """2 cos(a, b) - r(a) - r(b), r the mean cosine to the k nearest training examples opposite."""
  one = np.ones((len(ours), 1), np.float32), np.ones((len(theirs), 1), np.float32)
  return (np.hstack([2 * ours, -_nearness(ours, statistics[f"bank/{gallery}"]), one[0]]),
          np.hstack([theirs, one[1], -_nearness(theirs, statistics[f"bank/{query}"])]))


def _query_bank(statistics, query, ours, gallery, theirs):
  """cos(a, b) - log sum_q exp(s cos(q, b)) / s over training queries q, s = `SHARPNESS`.

  The logarithm, over s, of softmax over the bank of queries: it ranks as that does.
  """
  del gallery
  def taken(similarity):  # by the bank; the cosine is at most 1: nothing overflows
    return np.log(np.exp(SHARPNESS * similarity).sum(axis=1)) / SHARPNESS
  column = -_of_bank(theirs, statistics[f"bank/{query}"], taken)
  return np.hstack([ours, np.ones((len(ours), 1), np.float32)]), np.hstack([theirs, column])


def _nearness(x: np.ndarray, bank: np.ndarray) -> np.ndarray:
  k = min(NEAREST, len(bank))
  return _of_bank(x, bank, lambda similarity: np.partition(similarity, -k)[:, -k:].mean(axis=1))


def _of_bank(x: np.ndarray, bank: np.ndarray, reduce: Callable) -> np.ndarray:
  """What `reduce` makes of each row's similarities to the bank [B, E], a column [N, 1]."""
  step = max(1, _ENTRIES // len(bank))
  return np.concatenate([reduce(x[i:i + step] @ bank.T)
                         for i in range(0, len(x), step)]).astype(np.float32)[:, None]


_UNIT = lambda statistics, modality, x: unit(x)  # noqa: E731
READOUTS: dict[str, Readout] = {
  "cosine": Readout("cosine of the activations", _UNIT),
  "centred": Readout("cosine after the modality's training mean is subtracted", _centred,
                     ("mean",)),
  "whitened": Readout(
    "cosine after each modality is whitened, x -> S^(-1/2) (x - mean), with its training "
    "covariance S shrunk as Ledoit and Wolf do", _whitened, ("mean", "whitening")),
  "posterior": Readout("cosine of the classifier's probabilities, softmax of fc8", _posterior,
                       layer="fc8", widths=True, of_classifier=True),
  "ridge": Readout(
    "cosine after a linear map of each modality, by ridge regression, from its training class "
    "means to one code a class", _mapped("ridge"), ("centre", "ridge"), widths=True),
  "procrustes": Readout(
    "cosine after an orthogonal map of each modality, by Procrustes, from its training class means "
    "to one code a class", _mapped("procrustes"), ("centre", "procrustes"), widths=True),
  "csls": Readout(
    "2 cos - r(a) - r(b), r the mean cosine to the 10 nearest training examples of the other "
    "modality", _UNIT, ("bank",), _csls),
  "query_bank": Readout(
    "cosine less what a bank of training queries has of the item: log sum exp(20 cos) / 20", _UNIT,
    ("bank",), _query_bank)}


def _mean(x, labels, classes):
  return x.mean(axis=0, dtype=np.float64)


def _whitening(x, labels, classes):
  found, _ = covariance.ledoit_wolf(np.asarray(x, np.float64))
  values, vectors = np.linalg.eigh(found)
  if values[-1] <= 0:  # all activations are one
    return np.eye(len(values))
  floor = values[-1] * np.finfo(np.float32).eps  # shrunk values are above it; roundings may not be
  return (vectors / np.sqrt(np.maximum(values, floor))) @ vectors.T


def _class_means(x, labels, classes):
  """Classes that are there [c], and the means of their examples [c, D]."""
  there = np.flatnonzero(np.bincount(labels, minlength=classes))
  return there, np.stack([x[labels == label].mean(axis=0, dtype=np.float64) for label in there])


def _centre(x, labels, classes):
  return _class_means(x, labels, classes)[1].mean(axis=0)


def _targets(x, labels, classes):
  """Class means about their own mean [c, D], and their codes [c, C]: corners of a simplex."""
  there, means = _class_means(x, labels, classes)
  return means - means.mean(axis=0), (np.eye(classes) - 1 / classes)[there]


def _ridge(x, labels, classes):
  """W [D, C] of least |M W - T|^2 + penalty |W|^2: M' (M M' + penalty)^-1 T, M class means."""
  means, codes = _targets(x, labels, classes)
  products = means @ means.T
  penalty = max(RIDGE * np.trace(products) / len(means), np.finfo(np.float64).tiny)
  return means.T @ np.linalg.solve(products + penalty * np.eye(len(means)), codes)


def _procrustes(x, labels, classes):
  """W [D, C] of least |M W - T|^2 among maps that keep lengths where the class means lie."""
  means, codes = _targets(x, labels, classes)
  left, values, right = np.linalg.svd(means.T @ codes, full_matrices=False)
  there = values > values[0] * 1e-6  # c classes span c - 1 directions
  return left[:, there] @ right[there]


def _bank(x, labels, classes):
  chosen = np.random.default_rng(0).permutation(len(x))[:BANK]
  return unit(x[np.sort(chosen)])


# Piece -> what is fitted of one modality: (x [N, D], labels [N], number of classes) -> array.
_PIECES: dict[str, Callable[[np.ndarray, np.ndarray, int], np.ndarray]] = {
  "mean": _mean, "whitening": _whitening, "centre": _centre, "ridge": _ridge,
  "procrustes": _procrustes, "bank": _bank}


def named(name: str) -> Readout:
  """The read-out of that name. Raises ValueError if there is none."""
  if name not in READOUTS:
    raise ValueError(f"read-out {name!r}; expected one of {', '.join(READOUTS)}")
  return READOUTS[name]


def fit(training: Mapping[str, Mapping[str, np.ndarray]], layer: str) -> dict[str, np.ndarray]:
  """Statistics of a layer that the read-outs need, by piece and modality.

  Args:
    training: {modality: {layer: [N, D], "label": [N]}} of training examples.
    layer: whose activations are compared.

  Returns:
    {"piece/modality": float32 array}; no covariance of layers wider than `WIDEST`.

  Raises:
    ValueError: if a modality has fewer than two examples or classes.
  """
  labels = {name: np.asarray(part["label"]) for name, part in training.items()}
  for name, part in labels.items():
    if len(np.unique(part)) < 2:
      raise ValueError(f"{name} has {len(part)} training examples of {len(np.unique(part))} "
                       "class(es); expected 2 classes or more: read-outs fit their statistics on "
                       "them")
  classes, fits = 1 + max(int(part.max()) for part in labels.values()), {}
  for name, part in training.items():
    x = np.asarray(part[layer], np.float32)
    for piece, function in _PIECES.items():
      if piece != "whitening" or x.shape[1] <= WIDEST:
        fits[f"{piece}/{name}"] = function(x, labels[name], classes).astype(np.float32)
  return fits


def obstacle(name: str, features: Mapping[str, Mapping[str, np.ndarray]], layer: str,
             statistics: Statistics) -> str:
  """Why a read-out cannot be had of features {modality: {layer: [N, D]}}, in words; "" if it can.
  """
  readout = named(name)
  layer = readout.layer or layer
  widths = {key: part[layer].shape[1] for key, part in features.items() if layer in part}
  if len(widths) < len(features):
    return f"it reads layer {layer}, which is not there"
  if len(set(widths.values())) > 1 and not readout.widths:
    return "widths differ: " + ", ".join(f"{key} {width}" for key, width in widths.items())
  lacking = [(piece, key) for piece in readout.pieces for key in features
             if f"{piece}/{key}" not in statistics]
  if not lacking:
    return ""
  wide = lacking[0][0] == "whitening" and widths[lacking[0][1]] > WIDEST
  return (f"no covariance is fitted above width {WIDEST:,}" if wide else
          "it needs training examples of every modality")


def apply(name: str, statistics: Statistics, modality: str, x: np.ndarray) -> np.ndarray:
  """Vectors of a read-out, float32 [N, E], each from its own row of activations x [N, D] alone.

  Args:
    name: of the read-out.
    statistics: of `fit` for this layer; {} for those that need none.
    modality: of the examples.
    x: activations [N, D]; may be a memory map.

  Raises:
    ValueError: if the statistics lack something, or are of another width.
  """
  readout = named(name)
  for piece in readout.pieces:
    found = statistics.get(f"{piece}/{modality}")
    if found is None:
      raise ValueError(f"read-out {name!r} needs statistics of training examples of {modality!r}, "
                       "which are not there")
    width = found.shape[-1 if piece in ("mean", "centre", "bank") else 0]
    if width != x.shape[1]:
      raise ValueError(f"read-out {name!r}: activations of {modality} have width {x.shape[1]}, its "
                       f"statistics {width}; expected those of one layer")
  step = max(1, _ENTRIES // x.shape[1])
  first = readout.apply(statistics, modality, np.asarray(x[:step], np.float32))
  vectors = np.empty((len(x), first.shape[1]), np.float32)
  vectors[:step] = first
  for i in range(step, len(x), step):
    vectors[i:i + step] = readout.apply(statistics, modality, np.asarray(x[i:i + step], np.float32))
  return vectors
