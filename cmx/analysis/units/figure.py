"""Drawing: a unit on one page, a row a modality, its top examples with what they are lit by."""

import itertools
import textwrap
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from cmx.analysis import figures
from cmx.analysis.units import lit_tiles
from cmx.analysis.units import looks

_SIDE = 240  # pixels of a tile
_TILE, _GAP, _UNDER, _LABEL, _EDGE, _HEAD = 1.25, 0.09, 0.33, 1.45, 0.15, 0.62  # inches
_LINE, _LETTERS = 0.155, 16.5  # of the caption: inches of a line, letters of an inch
_NARROWEST = 6.0  # inches
_DEAD = 0.6  # inches, a row without examples
_WEAK, _STRONG = 0.08, 0.3  # of the response: words without which less is lost are not marked, and
                            # those without which as much is lost are marked fully


class Row(NamedTuple):
  """A modality's row on the page.

  Attributes:
    title: of the modality.
    notes: what else is known of the unit in this modality, a line each.
    looks: its top examples; none where the unit is dead.
  """

  title: str
  notes: Sequence[str]
  looks: Sequence[looks.Look]


def tile(look: looks.Look, side: int) -> Image.Image:
  """An example as a square tile, lit or marked."""
  x = look.example.input
  if isinstance(x, str):
    return lit_tiles.text(x, strengths(look), side)
  return lit_tiles.picture(look.example, look.lit, side)


def strengths(look: looks.Look) -> dict[str, float]:
  """How strongly each word of a text is marked, 0 to 1."""
  return {word: min(1.0, lost / _STRONG) for word, lost in look.marks.items() if lost >= _WEAK}


def page(title: str, rows: Sequence[Row], caption: Sequence[str]) -> Any:
  """A figure: title, a row a modality, caption.

  Args:
    title: a line.
    rows: of modalities, in table order.
    caption: paragraphs of text that stands alone.
  """
  most = max((len(row.looks) for row in rows), default=0) or 1
  width = max(_LABEL + most * (_TILE + _GAP) + _EDGE, _NARROWEST)
  lines = [line for text in caption for line in textwrap.wrap(text, int(width * _LETTERS))]
  heights = [_TILE + _UNDER if row.looks else _DEAD for row in rows]
  height = _HEAD + sum(heights) + len(lines) * _LINE + 2 * _EDGE
  with figures.style():
    figure, ((axes,),) = figures.new(width, height)
    figure.set_layout_engine("none")
    axes.set_axis_off()
    axes.text(_EDGE, _HEAD / 2, title, size=12.5, weight="bold", va="center")
    for row, y in zip(rows, itertools.accumulate(heights, initial=_HEAD)):
      _row(axes, row, y)
    axes.text(_EDGE, height - _EDGE, "\n".join(lines), size=8, va="bottom", linespacing=1.35,
              color=figures.MUTED)
    axes.set(position=(0, 0, 1, 1), xlim=(0, width), ylim=(height, 0))  # in inches
  return figure


def _row(axes: Any, row: Row, y: float) -> None:
  axes.text(_EDGE, y + 0.03, row.title, size=10, weight="bold", va="top")
  axes.text(_EDGE, y + 0.25, "\n".join(row.notes), size=8, va="top", linespacing=1.3,
            color=figures.MUTED)
  for j, look in enumerate(row.looks):
    x = _LABEL + j * (_TILE + _GAP)
    axes.imshow(np.asarray(tile(look, _SIDE)), extent=(x, x + _TILE, y + _TILE, y), aspect="auto",
                interpolation="none")
    axes.text(x, y + _TILE + 0.03, _cut(look.example.category.replace("_", " "), 20), size=8,
              va="top")
    axes.text(x, y + _TILE + 0.165, _cut(", ".join(look.objects), 24), size=7, va="top",
              color=figures.MUTED)
  if not row.looks:
    axes.text(_LABEL, y + 0.03, "dead: it answers every example alike", size=8, va="top",
              color=figures.MUTED)


def _cut(text: str, letters: int) -> str:
  return text if len(text) <= letters else text[:letters - 1].rstrip(" ,") + "…"
