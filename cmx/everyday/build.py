"""Builds the pictures and texts of the recipe from the packages' files."""

import pathlib
from collections.abc import Sequence

from cmx.everyday import recipe as recipe_lib


def instructions(packages: pathlib.Path) -> str:
  return ""


def build(rows: Sequence[recipe_lib.Row], packages: pathlib.Path, out: pathlib.Path) -> pathlib.Path:
  raise FileNotFoundError(instructions(packages))
