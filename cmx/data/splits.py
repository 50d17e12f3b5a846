"""Parts of a data set: held-out training examples to tune on, and classes that are never shown."""

from typing import Any

import numpy as np

from cmx import config as config_lib
from cmx import data


class Subset:
  """The examples of a source at `indices`, as a source."""

  def __init__(self, source: data.Source, indices: np.ndarray):
    self.labels = np.asarray(source.labels)[indices]
    self._source, self._indices = source, indices

  def __len__(self) -> int:
    return len(self._indices)

  def __getitem__(self, index: int) -> data.Example:
    return self._source[int(self._indices[index])]

  def varied(self, index: int, rng: np.random.Generator, share: float) -> data.Example:
    """The example with a share of its words left out, where the source is one of such."""
    return self._source.varied(int(self._indices[index]), rng, share)

  def record(self, index: int) -> Any:
    """The record of an example, where the source has such."""
    return self._source.record(int(self._indices[index]))


def hold_out(dataset: data.Dataset, share: float) -> data.Dataset:
  """Splits training examples in two and puts the held-out ones in place of validation.

  Every cell (modality, class) gives up the same share, at least one example where it has two; which
  ones is fixed, so that all runs are tuned on the same part and the validation set is never seen.

  Raises:
    ValueError: unless 0 < share < 1.
  """
  if not 0 < share < 1:
    raise ValueError(f"holdout {share}; expected a share between 0 and 1")
  left, held = {}, {}
  for name, source in dataset.splits[data.TRAIN].items():
    labels = np.asarray(source.labels)
    order = np.random.default_rng(0).permutation(len(labels))
    chosen = []
    for label in np.unique(labels):
      cell = order[labels[order] == label]
      chosen.append(cell[:min(max(1, round(share * len(cell))), len(cell) - 1)])
    chosen = np.sort(np.concatenate(chosen))
    left[name] = Subset(source, np.setdiff1d(np.arange(len(labels)), chosen))
    held[name] = Subset(source, chosen)
  return dataset._replace(splits={data.TRAIN: left, data.VALIDATION: held},
                          fingerprint=f"{dataset.fingerprint}-holdout{share:g}")


def unseen_classes(classes: int, count: int, seed: int) -> np.ndarray:
  """Labels, ascending [count], of the classes that a run of this seed never trains on.

  Raises:
    ValueError: unless 0 <= count <= classes - 2.
  """
  if not 0 <= count <= classes - 2:
    raise ValueError(f"unseen_classes {count} of {classes}; expected 0 to {classes - 2}")
  return np.sort(np.random.default_rng(seed).permutation(classes)[:count])


def without_classes(dataset: data.Dataset, labels: np.ndarray) -> data.Dataset:
  """The data set with no training example of these labels [count]; validation keeps all."""
  train = {name: Subset(source, np.flatnonzero(~np.isin(source.labels, labels)))
           for name, source in dataset.splits[data.TRAIN].items()}
  return dataset._replace(splits={**dataset.splits, data.TRAIN: train})


def visible(config: config_lib.Config, dataset: data.Dataset) -> data.Dataset:
  """What a run of this config sees of a data set: see `Data.holdout` and `Data.unseen_classes`.

  Unseen classes are no part of what is held out: what is tuned on that must not know them.
  """
  if config.data.unseen_classes:
    labels = unseen_classes(len(dataset.classes), config.data.unseen_classes, config.seed)
    dataset = without_classes(dataset, labels)
  if config.data.holdout:
    dataset = hold_out(dataset, config.data.holdout)
  return dataset
