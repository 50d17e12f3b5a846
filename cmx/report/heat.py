"""Tables of numbers with a ground that says how large they are: on the page and as a figure."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from cmx.analysis import figures
from cmx.evaluation import table_files
from cmx.report import section as section_lib

_CELL, _LINE, _NAME, _HEAD = 0.4, 0.24, 1.75, 0.62  # inches: cell, row, row's name, heads
_LETTER = 7.5  # points
_STRONGEST = 0.65  # of the colour: numbers stay readable on it


class Cell(NamedTuple):
  """A number in words, what stands beneath it (its spread), and its shade in [0, 1]."""

  text: str
  beneath: str = ""
  shade: float = 0.0


class Grid(NamedTuple):
  """A table: a title, heads of two lines, and rows of a name and its cells."""

  title: str
  columns: Sequence[tuple[str, str]]
  rows: Sequence[tuple[str, Sequence[Cell]]]


def cell(value: Mapping[str, Any], low: float | None, high: float) -> Cell:
  """A fraction in percent, with its spread beneath; colour begins at `low` and is full at `high`.

  `value` is {"mean", "std"}, None where unknown; `low` is chance, `high` the table's largest.
  """
  beneath = "" if value["std"] is None else f"±{100 * value['std']:.1f}"
  low, mean = low or 0.0, value["mean"]
  share = 0.0 if mean is None or high <= low else (mean - low) / (high - low)
  return Cell(table_files.percent(value), beneath, min(1.0, max(0.0, share)))


def html(grid: Grid) -> str:
  """The grid as a table."""
  escape = section_lib.escape
  head = '<th scope="col"></th>' + "".join(
    f'<th scope="col">{escape(upper)}<br>{escape(lower)}</th>' for upper, lower in grid.columns)
  lines = []
  for name, cells in grid.rows:
    words = "".join(
      f'<td style="--shade:{cell.shade:.3f}">{escape(cell.text)}'
      + (f"<small>{escape(cell.beneath)}</small>" if cell.beneath else "") + "</td>"
      for cell in cells)
    lines.append(f'<tr><th scope="row">{escape(name)}</th>{words}</tr>')
  return (f'<div class="wide"><table class="heat"><caption>{escape(grid.title)}</caption>'
          f"<thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table></div>")


def figure(grids: Sequence[Grid]) -> Any:
  """The grids below each other, columns in line."""
  columns = max(len(grid.columns) for grid in grids)
  heights = [_HEAD + _LINE * len(grid.rows) + 0.18 for grid in grids]
  width, height = _NAME + columns * _CELL + 0.15, sum(heights)
  drawing, axes = figures.new(width, height, len(grids), 1)
  drawing.set_layout_engine("none")
  below = height
  for grid, (axis,), own in zip(grids, axes, heights):
    below -= own
    axis.set_position((0, below / height, 1, own / height))
    _draw(axis, grid, width, own)
  return drawing


def _draw(axis: Any, grid: Grid, width: float, height: float) -> None:
  """One grid; the axis is in inches from its upper left corner."""
  from matplotlib import patches
  axis.set(xlim=(0, width), ylim=(height, 0))
  axis.set_axis_off()
  axis.text(0.08, 0.12, grid.title, size=9, weight="bold", va="center")
  for j, head in enumerate(grid.columns):
    centre = _NAME + (j + 0.5) * _CELL
    for line, text in zip((0.33, 0.47), head):
      axis.text(centre, line, text, size=_LETTER - 1, ha="center", va="center", color=figures.MUTED)
  for i, (name, cells) in enumerate(grid.rows):
    middle = _HEAD + (i + 0.5) * _LINE
    axis.text(0.08, middle, name, size=_LETTER + 0.5, va="center")
    for j, cell in enumerate(cells):
      corner = _NAME + j * _CELL, middle - _LINE / 2
      axis.add_patch(patches.Rectangle(corner, _CELL, _LINE, facecolor=figures.COLOURS[0],
                                       alpha=_STRONGEST * cell.shade, edgecolor="none"))
      text = f"{cell.text} {cell.beneath}".strip()
      axis.text(corner[0] + _CELL / 2, middle, text, size=_LETTER - 2.2 * bool(cell.beneath),
                ha="center", va="center")
