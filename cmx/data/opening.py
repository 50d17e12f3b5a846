"""The data set of a run, opened once: as a person sees it, and as the towers do."""

from typing import NamedTuple

from cmx import config as config_lib
from cmx import data
from cmx.data import encoders
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


def prepare(config: config_lib.Config) -> None:
  """Makes the records of a run's data set, as `data.prepare` does.

  Raises:
    FileNotFoundError: if files are missing that one has to get; the message names those of the
      run's encoders as well, so that nobody goes twice.
  """
  try:
    data.prepare(config.data)
  except FileNotFoundError as error:
    lacking = encoders.missing(config, ("pixels", "text"))
    if not lacking or error.filename:  # a file of the data's own, said by the system
      raise
    raise FileNotFoundError(f"{error}\n  {encoders.command(config, lacking)}") from error


def open_data(config: config_lib.Config) -> Opened:
  """Loads a run's data set, restricts it to what the run may see, and encodes it.

  Raises:
    ValueError, FileNotFoundError: as `data.load` and `cache.encoded`.
  """
  dataset = data.load(config.data)
  with hosts.first_alone("encoding"):
    encoded = cache.encoded(dataset, config)
  return Opened(splits.visible(config, dataset), splits.visible(config, encoded))
