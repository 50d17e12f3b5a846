"""Everyday things: real photographs, clip art, spatial text, drawings and definitions.

  python -m launch.prepare --config=configs/everyday.py    says which packages to get; then builds
  python -m launch.reproduce --config=configs/everyday.py --workdir=runs/everyday --seeds=3

On two cores of a CPU: 17 minutes once for the encoders' features of 13,600 examples, then the rows
train on vectors. Expect, with --config.data.everyday.spatial_text=words, by the cosine of fc7 (mean
mAP in percent, three seeds, chance 4.4): BL-Ind 15, BL-ShFinal 53, BL-ShAll 24, A 52, B 15, C 53;
StatReg by class (--rows=class_own) 57.
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
