"""Contact sheets: a row a modality, a column a class, empty where there is no example."""

import numpy as np
from PIL import Image
import pytest

from cmx import data
from cmx import modalities
from cmx.analysis import contact_sheet

CLASSES = ("bed", "chair", "door", "dining_room")


class Painted:
  """Images in the colour of their label; the first example of a class is the brightest."""

  def __init__(self, labels, kind="pixels"):
    self.labels, self._kind = np.array(labels, np.int32), kind

  def __len__(self):
    return len(self.labels)

  def __getitem__(self, index):
    label = int(self.labels[index])
    if self._kind == "text":
      return {"input": "a word or two " * 60, "label": label, "key": ""}
    first = int(np.flatnonzero(self.labels == label)[0])
    return {"input": np.full((8, 8, 3), 60 * label + (50 if index == first else 0), np.uint8),
            "label": label, "key": ""}


def dataset():
  vectors = modalities.of_kind("sound", "vector")
  rows = (modalities.NATURAL, vectors, modalities.DESCRIPTION)
  sources = {"natural": Painted([0, 1, 1, 3]), "description": Painted([2], "text")}
  return data.Dataset("made", CLASSES, rows, {data.TRAIN: sources, data.VALIDATION: {}}, "1")


def drawn(path):
  contact_sheet.contact_sheet(dataset(), path)
  with Image.open(path) as image:
    return np.asarray(image.convert("RGB")).astype(int)


def cell(sheet, row, column):
  y = contact_sheet.HEAD + row * (contact_sheet.CELL + contact_sheet.GAP)
  x = contact_sheet.SIDE + column * (contact_sheet.CELL + contact_sheet.GAP)
  return sheet[y + 5:y + contact_sheet.CELL - 5, x + 5:x + contact_sheet.CELL - 5]


def test_images_and_texts_have_a_row_and_vectors_none(tmp_path):
  step = contact_sheet.CELL + contact_sheet.GAP
  assert drawn(tmp_path / "a.png").shape == (
    contact_sheet.HEAD + 2 * step, contact_sheet.SIDE + 4 * step, 3)


def test_the_first_example_of_a_class_stands_in_its_column(tmp_path):
  sheet = drawn(tmp_path / "a.png")
  for column, colour in ((0, 50), (1, 110), (3, 230)):
    assert (cell(sheet, 0, column) == colour).all()


def test_a_cell_without_an_example_stays_empty(tmp_path):
  sheet = drawn(tmp_path / "a.png")
  assert (cell(sheet, 0, 2) == 255).all() and (cell(sheet, 1, 0) == 255).all()
  assert (cell(sheet, 1, 2) < 128).any()  # the text is written


def test_some_of_many_classes_are_spread_evenly(tmp_path, monkeypatch):
  monkeypatch.setattr(contact_sheet, "_COLUMNS", 2)
  two = drawn(tmp_path / "b.png")
  assert (cell(two, 0, 0) == 50).all() and (cell(two, 0, 1) == 230).all()


def test_a_suffix_that_is_no_picture_is_refused(tmp_path):
  with pytest.raises(ValueError, match="unknown file extension"):
    drawn(tmp_path / "a.txt")
