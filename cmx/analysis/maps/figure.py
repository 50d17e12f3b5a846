"""A map as a figure: the same points by modality and by category, side by side."""

import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np

from cmx.analysis import figures
from cmx.analysis.maps import names as names_lib
from cmx.analysis.maps import tsne

MARGIN = 0.03  # around the points, share of the map: a panel shows [-MARGIN, 1 + MARGIN]
_SIDE = 5.2  # inches of a panel
_POINTS = 72.0  # points an inch
_KEY_COLUMNS, _KEY_LINE = 7, 0.14  # of a key of numbered names: columns, inches a line
_KEY_LETTERS = 36  # of a name in a key, at most
_LEGEND_COLUMNS = 5
_COLUMNS, _SMALL, _GAP, _ABOVE, _BELOW = 4, 2.5, 0.15, 0.28, 0.3  # of the overview, inches


def _letter_size(categories: int) -> float:
  """Points of a name's letters: smaller where there are many."""
  return 8.0 if categories <= 30 else 6.5 if categories <= 60 else 5.5 if categories <= 120 else 4.6


def arranged(mapped: tsne.Map, classes: Sequence[str]) -> list[names_lib.Name]:
  """The names of a map's categories, as its panel by category has them."""
  size = _letter_size(len(np.unique(mapped.sample.label))) / (_SIDE * _POINTS) * (1 + 2 * MARGIN)
  return names_lib.arrange(mapped.place, mapped.sample.label, classes, size)


def by_modality(axis: Any, mapped: tsne.Map, scale: float = 1.0) -> None:
  """Draws the points, coloured and shaped by modality; `scale` is that of their area."""
  _frame(axis)
  colours, markers = figures.colours(mapped.sample.names), figures.markers(mapped.sample.names)
  _points(axis, mapped, np.array([colours[mapped.sample.names[i]] for i in mapped.sample.modality]),
          markers, scale)


def by_category(axis: Any, mapped: tsne.Map, names: Sequence[names_lib.Name]) -> None:
  """Draws the points, coloured by category and shaped by modality, and the categories' names."""
  _frame(axis)
  chosen = names_lib.colour_places([name.of for name in names], len(figures.COLOURS))
  colours = {name.label: figures.COLOURS[i] for name, i in zip(names, chosen)}
  _points(axis, mapped, np.array([colours[int(value)] for value in mapped.sample.label]),
          figures.markers(mapped.sample.names))
  size = _letter_size(len(names))
  for name in names:
    if np.linalg.norm(name.at - name.of) > 0.03:
      axis.plot(*zip(name.of, name.at), color=colours[name.label], linewidth=0.9, zorder=2)
    axis.text(*name.at, name.text, size=size, ha="center", va="center", zorder=3, color=figures.INK,
              bbox={"facecolor": figures.PAPER, "edgecolor": "none", "alpha": 0.6, "pad": 0.4})


def _frame(axis: Any) -> None:
  axis.set(xlim=(-MARGIN, 1 + MARGIN), ylim=(-MARGIN, 1 + MARGIN), xticks=(), yticks=())
  axis.set_aspect("equal")
  for spine in axis.spines.values():
    spine.set(visible=True, color=figures.LINE)


def _points(axis: Any, mapped: tsne.Map, colour: np.ndarray, markers: dict[str, str],
            scale: float = 1.0) -> None:
  area = scale * float(np.clip(14_000 / len(mapped.place), 5, 26))
  for i, name in enumerate(mapped.sample.names):  # a scatter has one marker; order within is random
    own = mapped.sample.modality == i
    axis.scatter(*mapped.place[own].T, s=area, c=colour[own], marker=markers[name], linewidths=0,
                 alpha=0.8, rasterized=True, zorder=1)


def panel(draw: Any, *arguments: Any) -> str:
  """One panel as <svg>, its axes filling it: what `draw(axis, *arguments)` draws."""
  figure, ((axis,),) = figures.new(_SIDE, _SIDE)
  figure.set_layout_engine("none")
  axis.set_position((0, 0, 1, 1))
  draw(axis, *arguments)
  return figures.svg(figure)


