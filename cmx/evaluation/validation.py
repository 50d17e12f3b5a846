"""Validation while training: loss and accuracy of a part of the validation split, for curves.

The passes are those that evaluation makes afterwards, so nothing more is compiled for them.
"""

from collections.abc import Callable

import numpy as np
from scipy import special

from cmx import config as config_lib
from cmx import data
from cmx.evaluation import features
from cmx.network import model
from cmx.runtime import devices
from cmx.training import checkpoint


def watcher(config: config_lib.Config, dataset: data.Dataset) -> Callable[[model.Params],
                                                                          dict[str, float]]:
  """A function of parameters that says how well the validation split is recognised with them.

  It reads one batch of evaluation of each modality, at random, when it is first called.

  Args:
    config: of the run.
    dataset: opened and encoded.

  Returns:
    params, on every device -> {"validation_loss/<modality>": mean cross entropy in nats,
    "validation_accuracy/<modality>": fraction}.
  """
  run = checkpoint.Run(config, dataset.classes, dataset.modalities, {}, 0)
  rows = dataset.modalities[:1] if run.method.reference else dataset.modalities
  batch = devices.rounded_up(config.evaluation.batch)
  known: dict[str, tuple] = {}

  def watch(params: model.Params) -> dict[str, float]:
    found = {}
    for row in rows:
      if row.name not in known:
        known[row.name] = (features.reader(run, row, features.wanted(config), batch),
                           *_part(dataset.splits[data.VALIDATION][row.name],
                                  config.evaluation.batch))
      read, x, labels = known[row.name]
      if len(labels):
        logits = read(params, x)["fc8"]
        found[f"validation_loss/{row.name}"] = cross_entropy(logits, labels)
        found[f"validation_accuracy/{row.name}"] = float((logits.argmax(axis=1) == labels).mean())
    return found

  return watch


def _part(source: data.Source, limit: int) -> tuple[np.ndarray, np.ndarray]:
  """Inputs [N, ...] and labels [N] of so many examples at most, drawn by lot."""
  chosen = features.order(len(source), limit)
  inputs = [source[int(i)]["input"] for i in chosen]
  return np.stack(inputs) if inputs else np.empty(0), np.asarray(source.labels)[chosen]


def cross_entropy(logits: np.ndarray, labels: np.ndarray) -> float:
  """Mean over examples of -log softmax(logits)[label], nats; logits [N, C], labels int [N]."""
  chosen = special.log_softmax(logits.astype(np.float64), axis=1)[np.arange(len(labels)), labels]
  return float(-chosen.mean())
