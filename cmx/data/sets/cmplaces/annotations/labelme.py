"""Annotations as LabelMe, SUN and Pascal VOC write them: an XML file a photograph.

An object is a polygon or a box; parts of others are left out, as in ADE20K.

Source: Russell et al. 2008, LabelMe; Xiao et al. 2010, SUN database.
"""

import collections
import math
import re
from collections.abc import Iterator
from typing import NamedTuple
from xml.parsers import expat

from cmx.data.sets.cmplaces import annotations

_ENCODING = re.compile(rb"<\?xml[^>]*?encoding\s*=\s*[\"']([A-Za-z][\w.-]*)")
_EDGES = {"x": 0, "xmin": 0, "xmax": 0, "y": 1, "ymin": 1, "ymax": 1}  # tag: axis of its number


class _Value(NamedTuple):
  """Text of a tag and the line it ends on."""

  text: str
  line: int


def parse(key: str, content: bytes) -> Iterator[annotations.Photograph | annotations.Left]:
  """The photograph of a file, after the objects that are left out of it.

  Args:
    key: path of the file, without suffix.
    content: of the file.

  Raises:
    ValueError: if it is not such a file; the message begins with the line.
  """
  fields, items = _tags(content)
  points = []
  for line, item in items:
    if (any(value.text == "1" for value in item["deleted"])
        or any(value.text for value in item["ispartof"])):
      continue
    try:
      points.append((line, item, _points(item)))
    except ValueError as error:
      yield annotations.Left(f"line {line}", str(error))
  width, height = (_size([fields.get(tag) for tag in tags],
                         [n for *_, each in points for n in each[axis]])
                   for axis, tags in enumerate((("ncols", "width"), ("nrows", "height"))))
  objects = []
  for line, item, each in points:
    try:
      name = item["name"][0].text if item["name"] else ""
      objects.append(annotations.object_of(name, annotations.box(*each, width, height)))
    except ValueError as error:
      yield annotations.Left(f"line {line}", str(error))
  folder = fields["folder"].text if "folder" in fields else ""
  scenes = (tuple(key.split("/")[:-1]), tuple(folder.split("/")))
  yield annotations.Photograph(key, scenes, tuple(objects))


def _tags(content: bytes) -> tuple[dict[str, _Value], list[tuple[int, dict[str, list[_Value]]]]]:
  """Values of the photograph by tag, and of every object with the line on which it begins."""
  content, encoding = _in_utf8(content)
  parser = expat.ParserCreate(encoding)
  path: list[str] = []
  text: list[str] = []
  fields: dict[str, _Value] = {}
  items: list[tuple[int, dict[str, list[_Value]]]] = []

  def start(tag: str, attributes: dict[str, str]) -> None:
    del attributes
    path.append(tag)
    text.clear()
    if path == ["annotation", "object"]:
      items.append((parser.CurrentLineNumber, collections.defaultdict(list)))

  def end(tag: str) -> None:
    value = _Value("".join(text).strip(), parser.CurrentLineNumber)
    if path[1:2] != ["object"]:
      fields[tag] = value
    elif len(path) == 3 or tag == "ispartof" or tag in _EDGES and path[2] != "part":
      items[-1][1][tag].append(value)
    path.pop()
    text.clear()

  def refuse(name: str, *rest: object) -> None:
    raise ValueError(f"line {parser.CurrentLineNumber}: a document type {name!r}; expected none")

  parser.StartElementHandler, parser.EndElementHandler = start, end
  parser.CharacterDataHandler, parser.StartDoctypeDeclHandler = text.append, refuse
  try:
    parser.Parse(content, True)
  except expat.ExpatError as error:
    raise ValueError(f"line {error.lineno}: {expat.ErrorString(error.code)}; expected LabelMe's "
                     "XML") from error
  if not fields and not items or list(fields)[-1] != "annotation":
    raise ValueError("line 1: no <annotation>; expected LabelMe's XML")
  return fields, items


def _in_utf8(content: bytes) -> tuple[bytes, str | None]:
  """The content, turned from an encoding that it names and the parser lacks, and what it is in."""
  named = _ENCODING.match(content)
  name = named[1].decode() if named else "utf-8"
  if name.lower() in ("utf-8", "utf-16", "us-ascii", "iso-8859-1"):
    return content, None
  try:
    return content.decode(name).encode(), "utf-8"
  except (LookupError, ValueError) as error:
    raise ValueError(f"line 1: it says that it is in {name!r}, and does not read so ({error}); "
                     "save it in UTF-8") from error


def _points(item: dict[str, list[_Value]]) -> tuple[list[float], list[float]]:
  axes: tuple[list[float], list[float]] = ([], [])
  for tag, axis in _EDGES.items():
    axes[axis].extend(_finite(value, tag) for value in item[tag])
  if not all(axes):
    raise ValueError("an object without points; expected a polygon or a box")
  return axes


def _finite(value: _Value, tag: str) -> float:
  number = _number(tag, value)
  if not math.isfinite(number):
    raise ValueError(f"line {value.line}: <{tag}> {value.text!r}; expected a finite number")
  return number


def _number(tag: str, value: _Value) -> float:
  try:
    return float(value.text)
  except ValueError:
    raise ValueError(f"line {value.line}: <{tag}> {value.text!r}; expected a number") from None


def _size(stated: list[_Value | None], numbers: list[float]) -> float:
  """Pixels of the picture along an axis; as far as objects reach where the file does not say."""
  size = next((_finite(value, "imagesize") for value in stated if value and value.text), 0)
  return size if size > 0 else max([1.0, *numbers])
