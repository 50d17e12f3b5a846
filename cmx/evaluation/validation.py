"""Looks while training: at a part of the validation split, for curves, and at held-out examples.

The passes are those that evaluation makes afterwards, so nothing more is compiled for them.
"""

import itertools
from collections.abc import Callable

import numpy as np
from scipy import special

from cmx import config as config_lib
from cmx import data
from cmx.data import splits
from cmx.evaluation import features
from cmx.evaluation import readouts
from cmx.evaluation import retrieval
from cmx.network import model
from cmx.runtime import devices
from cmx.training import checkpoint

_SHARE = 0.1  # of each training cell that is held out to select by


def watcher(config: config_lib.Config, dataset: data.Dataset) -> Callable[[model.Params],
                                                                          dict[str, float]]:
  """A function of parameters that says how well the validation split is recognised with them.

  It reads one batch of evaluation of each modality, at random, when it is first called.

  Returns:
    params, on every device -> {"validation_loss/<modality>": mean cross entropy in nats,
    "validation_accuracy/<modality>": fraction}.
  """
  look = _looker(config, dataset)

  def watch(params: model.Params) -> dict[str, float]:
    found = {}
    for name, part in look(params).items():
      labels = part["label"]
      if len(labels):
        logits = part["fc8"]
        found[f"validation_loss/{name}"] = cross_entropy(logits, labels)
        found[f"validation_accuracy/{name}"] = float((logits.argmax(axis=1) == labels).mean())
    return found

  return watch


def held_out(config: config_lib.Config, dataset: data.Dataset
             ) -> tuple[data.Dataset, Callable[[model.Params], float] | None]:
  """What a run trains on, and its judge by the rest: all, and None, but where `config.log.select`.

  Raises:
    ValueError: as `judge`.
  """
  if not config.log.select:
    return dataset, None
  held = splits.hold_out(dataset, _SHARE)
  return held, judge(config, held)


def judge(config: config_lib.Config, held: data.Dataset) -> Callable[[model.Params], float]:
  """A function of parameters that says how good they are by examples held out of training.

  Args:
    config: of the run.
    held: with the held-out examples in place of validation, see `splits.hold_out`.

  Returns:
    params, on every device -> the larger, the better: mean mAP over ordered pairs of modalities by
    the main table's layer, and its read-out where that needs no statistics, else the cosine; of a
    run of one modality minus the mean cross entropy in nats.

  Raises:
    ValueError: if a modality has fewer than two examples held out, or no two have a class of them
      in common.
  """
  look = _looker(config, held)
  for name, source in held.splits[data.VALIDATION].items():
    if len(source) < 2:
      raise ValueError(f"config.log.select with {len(source)} examples of {name!r} held out; "
                       "expected 2 or more: it takes a tenth of each class of two or more examples")
  held_classes = [set(np.asarray(source.labels).tolist())
                  for source in held.splits[data.VALIDATION].values()]
  if len(held_classes) > 1 and not any(a & b for a, b in itertools.combinations(held_classes, 2)):
    raise ValueError("config.log.select with no class held out in two modalities, so that nothing "
                     "can be ranked; expected classes with two or more training examples in both")
  layer, readout = config.evaluation.layer, config.evaluation.readout
  if readouts.named(readout).pieces:
    readout = "cosine"

  def score(params: model.Params) -> float:
    found = look(params)
    if len(found) == 1:
      part, = found.values()
      return -cross_entropy(part["fc8"], part["label"])
    mean = retrieval.retrieval_table(found, layer, readout).mean
    return float(np.nanmean(mean[~np.eye(len(mean), dtype=bool)]))

  return score


def _looker(config: config_lib.Config, dataset: data.Dataset
            ) -> Callable[[model.Params], features.Features]:
  """A function of parameters that gives the activations of a part of the validation split."""
  run = checkpoint.Run(config, dataset.classes, dataset.modalities, {}, 0)
  rows = dataset.modalities[:1] if run.method.reference else dataset.modalities
  batch = devices.rounded_up(config.evaluation.batch)
  known: dict[str, tuple] = {}

  def look(params: model.Params) -> features.Features:
    found = {}
    for row in rows:
      if row.name not in known:
        known[row.name] = (features.reader(run, row, features.wanted(config), batch),
                           *_part(dataset.splits[data.VALIDATION][row.name],
                                  config.evaluation.batch))
      read, x, labels = known[row.name]
      found[row.name] = {"label": labels, **(read(params, x) if len(labels) else {})}
    return found

  return look


def _part(source: data.Source, limit: int) -> tuple[np.ndarray, np.ndarray]:
  """Inputs [N, ...] and labels [N] of so many examples at most, drawn by lot."""
  chosen = features.order(len(source), limit)
  inputs = [source[int(i)]["input"] for i in chosen]
  return np.stack(inputs) if inputs else np.empty(0), np.asarray(source.labels)[chosen]


def cross_entropy(logits: np.ndarray, labels: np.ndarray) -> float:
  """Mean over examples of -log softmax(logits)[label], nats; logits [N, C], labels int [N]."""
  chosen = special.log_softmax(logits.astype(np.float64), axis=1)[np.arange(len(labels)), labels]
  return float(-chosen.mean())
