"""CMPlaces at about a hundredth: the same data, towers and rows, small and short, for checks.

  python -m launch.build cmplaces --manual_dir=ARCHIVES --data_dir=data
  python -m launch.check --config=configs/cmplaces_smoke.py
  python -m launch.reproduce --config=configs/cmplaces_smoke.py --workdir=runs/cmplaces_smoke

About ten minutes on two cores of a CPU. Tries archives, network and machine before
configs/cmplaces.py is paid for; its table says nothing, whatever the numbers.
"""

from cmx import config as config_lib
from configs import cmplaces


def get_config() -> config_lib.Config:
  config = cmplaces.get_config()
  config.data.cmplaces.image_size = 67  # the least that the tower's pools leave something of
  config.augment.shift = 4
  config.encoders.text, config.encoders.file = "hashing", ""  # needs no weights
  config.network.hidden = (41, 41)
  config.network.trunk = 41
  config.network.precision = "float32"  # faster than bfloat16 on CPUs
  config.reference.steps, config.reference.batch, config.reference.warmup = 200, 32, 20
  config.optimizer.steps, config.optimizer.batch, config.optimizer.warmup = 50, 8, 5
  config.mixture.components, config.mixture.examples = 4, 1_000
  config.log = config_lib.Log(metrics_steps=10)
  return config