def whole(mapped: tsne.Map, classes: Sequence[str], title: str) -> Any:
  """The figure for a talk: both panels, a legend, the key of numbered names, the two numbers."""
  names = arranged(mapped, classes)
  keyed = [f"{name.text} {figures.short(classes[name.label], _KEY_LETTERS)}"
           for name in names if name.keyed]
  lines = -(-len(keyed) // _KEY_COLUMNS)
  low, high = 0.62 + lines * _KEY_LINE + 0.22 * _legend_lines(mapped), 0.65
  width, height = 2 * _SIDE + 0.45, _SIDE + low + high
  figure, (axes,) = figures.new(width, height, 1, 2)
  figure.set_layout_engine("none")
  for i, axis in enumerate(axes):
    axis.set_position(((0.15 + i * (_SIDE + 0.15)) / width, low / height,
                       _SIDE / width, _SIDE / height))
  by_modality(axes[0], mapped)
  by_category(axes[1], mapped, names)
  axes[0].set_title("by modality")
  axes[1].set_title(f"by category ({len(names)}; a line leads to where it is densest)")
  figure.text(0.15 / width, 1 - 0.12 / height, title, weight="bold", size=12, va="top")
  _legend(figure, mapped, low - 0.05)
  words = textwrap.fill(sentence(mapped), 130)
  figure.text(0.15 / width, (0.5 + lines * _KEY_LINE) / height, words, size=9, va="top")
  for i, text in enumerate(keyed):
    column, line = divmod(i, lines)
    figure.text((0.15 + column * (width - 0.2) / _KEY_COLUMNS) / width,
                (0.08 + (lines - 1 - line) * _KEY_LINE) / height, text, size=6, va="bottom")
  return figure


def _legend(figure: Any, mapped: tsne.Map, height: float) -> None:
  """A legend of the modalities, in lines of five, its upper edge `height` inches from below."""
  from matplotlib import lines
  colours, markers = figures.colours(mapped.sample.names), figures.markers(mapped.sample.names)
  counts = np.bincount(mapped.sample.modality, minlength=len(mapped.sample.names))
  handles = [lines.Line2D([], [], linestyle="", marker=markers[name], color=colours[name],
                          markersize=6, markeredgewidth=0,
                          label=f"{figures.short(name, _KEY_LETTERS)} ({count})")
             for name, count in zip(mapped.sample.names, counts)]
  corner = 0.05 / figure.get_figwidth(), height / figure.get_figheight()
  figure.legend(handles=handles, loc="upper left", bbox_to_anchor=corner, ncols=_LEGEND_COLUMNS,
                handletextpad=0.1, columnspacing=1.2, borderpad=0.2)


def overview(maps: Sequence[tuple[str, tsne.Map]]) -> Any:
  """Small maps by modality, with titles, and the two numbers beneath each."""
  columns = min(_COLUMNS, len(maps))
  rows = -(-len(maps) // columns)
  width = columns * (_SMALL + _GAP) + _GAP
  low, line = 0.25 * _legend_lines(maps[0][1]) + 0.05, _SMALL + _ABOVE + _BELOW
  height = low + rows * line
  figure, axes = figures.new(width, height, rows, columns)
  figure.set_layout_engine("none")
  for i, axis in enumerate(axis for row in axes for axis in row):
    axis.set_axis_off() if i >= len(maps) else None
    row, column = divmod(i, columns)
    axis.set_position(((_GAP + column * (_SMALL + _GAP)) / width,
                       (height - row * line - _ABOVE - _SMALL) / height,
                       _SMALL / width, _SMALL / height))
    if i < len(maps):
      title, mapped = maps[i]
      by_modality(axis, mapped, 0.4)
      axis.set_title(title, size=9)
      axis.set_xlabel(f"other modality {_percent(mapped.mixing.other)} %, same category "
                      f"{_percent(mapped.mixing.same)} %", size=7.5)
  _legend(figure, maps[0][1], low)
  expected = maps[0][1].mixing
  text = (f"perfectly mixed: {_percent(expected.other_mixed)} %; "
          f"by chance: {_percent(expected.same_chance)} %")
  figure.text(1 - _GAP / width, (low - 0.08) / height, text, size=7.5, ha="right", va="top")
  return figure


def _legend_lines(mapped: tsne.Map) -> int:
  return -(-len(mapped.sample.names) // _LEGEND_COLUMNS)


def sentence(mapped: tsne.Map) -> str:
  """The two numbers in words."""
  near = mapped.mixing
  return (f"Of the {near.nearest} nearest neighbours of an example (by the features, not the "
          f"plane, and among all {near.points:,} of the split), {_percent(near.other)} % are of "
          f"another modality ({_percent(near.other_mixed)} % if perfectly mixed) and "
          f"{_percent(near.same)} % of the same category ({_percent(near.same_chance)} % by "
          "chance).")


def _percent(share: float) -> str:
  return f"{100 * share:.0f}" if share >= 0.1 or share == 0 else f"{100 * share:.1f}"
