"""Alignment of arrays in scikit-learn's manner: what the commands do with files, in memory."""

import hashlib
import numbers
import pathlib
import tempfile
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from PIL import Image
from sklearn import base
from sklearn.utils import validation

from cmx import config as config_lib
from cmx import data
from cmx import fields as fields_lib
from cmx import methods
from cmx.data.sets.folders import items
from cmx.data.sets.folders import judgement
from cmx.data.sets.folders import listing
from cmx.evaluation import embedding
from cmx.experiment import advice
from cmx.experiment import reproduce
from cmx.experiment import run as run_lib
from cmx.files import reading
from cmx.runtime import progress

_PAIRS = "{modality: (examples [N, ...], labels [N])}"
_SEEDS = 2**31 - 1  # of scikit-learn's generators


class Alignment(base.BaseEstimator):
  """One space for several kinds of input that share only labels, fitted to arrays.

  A reference network is trained on one modality, then a row of the table on all of them, as
  launch.train does it on files: the same arrays give the same network.

  Args:
    method: key of a row in `cmx.methods.METHODS`.
    reference: modality that the others start from; "" takes natural images, else the images, else
      the modality, with most examples.
    layer: whose activations `transform` gives.
    fields: what differs from `cmx.config.Config`, by dotted name: {"optimizer.steps": 200}. Where
      it does not say "mixture.components", they are as many as launch.check advises.
    random_state: seed of initialisation, batches and dropout; a whole number, a
      `numpy.random.RandomState`, or None for numpy's own.

  Attributes:
    classes_: labels in the network's order.
    modalities_: names, the reference first.
    run_: the trained run, see `cmx.experiment.run`.
  """

  def __init__(self, method: str = "c", *, reference: str = "", layer: str = "fc7",
               fields: Mapping[str, Any] | None = None, random_state: Any = 0):
    self.method = method
    self.reference = reference
    self.layer = layer
    self.fields = fields
    self.random_state = random_state

  def fit(self, X: Mapping[str, tuple[Any, Any]], y: None = None) -> "Alignment":
    """Trains on examples and their labels.

    Args:
      X: {modality: (examples, labels [N])}. Examples are vectors [N, E]; pictures, an array uint8
        [N, H, W, 3] or N paths or PIL images; or N texts. Labels are whole numbers or names; a
        class may be missing in some modalities.
      y: nothing; scikit-learn's pipelines give it.

    Raises:
      ValueError: if there are fewer than two modalities, labels do not fit the examples or are of
        no shared class, an example cannot be used, or the config cannot be trained.
    """
    progress.hush_libraries()
    del y  # labels stand beside their examples, which may be of any number in each modality
    config = self._config()
    given = _checked(X)
    dataset, self.classes_ = _dataset(given, config)
    if "mixture.components" not in (self.fields or {}):
      first = len(dataset.splits[data.TRAIN][dataset.modalities[0].name])
      config = fields_lib.replace(config, {"mixture.components": advice.components(
        min(first, config.mixture.examples))})
    with tempfile.TemporaryDirectory(prefix="cmx_fit_") as folder:
      workdir = pathlib.Path(folder)
      network = reproduce.train_row(config, dataset, workdir / "row", workdir / "reference")
    self.run_ = run_lib.TrainedRun(network)
    self.modalities_ = list(self.run_.modalities)
    return self

  def transform(self, X: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Examples in the space that all modalities share.

    Args:
      X: {modality: examples}, of those that were fitted.

    Returns:
      {modality: float32 [N, D]}.

    Raises:
      ValueError: if nothing is fitted, a modality was not, or an example is of another kind.
    """
    validation.check_is_fitted(self)
    if not isinstance(X, Mapping):
      raise ValueError(f"{type(X).__name__}; expected {{modality: examples}}")
    return {name: self.run_.encode(x, name, self.layer) for name, x in X.items()}

  def fit_transform(self, X: Mapping[str, tuple[Any, Any]], y: None = None) -> dict[str, Any]:
    """`transform` of the examples that are fitted: {modality: float32 [N, D]}."""
    return self.fit(X, y).transform({name: x for name, (x, _) in X.items()})

  def _config(self) -> config_lib.Config:
    methods.check_rows([self.method])
    if isinstance(self.random_state, numbers.Integral):
      seed = int(self.random_state)
    else:
      seed = int(validation.check_random_state(self.random_state).randint(_SEEDS))
    own = {"method": self.method, "seed": seed, "data.name": "folders",
           "data.folders.reference": self.reference, "evaluation.layer": self.layer}
    given = dict(self.fields or {})
    if twice := sorted(set(own) & set(given)):
      raise ValueError(f"fields has {twice[0]!r}; expected it as an argument of its own")
    config = fields_lib.replace(config_lib.Config(), {**given, **own})
    if config.augment.word_dropout:
      raise ValueError("fields has augment.word_dropout, which needs texts in files; expected 0: "
                       "augment.vector_dropout and vector_noise vary their vectors")
    return config


class _Part(NamedTuple):
  """One modality as given: its kind, its examples, and a name and a label for each."""

  kind: str
  x: Any
  names: list[str]
  labels: np.ndarray


def _checked(given: Any) -> dict[str, _Part]:
  """The modalities of `fit`'s argument.

  Raises:
    ValueError: as `fit`.
  """
  if not isinstance(given, Mapping):
    raise ValueError(f"{type(given).__name__}; expected {_PAIRS}")
  if len(given) < 2:
    raise ValueError(f"{len(given)} modalities ({', '.join(map(str, given)) or 'none'}); expected "
                     f"2 or more, as {_PAIRS}: one is aligned with another")
  parts = {}
  for name, pair in given.items():
    if why := items.why_no_modality(name) if isinstance(name, str) else "expected a name":
      raise ValueError(f"modality {name!r}; {why}")
    if not isinstance(pair, tuple) or len(pair) != 2:
      raise ValueError(f"modality {name!r} is {type(pair).__name__}; expected (examples, labels)")
    if (known := items.modality(name)) in parts:
      raise ValueError(f"modality {known!r} is there twice; expected each once")
    parts[known] = _part(name, *pair)
  for name, part in parts.items():
    theirs = {label for other, its in parts.items() if other != name for label in its.names}
    if not theirs & set(part.names):
      raise ValueError(f"modality {name!r} shares no class with the others: its labels are "
                       f"{_short(part.names)}; theirs {_short(theirs)}. Expected the same labels "
                       "for the same classes in all modalities")
  if len({label for part in parts.values() for label in part.names}) < 2:
    raise ValueError("1 class; expected 2 or more")
  return parts


def _part(name: str, x: Any, y: Any) -> _Part:
  if isinstance(x, (str, bytes)) or not hasattr(x, "__len__"):
    raise ValueError(f"examples of modality {name!r} are {type(x).__name__}; expected an array or "
                     "a list")
  labels = np.asarray(y)
  if labels.ndim != 1 or labels.dtype.kind not in "iuU" and not (
      labels.dtype.kind == "O" and all(isinstance(label, str) for label in labels)):
    raise ValueError(f"labels of modality {name!r} are {labels.dtype} {list(labels.shape)}; "
                     "expected whole numbers or names [N]")
  if len(labels) != len(x) or not len(x):
    raise ValueError(f"modality {name!r} has {len(x)} examples and {len(labels)} labels; expected "
                     "a label for each, and 1 or more")
  try:
    return _Part(_kind(x), x, [reading.class_name(str(label)) for label in labels], labels)
  except reading.Unusable as error:
    raise ValueError(f"labels of modality {name!r}: {error}") from error


def _kind(x: Any) -> str:
  """Kind of input that examples are, by the first of them."""
  first = x[0] if isinstance(x, (Sequence, np.ndarray)) else next(iter(np.asarray(x)))
  if isinstance(first, (Image.Image, pathlib.PurePath)) or np.ndim(first) == 3:
    return "pixels"
  return "text" if isinstance(first, str) else "vector"


def _short(names: Any) -> str:
  shown = sorted(set(names))
  return ", ".join(shown[:4]) + (", ..." if len(shown) > 4 else "")


def _dataset(parts: Mapping[str, _Part],
             config: config_lib.Config) -> tuple[data.Dataset, np.ndarray]:
  """The arrays as an opened and encoded data set, and the labels [C] in its order.

  Rows and classes stand in the order in which files of one's own would.
  """
  found = listing.Listing(
    [items.Item(name, data.TRAIN, label, part.kind, f"{name}/{i}", None)
     for name, part in parts.items() for i, label in enumerate(part.names)], [], [], [], [])
  classes = judgement.classes(found)
  numbered = {label: number for number, label in enumerate(classes)}
  sources, rows, total = {}, [], hashlib.sha256()
  for row in judgement.rows(found, config.data.folders.reference):
    part = parts[row.name]
    x = embedding.reader(config, row)(part.x)
    labels = np.array([numbered[label] for label in part.names], np.int32)
    for array in (x, labels):
      total.update(np.ascontiguousarray(array))
    sources[row.name] = data.Arrays(labels, x, [f"{row.name}/{i}" for i in range(len(x))])
    rows.append(row._replace(shape=x.shape[1:]))
  # Nothing is evaluated: the training examples stand where validation's are asked for.
  splits = {data.TRAIN: sources, data.VALIDATION: sources}
  given = {name: label for part in parts.values() for name, label in zip(part.names, part.labels)}
  return (data.Dataset("arrays", classes, tuple(rows), splits, total.hexdigest()[:16]),
          np.array([given[name] for name in classes]))
