"""Sheets: what each modality's examples would be, how sharp that is, what units look for."""

import textwrap
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from cmx.analysis import figures
from cmx.analysis import tiles
from cmx.analysis.inversion import result as result_lib
from cmx.evaluation import examples as examples_lib

_Examples = Callable[[str, int], examples_lib.Example]  # (modality, row of the validation features)

_TILE, _GAP, _GROUP = 0.8, 0.05, 0.2  # inches: side of a picture, between pictures, between groups
_LINE, _SIDE = 0.15, 0.95  # inches: a line of small type, room for the names of rows
_SMALL = 6.0  # points
_PIXELS = 160  # of a tile as drawn
_LETTERS = 15  # of small type that stand below a picture
_WRONG = figures.COLOURS[3]
WAYS = {"inverted": "inverted", "second": "again", "third": "once more",
        "moved": "moved, inverted", "nearest": "nearest picture"}


class _Page:
  """An empty figure of so many inches, drawn on from its upper left corner."""

  def __init__(self, width: float, height: float):
    self.figure, [[self.axes]] = figures.new(width, height)
    self.figure.set_layout_engine("none")
    self.axes.set_position((0, 0, 1, 1))
    self.axes.set_axis_off()
    self._limits = (0, width), (height, 0)

  def text(self, x: float, y: float, words: str, *, size: float = _SMALL, colour: str = figures.INK,
           **options: Any) -> None:
    self.axes.text(x, y, words, fontsize=size, color=colour, **{"va": "top", **options})

  def picture(self, x: float, y: float, example: examples_lib.Example) -> None:
    self.axes.imshow(np.asarray(tiles.tile(example, _PIXELS)), extent=(x, x + _TILE, y + _TILE, y),
                     interpolation="lanczos")
    self.axes.set(xlim=self._limits[0], ylim=self._limits[1], aspect="auto")


def modalities(result: result_lib.Inverted, examples: _Examples) -> Any:
  """A row for each category, in it every modality's example beside what its features give.

  Args:
    result: of an inversion.
    examples: what stands behind the rows of the validation features.

  Returns:
    A matplotlib figure that explains itself.
  """
  content, shown = result.content, ways(result.content)
  categories = list(dict.fromkeys(tile["category"] for tile in content["tiles"]))
  lefts, right = {}, _SIDE
  for name, its in shown.items():
    lefts[name] = right
    right += (1 + len(its)) * (_TILE + _GAP) + _GROUP
  step, top = _TILE + _LINE + 2 * _GAP, 4.5 * _LINE
  lines = textwrap.wrap(caption(content), int(right * 16))
  page = _Page(right, top + len(categories) * step + (len(lines) + 1) * _LINE)
  page.text(_GAP, _GAP, f"{content['layer']} of {content['name']}: the {content['reference']} "
            "picture that an example would be", size=10, weight="bold")
  for name, its in shown.items():
    page.text(lefts[name], 2 * _LINE, name.replace("_", " "), size=9, weight="bold")
    for k, word in enumerate(["example", *(WAYS[way] for way in its)]):
      page.text(lefts[name] + k * (_TILE + _GAP), 3.4 * _LINE, word, colour=figures.MUTED)
  for i, category in enumerate(categories):
    page.text(_GAP, top + i * step + _TILE / 2, category.replace("_", "\n"), size=9, va="center")
  for number, tile in enumerate(content["tiles"]):
    name = tile["modality"]
    _tile(page, lefts[name], top + categories.index(tile["category"]) * step, tile,
          examples(name, tile["row"]), {way: result.pictures[way][number] for way in shown[name]})
  for i, line in enumerate(lines):
    page.text(_GAP, top + len(categories) * step + (i + 0.5) * _LINE, line)
  return page.figure


def ways(content: Mapping[str, Any]) -> dict[str, list[str]]:
  """The ways that pictures were made for each modality, in their order on sheets."""
  found = {tile["modality"]: [way for way in WAYS if way in tile] for tile in content["tiles"]}
  return {row["modality"]: found[row["modality"]] for row in content["rows"]
          if row["modality"] in found}


def _tile(page: _Page, x: float, y: float, tile: Mapping[str, Any], example: examples_lib.Example,
          pictures: Mapping[str, np.ndarray]) -> None:
  """An example and its pictures in a line; below each, what the classifier takes it for."""
  page.picture(x, y, example)
  _answer(page, x, y, tile["answer"], tile["category"])
  for way, picture in pictures.items():
    x += _TILE + _GAP
    page.picture(x, y, example._replace(input=picture))
    _answer(page, x, y, tile[way]["answer"], tile["category"], f"{tile[way]['cosine']:.2f} ")


