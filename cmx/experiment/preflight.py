"""Preflight: what would stop a run later is refused before anything is trained or written."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import NamedTuple

from cmx import config as config_lib
from cmx import data
from cmx import fields
from cmx import methods
from cmx.data import batches
from cmx.evaluation import retrieval
from cmx.mixture import em
from cmx.network import model
from cmx.network import towers
from cmx.runtime import devices


class Limit(NamedTuple):
  """What a number of a config must be: a test, the words for it, the fields it holds for."""

  holds: Callable[[float], bool]
  words: str
  fields: tuple[str, ...]


LIMITS = (
  Limit(lambda x: x >= 1, "1 or more", (
    "image_size", "pool5", "trunk", "channels", "hidden", "steps", "batch", "components",
    "iterations", "restarts", "examples", "metrics_steps", "keep", "accumulate")),
  Limit(lambda x: 0 <= x <= 1, "a share from 0 to 1", ("brightness", "tune_share")),
  Limit(lambda x: 0 <= x < 1, "a share from 0 to less than 1", (
    "holdout", "word_dropout", "vector_dropout", "dropout")),
  Limit(lambda x: x > 0, "more than 0", ("clip",)),
  Limit(lambda x: x >= 0, "0 or more", ()),  # every other number
)


def check_rows(config: config_lib.Config, rows: Sequence[str]) -> None:
  """Checks the config of every row of a table.

  Raises:
    ValueError: if there is no row, one is not known, is the reference or comes twice, `config.rows`
      names one that does not exist, or as `check`.
  """
  if not rows:
    raise ValueError(f"no rows; expected one or more of {', '.join(methods.METHODS)}")
  for row in (*rows, *config.rows):
    methods.named(row)
  for row in rows:
    if methods.named(row).reference:
      raise ValueError(f"row {row!r} is the reference network, which every table starts from; "
                       "expected rows that start from it")
    if list(rows).count(row) > 1:
      raise ValueError(f"row {row!r} comes {list(rows).count(row)} times; expected it once")
    check(fields.for_method(config, row))


def check(config: config_lib.Config) -> None:
  """Checks the config of one row, without its data.

  Raises:
    ValueError: if a number is out of its limits, a batch does not split over the devices, or a
      layer or a read-out is not known.
  """
  for name, value in fields.flat(dataclasses.replace(config, rows={})).items():
    may_be_none = name == "inversion.optimisation.steps" or (
      name == "reference.steps" and config.weights.file)  # which are kept as they are
    limit = LIMITS[-1] if may_be_none else _limit(name)
    for number in value if isinstance(value, tuple) else (value,):
      if _is_number(number) and not limit.holds(number):
        raise ValueError(f"config.{name} {value}; expected {limit.words}")
  method = methods.named(config.method)
  for settings in (config.reference, *(() if method.reference else (config.optimizer,))):
    devices.check_batch(settings.batch, settings.accumulate)
  towers.precision(config.network)
  if method.components is not None:
    em.check(methods.components_of(config), config.mixture.covariance, config.mixture.restarts)
  regularised = () if method.components is None else config.mixture.layers
  for layer in (config.evaluation.layer, *config.evaluation.layers, *regularised):
    if layer not in model.ACTIVATIONS:
      raise ValueError(f"layer {layer!r}; expected one of {', '.join(model.ACTIVATIONS)}")
  if config.evaluation.readout not in retrieval.READOUTS:
    raise ValueError(f"evaluation.readout {config.evaluation.readout!r}; "
                     f"expected one of {', '.join(retrieval.READOUTS)}")


def _limit(name: str) -> Limit:
  """The limit of a dotted field: its last part decides."""
  leaf = name.split(".")[-1]
  return next((limit for limit in LIMITS if leaf in limit.fields), LIMITS[-1])


def _is_number(value: object) -> bool:
  return isinstance(value, (int, float)) and not isinstance(value, bool)


def check_data(config: config_lib.Config, dataset: data.Dataset) -> None:
  """Checks that a data set can train and evaluate the config's row.

  Raises:
    ValueError: if a modality has no training or no validation examples, images do not fit the
      tower, or there are fewer examples than components of a mixture.
  """
  batches.samplers(dataset)
  for modality in dataset.modalities:
    if not len(dataset.splits[data.VALIDATION][modality.name]):
      raise ValueError(f"modality {modality.name!r} has no validation examples in data set "
                       f"{dataset.name!r}; expected 1 or more: hold back a share of the training "
                       "examples with config.data.holdout")
  towers.pool5_width(dataset.modalities, config.network)
  examples = len(dataset.splits[data.TRAIN][dataset.modalities[0].name])
  available, components = min(examples, config.mixture.examples), config.mixture.components
  if methods.named(config.method).components == methods.CONFIGURED and available < components:
    raise ValueError(f"mixture.components {components}; expected {available} at most, the number "
                     "of examples that the mixture is fitted on")
