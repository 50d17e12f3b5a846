"""The rendered world: the embedded default, every method of the paper in minutes on two cores.

  python -m launch.reproduce
"""

from cmx import config as config_lib


def get_config() -> config_lib.Config:
  return config_lib.Config()
