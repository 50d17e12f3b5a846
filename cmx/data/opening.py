"""The data set of a run: loaded, restricted to what the run may see, and encoded."""



from cmx import config as config_lib
from cmx import data
from cmx.data import splits
from cmx.data.encoders import cache
from cmx.runtime import hosts


def open_data(config: config_lib.Config) -> data.Dataset:
  """The data set of a run: loaded, restricted to what the run may see, and encoded."""
  dataset = data.load(config.data)
  with hosts.first_alone("encoding"):
    dataset = cache.encoded(dataset, config)
  return splits.visible(config, dataset)