def _answer(page: _Page, x: float, y: float, answer: str, category: str, before: str = "") -> None:
  words = before + answer.replace("_", " ")
  words = words if len(words) <= _LETTERS else words[:_LETTERS - 1] + "…"
  page.text(x, y + _TILE + 0.02, words, colour=figures.INK if answer == category else _WRONG)


def caption(content: Mapping[str, Any]) -> str:
  """What the sheet of modalities shows, in sentences that need no other text."""
  reference, layer = content["reference"], content["layer"]
  every = {way for its in ways(content).values() for way in its}
  parts = [
    "Each example is the first of its category in a random order, none is chosen for its looks. "
    f"inverted: a picture that a decoder draws from noise and the example's {layer}; again, once "
    f"more: from other noise. It was trained on {reference} examples alone."]
  if "moved" in every:
    parts.append(f"moved: its features were first given the mean and deviation of {reference} "
                 "ones, from training examples; so they were for the nearest picture.")
  parts.append(
    f"nearest picture: the {reference} training picture whose {layer} is nearest, a lookup. "
    "Below: what the classifier takes it for, in orange where that is not the category; before it "
    f"the cosine of the picture's {layer}, read again, with the features it was made of. Seed "
    f"{content['seed']}, validation split.")
  return " ".join(parts)


def units(result: result_lib.Inverted, examples: _Examples) -> Any:
  """A row for each unit: the strongest example, and what excites it through each tower."""
  content, of_units = result.content, result.content["units"]
  rows, columns = of_units["numbers"], [f"strongest\n{content['reference']} example"]
  columns += [f"through the tower of\n{name.replace('_', ' ')}" for name in of_units["modalities"]]
  width, step = _SIDE + max(4, len(columns)) * (_TILE + 3 * _GAP), _TILE + 2 * _GAP
  caption = textwrap.wrap(
    f"The {len(rows)} units of {content['layer']} that vary most over {content['reference']} "
    "validation examples. The pictures are noise, changed step by step until the unit fires most, "
    "with no example involved: alike in a row where the unit means the same whatever the tower, "
    f"unless each modality has units of its own. {content['name']}, seed {content['seed']}.",
    int(width * 15.5))
  top = 4.5 * _LINE
  page = _Page(width, top + len(rows) * step + (len(caption) + 1) * _LINE)
  page.text(_GAP, _GAP, f"What units of {content['layer']} look for", size=10, weight="bold")
  for j, word in enumerate(columns):
    page.text(_SIDE + j * (_TILE + 3 * _GAP), 2.2 * _LINE, word, colour=figures.MUTED)
  for i, (number, row) in enumerate(zip(rows, of_units["examples"])):
    y = top + i * step
    page.text(_GAP, y + _TILE / 2, f"unit {number}", size=9, va="center")
    example = examples(content["reference"], row)
    found_for_it = [pictures[i] for pictures in result.pictures["units"]]
    shown = [example, *(example._replace(input=picture) for picture in found_for_it)]
    for j, picture in enumerate(shown):
      page.picture(_SIDE + j * (_TILE + 3 * _GAP), y, picture)
  for i, line in enumerate(caption):
    page.text(_GAP, top + len(rows) * step + (i + 0.5) * _LINE, line)
  return page.figure


def spectra(result: result_lib.Inverted) -> Any:
  """Power by wave number of every modality's inversions, beside that of real pictures."""
  content = result.content
  figure, [[axis]] = figures.new(5.0, 3.4)
  plain = [row for row in content["rows"] if not row["moved"]]
  colours = figures.colours([row["modality"] for row in plain])
  waves = np.arange(1, len(content["spectrum"]) + 1)
  axis.loglog(waves, content["spectrum"], color=figures.INK, linewidth=2,
              label=f"real pictures of {content['reference']}")
  for row in plain:
    axis.loglog(waves, row["spectrum"]["inverted"], color=colours[row["modality"]],
                label=f"inverted, {row['modality'].replace('_', ' ')}")
  axis.set(xlabel=f"waves across {content['size']} pixels", ylabel="power of grey from -1 to 1",
           title=f"{content['layer']}: sharpness")
  for ticks in (axis.xaxis, axis.yaxis):  # a logarithm has formulas, which are not set here
    ticks.set_major_formatter(lambda value, place: f"{value:g}")
  axis.legend()
  return figure
