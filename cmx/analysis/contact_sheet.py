"""Pictures of a data set: a contact sheet, one row a modality and one column a class."""

import pathlib

import numpy as np
from PIL import Image
from PIL import ImageDraw

from cmx import data
from cmx.analysis import figures
from cmx.analysis import tiles
from cmx.evaluation import examples
from cmx.files import fonts

CELL = 160  # pixels, side of a cell
GAP = 6  # pixels between cells
HEAD = 26  # pixels for the names of the classes
SIDE = 96  # pixels for the names of the modalities
_COLUMNS = 6  # classes, at most
_LETTERS = 22  # of a class's name that fit over a cell
_INK, _PAPER = (30, 30, 30), (255, 255, 255)


def contact_sheet(dataset: data.Dataset, path: pathlib.Path) -> None:
  """Draws training examples of every modality that can be seen or read; vectors are left out.

  Args:
    dataset: opened, not encoded.
    path: picture to write; its suffix says the format.
  """
  count = min(_COLUMNS, len(dataset.classes))  # evenly spaced
  classes = np.linspace(0, len(dataset.classes) - 1, count).round().astype(int).tolist()
  rows = [m for m in dataset.modalities if m.kind != "vector"]
  size = (SIDE + len(classes) * (CELL + GAP), HEAD + len(rows) * (CELL + GAP))
  sheet = Image.new("RGB", size, _PAPER)
  draw = ImageDraw.Draw(sheet)
  for j, label in enumerate(classes):
    name = figures.short(dataset.classes[label], _LETTERS)
    _centred(draw, SIDE + j * (CELL + GAP) + CELL / 2, HEAD / 2, name, 15)
  for i, modality in enumerate(rows):
    y = HEAD + i * (CELL + GAP)
    _centred(draw, SIDE / 2, y + CELL / 2, modality.name.replace("_", "\n"), 14)
    source = dataset.splits[data.TRAIN][modality.name]
    for j, label in enumerate(classes):
      of_class = np.flatnonzero(np.asarray(source.labels) == label)
      if len(of_class):
        x = source[int(of_class[0])]["input"]
        example = examples.Example(modality.name, dataset.classes[label], "", x)
        sheet.paste(tiles.tile(example, CELL), (SIDE + j * (CELL + GAP), y))
  sheet.save(path)


def _centred(draw: ImageDraw.ImageDraw, x: float, y: float, text: str, size: int) -> None:
  draw.multiline_text((x, y), text, _INK, fonts.of(text, size), anchor="mm", align="center")
