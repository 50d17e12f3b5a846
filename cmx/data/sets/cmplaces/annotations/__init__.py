"""Spatial text from annotated photographs: what stands where, whatever the annotations' format.

  labelme   LabelMe's and SUN's XML, a file a photograph
  ade20k    ADE20K's JSON of 2021, a file a photograph
  coco      COCO's JSON, one file for all photographs
  reading   any of them, in a folder or archive
  rendering words where objects are
  writing   spatial_text.zip, as CMPlaces' archive of it is read
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

_ASIDE = re.compile(r"\b(occluded|cropped|crop|truncated)\b|\d+|\(.*?\)")  # annotators' remarks


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


def plain(name: str) -> str:
  """An object's name as it is written: "Wall, occluded" -> "wall"; "" where nothing is left.

  Of synonyms the first; annotators' remarks, numbers and brackets are left out.
  """
  return " ".join(_ASIDE.sub(" ", name.split(",")[0].lower().replace("_", " ")).split())


def box(xs: Sequence[float], ys: Sequence[float], width: float,
        height: float) -> tuple[float, float, float, float]:
  """The box around points in pixels, in shares of the picture, cut at its edges."""
  def share(value: float, whole: float) -> float:
    return min(max(value / whole, 0.0), 1.0)
  return (share(min(xs), width), share(min(ys), height),
          share(max(xs), width), share(max(ys), height))
