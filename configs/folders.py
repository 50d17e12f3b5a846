"""Your own folders, root/<modality>/<split>/<class>/<file>, or a csv or jsonl manifest.

  python -m launch.check --path=ROOT
  python -m launch.reproduce --config=configs/folders.py --config.data.folders.path=ROOT \\
    --workdir=runs/mine
"""

from cmx import config as config_lib


def get_config() -> config_lib.Config:
  config = config_lib.Config()
  config.data.name = "folders"
  return config
