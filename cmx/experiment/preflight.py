"""Preflight: what would stop a run later is refused before anything is trained or written."""

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from cmx import config as config_lib
from cmx import data
from cmx import fields
from cmx import methods
from cmx.data import batches
from cmx.evaluation import readouts
from cmx.experiment import codes
from cmx.experiment import mixtures
from cmx.network import model
from cmx.network import towers
from cmx.runtime import devices
from cmx.training import terms


class Limit(NamedTuple):
  """What a number of a config must be: a test, the words for it, the fields it holds for."""

  holds: Callable[[float], bool]
  words: str
  fields: tuple[str, ...]


_MOST = 1 << 31  # of what is counted in 32 bits
_LARGEST = 3e38  # of float32
LIMITS = (
  Limit(lambda x: 1 <= x < _MOST, f"1 or more, below {_MOST}", (
    "image_size", "pool5", "trunk", "channels", "hidden", "steps", "batch", "components",
    "iterations", "restarts", "examples", "metrics_steps", "keep", "accumulate", "per_class",
    "temperature", "projections", "discriminator")),
  Limit(lambda x: 0 <= x <= 1, "a share from 0 to 1", ("brightness", "tune_share", "least_share")),
  Limit(lambda x: 0 <= x < 1, "a share from 0 to less than 1", (
    "holdout", "word_dropout", "vector_dropout", "dropout", "memory")),
  Limit(lambda x: x > 0, "more than 0", ("clip", "contrast", "spread", "bandwidths")),
  Limit(lambda x: abs(x) < math.inf, "a finite number", ("bias",)),
  Limit(lambda x: 0 <= x < 1 << 63, f"0 or more, below {1 << 63}", ("seed",)),
  Limit(lambda x: x >= 0, "0 or more", ("checkpoint_seconds", "peak_flops")),  # also without end
  Limit(lambda x: 0 <= x < _LARGEST, "0 or more, and finite", ()),  # every other number
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
    ValueError: if a number is out of its limits, a batch does not split over the devices, a layer
      or a read-out is not known, or a term cannot be had with these settings.
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
  towers.check_channels(config.network)
  mixtures.check(config)
  on = [layer for term in method.terms for layer in terms.layers_of(term, config)]
  for layer in (config.evaluation.layer, *config.evaluation.layers, *on):
    if layer not in model.ACTIVATIONS:
      raise ValueError(f"layer {layer!r}; expected one of {', '.join(model.ACTIVATIONS)}")
  _check_terms(config, method)
  if config.evaluation.readout not in readouts.READOUTS:
    raise ValueError(f"evaluation.readout {config.evaluation.readout!r}; "
                     f"expected one of {', '.join(readouts.READOUTS)}")


def _check_terms(config: config_lib.Config, method: methods.Method) -> None:
  """Refuses a row's terms where they have no layer, or cannot be had as the config says."""
  for term in method.terms:
    layers = terms.layers_of(term, config)
    field = "mixture.layers" if term.statistics else "alignment.layers"
    if not layers or len(set(layers)) < len(layers):
      raise ValueError(f"config.{field} {layers} with method {config.method!r}; expected one or "
                       f"more of {', '.join(model.ACTIVATIONS)}, each once")
    narrow = term.codes or term.adversary or term.statistics and config.alignment.temperature > 1
    other = [layer for layer in layers if layer.removesuffix("_linear") not in ("fc6", "fc7")]
    if narrow and other:
      raise ValueError(f"config.{field} {layers}; what method {config.method!r} adds with these "
                       f"settings is for fc6, fc7, fc6_linear and fc7_linear, not {other[0]}")
  if method.statistics and config.alignment.temperature > config.network.trunk:
    raise ValueError(f"config.alignment.temperature {config.alignment.temperature:g}; expected 1 "
                     f"(the paper's) to {config.network.trunk}, the width of the layers")
  if terms.couples(method) and config.optimizer.accumulate > 1:
    raise ValueError(f"config.optimizer.accumulate {config.optimizer.accumulate} with method "
                     f"{config.method!r}, which compares the examples of a whole batch; expected 1:"
                     " config.optimizer.recompute saves memory, too")


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
      tower, there are fewer examples than components of a mixture, or classes have no names where
      the row reads them.
  """
  batches.samplers(dataset)
  for modality in dataset.modalities:
    if not len(dataset.splits[data.VALIDATION][modality.name]):
      raise ValueError(f"modality {modality.name!r} has no validation examples in data set "
                       f"{dataset.name!r}; expected 1 or more: hold back a share of the training "
                       "examples with config.data.holdout")
  towers.pool5_width(dataset.modalities, config.network)
  examples = len(dataset.splits[data.TRAIN][dataset.modalities[0].name])
  available, components = min(examples, config.mixture.examples), methods.components_of(config)
  if components is not None and available < components:
    raise ValueError(f"mixture.components {components}; expected {available} at most, the number "
                     "of examples that the mixture is fitted on")
  codes.needed(config, dataset)
