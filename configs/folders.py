"""Your own folders, root/<modality>/<split>/<class>/<file>, or a csv or jsonl manifest.

  python -m launch.check --path=ROOT
  python -m launch.reproduce --config=configs/folders.py --config.data.folders.path=ROOT \\
    --workdir=runs/mine

Minutes and numbers are those of your data: `launch.check` counts it and says what it advises,
which launch.reproduce follows wherever no flag says otherwise; `launch.cost` with these flags says
memory and hours. Ten real categories with 182 to 700 examples a modality took eleven
minutes on two cores of a CPU from pixels, and under four with the two frozen encoders
(--config.encoders.pixels=efficientnet_lite0 --config.encoders.text=minilm), which did better.
"""

from cmx import config as config_lib


def get_config() -> config_lib.Config:
  config = config_lib.Config()
  config.data.name = "folders"
  return config
