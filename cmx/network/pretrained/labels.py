"""Lists of the classes that weights were trained on, and which of their rows are whose."""

import pathlib
import re
from collections.abc import Sequence

import numpy as np

from cmx.files import kinds
from cmx.files import text

_BEFORE = re.compile(r"(?P<label>[0-9]+)[\s,;:]+(?P<name>\S.*)")
_HEAD = re.compile(r"(?:id|index|label|class|name|category)[\s,;]+\w+")
_QUOTED = re.compile(r"(['\"]).*\1[,;]?")
_LABELLED = re.compile(r"(?P<name>.*[^\s,;])[\s,;]+(?P<label>[0-9]+)")


def read(path: pathlib.Path) -> tuple[str, ...]:
  """Class names in label order, of a list with a line each: "name", or "name label" in all lines.

  A number behind a name is a label where most lines have the one that is due; else it belongs to
  the name, as in "route 66". So is one in front, where all lines have it.

  Raises:
    ValueError: if the file is no such list, a label is not the next one, or a name comes twice;
      with the line.
  """
  names: list[str] = []
  content = kinds.text(f"{path}", path.read_bytes(), "a class a line: save it in UTF-8")
  lines = content.rstrip().splitlines()
  _check_form(path, lines)
  found = [_LABELLED.fullmatch(line.strip()) for line in lines]
  if not all(found):
    before = [_BEFORE.fullmatch(line.strip()) for line in lines]
    if all(parts and int(parts["label"]) == i for i, parts in enumerate(before)):
      found = before
  due = sum(line is not None and int(line["label"]) == i for i, line in enumerate(found))
  labelled = bool(lines) and (all(found) or 2 * due >= len(lines))
  for number, (line, parts) in enumerate(zip(lines, found), 1):
    if not line.strip():
      raise ValueError(f"{path}:{number}: empty line; expected a class")
    if labelled and parts is None:
      raise ValueError(f"{path}:{number}: {line.strip()!r} has no label; expected one, as in the "
                       "other lines")
    name = " ".join((parts["name"] if labelled else line).split())
    if labelled and int(parts["label"]) != len(names):
      raise ValueError(f"{path}:{number}: label {parts['label']} of {name!r}; expected "
                       f"{len(names)}: lines in the order of labels, counted from 0")
    if plain(name) in map(plain, names):
      raise ValueError(f"{path}:{number}: class {name!r} comes twice")
    names.append(name)
  return tuple(names)


def _check_form(path: pathlib.Path, lines: Sequence[str]) -> None:
  """Refuses lists in another form: of JSON or Python, with a head, or in quotes."""
  first = lines[0].strip() if lines else ""
  what = ""
  if first.startswith(("[", "{")):
    what = "a list as JSON or Python writes it"
  elif _HEAD.fullmatch(first.lower()) and len(lines) > 1 and _LABELLED.fullmatch(lines[1].strip()):
    what = f"{first!r}, the head of a table"
  elif len(lines) > 1 and all(_QUOTED.fullmatch(line.strip()) for line in lines):
    what = "names in quotes"
  if what:
    raise ValueError(f"{path}:1: {what}; expected a class a line, as in abbey, or abbey 0")


def plain(name: str) -> str:
  """A class name as it is compared: "/b/bakery/shop", "bakery-shop" and "Bakery shop" are one."""
  name = text.normal(name).lower()
  parts = name.replace("-", " ").replace("_", " ").replace("/", " ").split()
  return "_".join(parts[1:] if len(parts) > 1 and len(parts[0]) == 1 else parts)


def rows(how: str, listed: str, classes: Sequence[str], count: int) -> np.ndarray | None:
  """For each of our classes the row of the weights' classifier that is its own.

  Args:
    how: "same" where both have the same classes in the same order, "named" to find them by name,
      "fresh" to take none.
    listed: file of the weights' classes.
    classes: ours, in label order.
    count: classes that the weights' classifier has.

  Returns:
    int [C], or None for "fresh".

  Raises:
    FileNotFoundError: if the list does not exist.
    ValueError: if the list is wrong or missing, or says that the weights' classes are not ours.
  """
  if how == "fresh":
    return None
  if not listed:
    raise ValueError("weights.classes is empty: no file of weights says in which order its classes "
                     "are. Give their list, a name a line in label order, or start the classifier "
                     "anew with weights.classifier=fresh")
  path = pathlib.Path(listed)
  theirs = [plain(name) for name in read(path)]
  if len(theirs) != count:
    raise ValueError(f"{path} lists {len(theirs)} classes; expected {count}, as many as the "
                     "weights' classifier has")
  ours = [plain(name) for name in classes]
  if how == "named":
    missing = [name for name, key in zip(classes, ours) if key not in theirs]
    if missing:
      raise ValueError(f"{path} does not list {len(missing)} of our {len(ours)} classes: "
                       f"{', '.join(missing[:5])}{', ...' if missing[5:] else ''}. Start the "
                       "classifier anew with weights.classifier=fresh")
    return np.array([theirs.index(key) for key in ours])
  otherwise = ("Take rows by name with weights.classifier=named, or start the classifier anew with "
               "weights.classifier=fresh")
  for number, (one, other) in enumerate(zip(theirs, ours), 1):
    if one != other:
      raise ValueError(f"{path}:{number}: label {number - 1} of the weights is {one!r}, and "
                       f"{other!r} here. {otherwise}")
  if len(theirs) != len(ours):
    raise ValueError(f"{path} lists {len(theirs)} classes; expected the {len(ours)} of the data "
                     f"set. {otherwise}")
  return np.arange(len(ours))
