"""What varies between runs: typed fields, each with its unit and meaning.

Defaults are those of the embedded rendered world. Files in `configs/` return a `Config` with other
values; flags change single fields (`--config.optimizer.steps=100`). What the paper leaves open carries
the remark "open in the paper".
"""

import dataclasses
import json
import typing
from typing import Any


@dataclasses.dataclass
class World:
  """The rendered world: how many examples of each modality, in CMPlaces' proportions."""

  image_size: int = 64  # pixels, height and width
  seed: int = 0  # of the scenes; another seed is another world of the same categories
  natural: int = 400  # training examples a category
  clipart: int = 55
  spatial_text: int = 200
  drawing: int = 32
  description: int = 21
  validation_natural: int = 40  # validation examples a category, natural images
  validation_other: int = 20  # the same, every other modality


@dataclasses.dataclass
class Everyday:
  """Everyday things from published packages."""

  packages: str = ""  # folder with the package files; "" is <data.root>/packages
  photographs_only: bool = False  # natural images: photographs alone, no 3-D renders
  spatial_text: str = "pixels"  # "pixels" or "words": how spatial text is read
  mask_names: bool = False  # replace words of the category's own name in descriptions


@dataclasses.dataclass
class Folders:
  """A user's own folders or manifest."""

  path: str = ""  # root of <modality>/<split>/<class>/<file>, or a .csv / .jsonl manifest
  image_size: int = 64  # pixels; images are padded to a white square and resized


@dataclasses.dataclass
class Data:
  """Which data set, and how it is read."""

  name: str = "rendered_world"  # a file in cmx/data/
  root: str = "data"  # folder for prepared records and cached features
  modalities: tuple[str, ...] = ()  # names to use; () is all the data set has
  holdout: float = 0.0  # share of every training cell evaluated on instead of validation, for tuning
  unseen_classes: int = 0  # number of classes, chosen by the run's seed, that no training example shows
  world: World = dataclasses.field(default_factory=World)
  everyday: Everyday = dataclasses.field(default_factory=Everyday)
  folders: Folders = dataclasses.field(default_factory=Folders)
