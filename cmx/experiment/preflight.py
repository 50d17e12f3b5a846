"""Preflight: what would stop a run later is refused before anything is trained or written."""

import math
from collections.abc import Sequence

from cmx import config as config_lib
from cmx import data
from cmx import fields
from cmx import methods
from cmx.config import limits
from cmx.data import batches
from cmx.data import check as check_lib
from cmx.data import outlines
from cmx.experiment import codes
from cmx.experiment import mixtures
from cmx.network import model
from cmx.network import towers
from cmx.runtime import devices
from cmx.training import terms


def check_rows(config: config_lib.Config, rows: Sequence[str]) -> None:
  """Checks the config of every row of a table.

  Raises:
    ValueError: as `methods.check_rows`, if `config.rows` names a row that does not exist, or as
      `check`.
  """
  methods.check_rows(rows)
  for row in config.rows:
    methods.named(row)
  for row in rows:
    check(fields.for_method(config, row))


def check(config: config_lib.Config) -> None:
  """Checks the config of one row, without its data.

  Raises:
    ValueError: if a number is out of its limits, a name is not among those that there are, a batch
      does not split over the devices, or a term cannot be had with these settings.
  """
  fields.check_limits(config)
  method = methods.named(config.method)
  for settings in (config.reference, *(() if method.reference else (config.optimizer,))):
    devices.check_batch(settings.batch, settings.accumulate)
  if config.log.select and config.log.validation_steps < 1:
    raise ValueError(f"config.log.select with log.validation_steps {config.log.validation_steps}; "
                     "expected 1 or more: the best of those steps is kept")
  if config.log.patience and not config.log.select:
    raise ValueError(f"config.log.patience {config.log.patience} without log.select, which it "
                     "counts the looks of; expected --config.log.select=true, too")
  if config.deterministic:
    _check_deterministic(config, method)
  towers.check_channels(config.network)
  mixtures.check(config)
  _check_terms(config, method)


def _check_deterministic(config: config_lib.Config, method: methods.Method) -> None:
  """Refuses what could not have the same bits on any number of devices."""
  devices.check_parts(config.shards)
  for name in ("reference", "optimizer"):
    settings = getattr(config, name)
    if settings.batch % (config.shards * settings.accumulate):
      raise ValueError(f"config.{name}.batch {settings.batch} with config.deterministic; expected "
                       f"a multiple of config.shards {config.shards} times accumulate "
                       f"{settings.accumulate}")
  if config.evaluation.batch % config.shards:
    raise ValueError(f"config.evaluation.batch {config.evaluation.batch} with config.deterministic;"
                     f" expected a multiple of config.shards {config.shards}")
  if method.normalised:
    raise ValueError(f"config.deterministic with method {config.method!r}, which normalises by "
                     "moments of a whole batch within its layers; expected another method: these "
                     "sums depend on the number of devices")


def _check_terms(config: config_lib.Config, method: methods.Method) -> None:
  """Refuses a row's terms where they have no layer, or cannot be had as the config says."""
  for term in method.terms:
    layers = terms.layers_of(term, config)
    field = "mixture.layers" if term.statistics else "alignment.layers"
    if not layers or len(set(layers)) < len(layers):
      raise ValueError(f"config.{field} {layers} with method {config.method!r}; expected one or "
                       f"more of {', '.join(limits.ACTIVATIONS)}, each once")
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


def check_data(config: config_lib.Config, dataset: data.Dataset) -> None:
  """Checks that a data set can train and evaluate the config's row.

  Raises:
    ValueError: if a modality has no training or no validation examples, images do not fit the
      tower, a step cannot fit into the memory, there are fewer examples than components of a
      mixture, or classes have no names where the row reads them.
  """
  batches.samplers(dataset)
  for modality in dataset.modalities:
    if not len(dataset.splits[data.VALIDATION][modality.name]):
      raise ValueError(f"modality {modality.name!r} has no validation examples in data set "
                       f"{dataset.name!r}; expected 1 or more: hold back a share of the training "
                       "examples with config.data.holdout")
  _check_memory(config, dataset)
  examples = len(dataset.splits[data.TRAIN][dataset.modalities[0].name])
  available, components = min(examples, config.mixture.examples), methods.components_of(config)
  if components is not None and available < components:
    raise ValueError(f"mixture.components {components}; expected {available} at most, the number "
                     "of examples that the mixture is fitted on: --config.mixture.components="
                     f"{available}")
  codes.needed(config, dataset)


def held(config: config_lib.Config, dataset: data.Dataset) -> tuple[float, float]:
  """Bytes that a step of the config's row holds at least, and of these its state's.

  The state is what is trained, with its gradient and its optimiser's moments.
  """
  method, network = methods.named(config.method), config.network
  settings = config.reference if method.reference else config.optimizer
  pool5 = towers.pool5_width(dataset.modalities, network)
  modalities = dataset.modalities[:1] if method.reference else dataset.modalities
  sizes = {"fc6": pool5 * network.trunk, "fc7": network.trunk ** 2,
           "fc8": network.trunk * len(dataset.classes)}
  demands = {m: towers.demand(m, network, pool5) for m in modalities}
  layers = {(layer, model.owner(layer, m, method)): sizes.get(layer, parameters)
            for m, (parameters, _) in demands.items() for layer in model.LAYERS}
  inputs = [math.prod(m.shape) for m in modalities]
  made = 0 if settings.recompute else sum(numbers for _, numbers in demands.values())
  number = towers.precision(network).itemsize
  # float32 for a parameter, its gradient and two moments; what layers make waits for the gradient.
  state = 16 * sum(layers.values())
  batch = settings.batch // settings.accumulate * (4 * sum(inputs) + number * made)
  return max(state + batch, 4 * config.evaluation.batch * max(inputs)), state


def _check_memory(config: config_lib.Config, dataset: data.Dataset) -> None:
  """Refuses a step that is more than the memory there is; what it holds at least is counted."""
  (largest, state), available, network = held(config, dataset), devices.memory(), config.network
  section = "reference" if methods.named(config.method).reference else "optimizer"
  if largest > available:
    raise ValueError(
      f"a step of method {config.method!r} holds {largest / 1e9:,.1f} GB at least, of which "
      f"{state / 1e9:,.1f} are parameters with their optimiser, and there are "
      f"{available / 1e9:,.1f} GB of memory; expected less: config.network.trunk {network.trunk}, "
      f"config.network.hidden {network.hidden}, config.{section}.batch "
      f"{getattr(config, section).batch}, config.evaluation.batch {config.evaluation.batch}, or "
      "fewer pixels")


def report(config: config_lib.Config, rows: Sequence[str] = methods.PAPER) -> check_lib.Report:
  """What `data.check` says of a run's data set, and what would stop a table's rows on it.

  Raises:
    ValueError, FileNotFoundError: if the data set cannot be listed at all.
  """
  found = check_lib.check_run(config)
  if not found.problems:
    dataset, problems = outlines.of_report(found, config), {}
    for row in rows:
      settings = fields.for_method(config, row)
      try:
        check(settings)
        check_data(settings, dataset)
      except (ValueError, FileNotFoundError) as error:
        problems[f"{error}"] = None  # several rows have the same
    found.problems += problems
  return found
