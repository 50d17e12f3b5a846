"""What may be asked of units; to know it takes no JAX, so that flags are checked at once."""

import zlib
from typing import NamedTuple

import numpy as np

from cmx import data as data_lib


class Options(NamedTuple):
  """What may be asked of a study.

  Attributes:
    split: whose examples.
    layers: activations; pool5, fc6, fc7, but also those before the ReLU.
    modalities: names or codes; all of the run where there are none.
    top: examples shown of each unit and modality.
    show: units shown of each layer: so many of the most consistent, and as many by lot.
    places: share of the places of all pictures at which a unit fires.
    examples: share of the examples on which it fires, where it has one value an example.
    permutations: of the null hypothesis.
    squares: pictures are cut into so many squares a side where a unit has no map; 0 leaves them.
    limit: examples of each modality at most, by lot; None takes all.
    seed: of permutations and lots.
  """

  split: str = data_lib.VALIDATION
  layers: tuple[str, ...] = ("pool5", "fc6", "fc7")
  modalities: tuple[str, ...] = ()
  top: int = 6
  show: int = 3
  places: float = 0.02
  examples: float = 0.05
  permutations: int = 1_000
  squares: int = 4
  limit: int | None = None
  seed: int = 0

  def rng(self, layer: str) -> np.random.Generator:
    """A layer's own generator: what is asked of other layers changes nothing of it."""
    return np.random.default_rng([self.seed, zlib.crc32(layer.encode())])
