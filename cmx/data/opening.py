"""The data set of a run, opened once: as a person sees it, and as the towers do."""

from typing import NamedTuple

from cmx import config as config_lib
from cmx import data
from cmx.data import splits
from cmx.data.encoders import cache
from cmx.runtime import hosts


class Opened(NamedTuple):
  """What a run may see of its data set: the same examples, twice.

  Attributes:
    raw: as a person sees them: pictures, texts, vectors.
    encoded: as the towers read them: vectors where a frozen encoder stands in between.
  """

  raw: data.Dataset
  encoded: data.Dataset


def open_data(config: config_lib.Config) -> Opened:
  """Loads a run's data set, restricts it to what the run may see, and encodes it.

  Raises:
    ValueError, FileNotFoundError: as `data.load` and `cache.encoded`.
  """
  dataset = data.load(config.data)
  with hosts.first_alone("encoding"):
    encoded = cache.encoded(dataset, config)
  return Opened(splits.visible(config, dataset), splits.visible(config, encoded))
