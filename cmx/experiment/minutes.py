"""How long work will take, about: operations from shapes, over rates that were measured.

Rates are shares of what `speed.flops_per_second` says, so that a slow or a busy machine says
longer. They are those of CPUs; on an accelerator the parts that are the same everywhere count.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from cmx import config as config_lib
from cmx import data
from cmx import modalities as modalities_lib
from cmx.data import encoders
from cmx.data.sets.folders import facts as facts_lib
from cmx.network import towers
from cmx.runtime import speed

# Measured on two cores of a CPU; docs/data.md has what they said of three data sets.
_TRAINING = 0.45  # of the rate of matrix products, which training reaches
_FITTING = 0.05  # the same of passes over activations
_ROW = 6.0  # seconds of a row and modality beside its steps: compiling, reading, ranking
_STEP = 5e-3  # seconds of a step beside its operations
_EXAMPLE = 2e-5  # seconds to read and vary an example, and one more for each so many numbers
_NUMBERS = 2_000
_DECODED = 2e-3  # seconds to decode a file
_ENCODED = {encoders.PIXELS: 0.06, encoders.TEXT: 0.03, encoders.BAG_OF_WORDS: 2e-4}
_OTHER = 0.05  # seconds an example of any other encoder
_KEPT = 0.5  # share of checkpoints' numbers that lie on disk: most rows share a trunk
_PASSES = 30  # of EM, as it usually goes
_TOWERS = {"alexnet": 1.4e9, "alexnet_torch": 1.4e9, "resnet18": 3.6e9, "resnet_small": 0.3e9}


class Part(NamedTuple):
  """A modality as the towers read it, E numbers or [H, W, 3], and what it is made of."""

  kind: str
  shape: tuple[int, ...]
  train: int
  validation: int
  encoder: str = ""

  @property
  def examples(self) -> int:
    """Of both splits."""
    return self.train + self.validation


class Estimate(NamedTuple):
  """Seconds, and bytes on disk."""

  seconds: float
  bytes: float


def of_facts(facts: facts_lib.Facts, config: config_lib.Config) -> list[Part]:
  """Parts of a user's data, the reference first, as the towers of a config read them."""
  parts = []
  for part in facts.parts:
    name = {"pixels": config.encoders.pixels, "text": config.encoders.text}.get(part.kind, "")
    side = config.data.folders.image_size
    plain = (side, side, 3) if part.kind == "pixels" else (max(part.bytes // 4, 1),)
    width = encoders.WIDTHS.get(name, 512)
    parts.append(Part(part.kind, (width,) if name else plain, part.train, part.validation, name))
  return parts


def of_dataset(dataset: data.Dataset) -> list[Part]:
  """Parts of a data set that is opened and encoded."""
  train, validation = dataset.splits[data.TRAIN], dataset.splits[data.VALIDATION]
  return [Part(row.kind, row.shape, len(train[row.name]), len(validation[row.name]))
          for row in dataset.modalities]


def preparation(parts: Sequence[Part], config: config_lib.Config, rate: float) -> Estimate:
  """To decode files and to encode examples, at a rate of FLOP/s."""
  side = config.data.folders.image_size
  seconds = sum(part.examples * (_DECODED + (_ENCODED.get(part.encoder, _OTHER) if part.encoder
                                             else 0)) for part in parts)
  held = sum(part.examples * ((3 * side * side if part.kind == "pixels" else 0)
                              + (4 * part.shape[0] if part.encoder else 0)) for part in parts)
  return Estimate(seconds * speed.slower(rate), held)


def table(parts: Sequence[Part], config: config_lib.Config, classes: int, rows: int,
          rate: float, jobs: int = 1) -> Estimate:
  """Of a reference network, its mixtures, and so many rows of one seed, at a rate of FLOP/s.

  Of the rows, `jobs` are trained at once.
  """
  first = run(parts[:1], config, config.reference, classes, rate)
  others = run(parts, config, config.optimizer, classes, rate)
  fitted = mixtures(parts[0].train, config, [config.mixture.components], rate)
  rounds = math.ceil(rows / jobs)  # a row takes no longer on one core than on two
  return Estimate(first.seconds + rounds * others.seconds + fitted,
                  first.bytes + rows * others.bytes)


def rows(dataset: data.Dataset, config: config_lib.Config, count: int, jobs: int = 1) -> float:
  """Seconds, about and on this machine as it is now, of so many rows and what they start from.

  Of the rows, `jobs` are trained at once.
  """
  return table(of_dataset(dataset), config, len(dataset.classes), count,
               speed.flops_per_second(), jobs).seconds


def mixtures(examples: int, config: config_lib.Config, components: Sequence[int],
             rate: float) -> float:
  """Seconds to fit mixtures of each of these K to every layer, by so many training examples."""
  settings = config.mixture
  return (len(settings.layers) * _PASSES * min(examples, settings.examples) * config.network.trunk
          * sum(count + 1 for count in components) * 8 / (rate * _FITTING))


def run(parts: Sequence[Part], config: config_lib.Config, settings: config_lib.Optimizer,
        classes: int, rate: float) -> Estimate:
  """Of training and evaluating one row."""
  towers.check_channels(config.network)
  operations = [_operations(part, config.network, classes) for part in parts]
  read = sum(_EXAMPLE * (1 + math.prod(part.shape) / _NUMBERS) for part in parts)
  step = (6 * settings.batch * sum(operations) / (rate * _TRAINING)
          + (_STEP + settings.batch * read) * speed.slower(rate))
  evaluated = sum(2 * part.validation * each for part, each in zip(parts, operations))
  weights = sum(_weights(part, config.network, classes) for part in parts)
  values = sum(part.validation for part in parts) * config.network.trunk
  copies = 3 * config.log.keep if config.log.keep_optimizer else 1  # Adam has two numbers a weight
  return Estimate(_ROW * len(parts) * speed.slower(rate) + settings.steps * step
                  + evaluated / (rate * _TRAINING), 4 * (_KEPT * weights * copies + values))


def _operations(part: Part, network: config_lib.Network, classes: int) -> float:
  """Products of a forward pass of one example."""
  if len(part.shape) == 1:
    return _weights(part, network, classes)
  (height, width, _), pool5 = part.shape, _pool5(part, network)
  trunk = pool5 * network.trunk + network.trunk ** 2 + network.trunk * classes
  if network.tower in _TOWERS:
    return _TOWERS[network.tower] / 2 * (height * width / 227 ** 2) + trunk
  a, b, c, d = network.channels
  quarter = height * width / 16
  return (quarter * (64 * 3 * a + 9 * a * b) + quarter / 4 * 9 * (b * c + c * d)) + trunk


def _weights(part: Part, network: config_lib.Network, classes: int) -> int:
  """Parameters of a tower and a trunk of its own, but for the trunk's biases."""
  pool5 = _pool5(part, network)
  tower, _ = towers.demand(_row(part), network, pool5)
  return tower + network.trunk * (pool5 + network.trunk + classes)


def _pool5(part: Part, network: config_lib.Network) -> int:
  return towers.pool5_width((_row(part),), network)


def _row(part: Part) -> modalities_lib.Modality:
  return modalities_lib.of_kind("any", part.kind)._replace(shape=part.shape)
