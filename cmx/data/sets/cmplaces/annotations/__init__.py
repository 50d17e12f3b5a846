"""Spatial text from annotated photographs: what stands where, whatever the annotations' format.

  labelme   LabelMe's, SUN's and Pascal VOC's XML, a file a photograph
  ade20k    ADE20K's JSON of 2021, a file a photograph
  coco      COCO's JSON, one file for all photographs
  reading   any of them, in a folder or archive
  rendering words where objects are
  writing   spatial_text.zip, as CMPlaces' archive of it is read
"""

import math
import re
from collections.abc import Sequence
from typing import NamedTuple

from cmx.files import text

# Annotators' remarks, and numbers that stand by themselves.
_ASIDE = re.compile(r"\b(occluded|cropped|crop|truncated)\b|\(.*?\)|(?<!\S)\d+(?!\S)")
_CONTROLS = re.compile("[\0-\x1f\x7f-\x9f]+")
_SUFFIX = re.compile(r"(?<=[^/])\.[A-Za-z0-9]{1,5}$")


class Object(NamedTuple):
  """An object of a photograph: its name, and its box (x0, y0, x1, y1) in shares of the picture."""

  name: str
  box: tuple[float, float, float, float]


class Photograph(NamedTuple):
  """What is written about a photograph.

  Attributes:
    key: its path, without suffix; unique among what is read together.
    scenes: names of its scene, the likeliest first; folders of its path.
    objects: what it shows.
  """

  key: str
  scenes: tuple[tuple[str, ...], ...]
  objects: tuple[Object, ...]


class Left(NamedTuple):
  """An object that is left out of its photograph: where it is in its file, and why."""

  where: str
  why: str


class Bad(NamedTuple):
  """A file, or a photograph of it, that cannot be used: where, and why."""

  where: str
  why: str


def path_key(path: str) -> str:
  """A photograph's path as it is compared: without suffix and "./", in one normal form."""
  parts = text.normal(path).replace("\\", "/").split("/")
  return _SUFFIX.sub("", "/".join(part for part in parts if part not in ("", ".")))


def plain(name: str) -> str:
  """An object's name as it is written: "Wall, occluded" -> "wall"; "" where nothing is left.

  Of synonyms the first; annotators' remarks, brackets, and numbers by themselves are left out.
  """
  words = _CONTROLS.sub(" ", text.folded(name)).split(",")[0].lower().replace("_", " ")
  return " ".join(_ASIDE.sub(" ", words).split())


def object_of(name: object, at: tuple[float, float, float, float]) -> Object:
  """The object of an annotator's name and a box.

  Raises:
    ValueError: if nothing of the name is left.
  """
  if not isinstance(name, str) or not plain(name):
    raise ValueError(f"nothing is left of the name {name!r}; expected a word, as in \"wall 2\"")
  if text.lone_surrogate(name) is not None:
    raise ValueError(f"name {ascii(name)} has half a pair of its letters; expected valid Unicode")
  return Object(plain(name), at)


def box(xs: Sequence[float], ys: Sequence[float], width: float,
        height: float) -> tuple[float, float, float, float]:
  """The box around points in pixels, in shares of the picture, cut at its edges.

  Raises:
    ValueError: if there is no point, a number is not finite, or nothing of it lies in the picture.
  """
  if not all(isinstance(numbers, Sequence) and not isinstance(numbers, str) and numbers
             for numbers in (xs, ys)):
    raise ValueError(f"points x {xs!r}, y {ys!r}; expected numbers, one or more")
  for value in (*xs, *ys, width, height):
    if not isinstance(value, (int, float)) or not math.isfinite(value):
      raise ValueError(f"{value!r} among its numbers; expected finite ones")
  if width <= 0 or height <= 0:
    raise ValueError(f"a picture of {width} x {height} pixels; expected a size")
  if min(xs) >= width or max(xs) < 0 or min(ys) >= height or max(ys) < 0:
    raise ValueError(f"x from {min(xs)} to {max(xs)}, y from {min(ys)} to {max(ys)} in a picture "
                     f"of {width} x {height} pixels; expected some of it inside")

  def share(value: float, whole: float) -> float:
    return min(max(value / whole, 0.0), 1.0)
  return (share(min(xs), width), share(min(ys), height),
          share(max(xs), width), share(max(ys), height))
