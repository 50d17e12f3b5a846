"""Everyday things: real photographs, clip art, spatial text, drawings and definitions.

  python -m launch.prepare --config=configs/everyday.py    says which packages to get; then builds
  python -m launch.reproduce --config=configs/everyday.py --workdir=runs/everyday --seeds=3
"""

from cmx import config as config_lib


def get_config() -> config_lib.Config:
  config = config_lib.Config()
  config.data.name = "everyday"
  config.encoders = config_lib.Encoders(pixels="efficientnet_lite0", text="minilm")
  config.network.hidden = (512,)
  config.network.pool5 = 512
  config.network.trunk = 512
  return config
