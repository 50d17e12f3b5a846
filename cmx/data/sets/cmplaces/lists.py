"""Lists of a split's files, one a line, and the file that numbers the categories.

  a/abbey/gsun_0003586b3eedd97457b2d729ebfe18b5.jpg 0      Places: path and label
  data/text/abbey/0001.txt                                 CMPlaces: path, perhaps with a label
  abbey 0                                                  categories.txt: name and label
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from cmx.data.sets.cmplaces import categories
from cmx.files import kinds

_LABELLED = re.compile(r"(?P<path>.*\S)[\s,;]+(?P<label>\d+)")


class Line(NamedTuple):
  """One example of a list: path as written, label where one is written, number of the line."""

  path: str
  label: int | None
  number: int


class List(NamedTuple):
  """A list with the name that messages call it by."""

  name: str
  lines: list[Line]


def parse(name: str, content: bytes) -> List:
  """A list from its file's content.

  Raises:
    ValueError: if it is no text, or names nothing.
  """
  lines = []
  for number, text in enumerate(_lines(name, content), 1):
    if text := text.strip():
      labelled = _LABELLED.fullmatch(text)
      lines.append(Line(labelled["path"].strip("\"'"), int(labelled["label"]), number) if labelled
                   else Line(text.strip("\"'"), None, number))
  if not lines:
    raise ValueError(f"{name} names no file; expected a path a line")
  return List(name, lines)


def first_label(name: str, content: bytes) -> int:
  """The number of the first category in a categories.txt, 0 or 1, after checking all of it.

  Raises:
    ValueError: if a name is not one of the 205, or the numbers are not in Places205's order; the
      message names the line.
  """
  first = None
  for number, text in enumerate(_lines(name, content), 1):
    if not text.strip():
      continue
    labelled = _LABELLED.fullmatch(text.strip())
    if labelled is None:
      raise ValueError(f"{name} line {number}: {text.strip()!r}; expected a category and its label")
    expected = categories.label_of(labelled["path"])
    if expected is None:
      raise ValueError(f"{name} line {number}: {categories.unknown(labelled['path'])}. Correct it")
    difference = int(labelled["label"]) - expected
    first = difference if first is None else first
    if difference != first or first not in (0, 1):
      raise _other_order(name, number, int(labelled["label"]), labelled["path"], expected)
  return first or 0


def label(listed: List, line: Line, folders: Sequence[str], first: int) -> int:
  """Label of a line's file, from its folders, checked against the label that is written.

  Args:
    listed: the list, for its name.
    line: of the list.
    folders: of the file, outermost first.
    first: number of the first category where labels are written.

  Raises:
    ValueError: if neither names a category, or they differ.
  """
  by_folder = categories.of_path(folders)
  written = None if line.label is None else line.label - first
  if by_folder is None and (written is None or not 0 <= written < len(categories.NAMES)):
    what = (categories.unknown(folders[-1] if folders else "") if written is None else
            f"label {line.label}; expected {first} to {first + len(categories.NAMES) - 1}")
    raise ValueError(f"{listed.name} line {line.number}: {what}. Correct or remove the line, which "
                     f"names {line.path}")
  if by_folder is not None and written is not None and written != by_folder:
    raise _other_order(listed.name, line.number, line.label, line.path, by_folder + first)
  return written if by_folder is None else by_folder


def _other_order(name: str, number: int, given: int, what: str, expected: int) -> ValueError:
  return ValueError(f"{name} line {number}: label {given} for {what}; expected {expected}, its "
                    "place in the order of Places205. Number the list as Places205 does, or "
                    "leave the labels out: folders name the category too")


def _lines(name: str, content: bytes) -> list[str]:
  return kinds.text(name, content, "a path a line", "empty").splitlines()
