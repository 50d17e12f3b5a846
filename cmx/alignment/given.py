"""What terms are given beside activations and labels."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax

from cmx.mixture import gmm

Layer = Mapping[str, jax.Array]  # of every modality: activations [B, D], or labels int [B]


class Statistics(NamedTuple):
  """Of the reference network's activations of one layer.

  Attributes:
    mixture: fitted on them.
    share: P(component | class) [C, K], rows sum to 1, exactly 0 where a class does not own a
      component; None where components are not assigned to classes.
  """

  mixture: gmm.Mixture
  share: jax.Array | None = None


class Constants(NamedTuple):
  """What a row is given once.

  Attributes:
    statistics: of layers, {layer: Statistics}.
    prototypes: a code of each class [C, D] of unit length; 0 for classes that no example shows.
  """

  statistics: Mapping[str, Statistics] = {}
  prototypes: jax.Array | None = None


class Given(NamedTuple):
  """What a term is given for one layer in one step; None for what the row's terms do not need.

  Attributes:
    statistics: of the layer.
    prototypes: as in `Constants`.
    discriminator: parameters of the classifier of modalities, trained with the network.
    key: random key of the step [], the same on all devices.
  """

  statistics: Statistics | None = None
  prototypes: jax.Array | None = None
  discriminator: Mapping[str, Any] | None = None
  key: jax.Array | None = None
