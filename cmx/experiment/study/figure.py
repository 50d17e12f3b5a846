"""The picture of a study: dots with intervals, or lines over the values of a sweep."""

import pathlib
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from cmx import methods
from cmx.analysis import figures
from cmx.experiment.study import table


def write(folder: pathlib.Path, content: table.Content, measures: Sequence[str]) -> None:
  """Writes `<folder>/study.png` and `.pdf`.

  Args:
    folder: of the study.
    content: of a study.
    measures: a panel each; in a sweep a line of panels each, and one with the differences to the
      named row.

  Raises:
    ValueError: if the study has no such measure, or matplotlib is not installed.
  """
  table.check(content, measures)
  with figures.style():
    draw = _lines if table.swept(content) else _dots
    figures.write(draw(content, measures), folder, "study")


def _dots(content: table.Content, measures: Sequence[str]) -> Any:
  """A line of two panels for each measure, means and differences: rows below each other."""
  order = [row["row"] for row in content["measures"][measures[0]]["rows"]][::-1]
  height = (0.3 * len(order) + 0.9) * len(measures) + 0.6
  figure, axes = figures.new(7.5, height, len(measures), 2, sharey=True, sharex="col")
  name = methods.named(content["against"]).name
  for (means, differences), measure in zip(axes, measures):
    found = content["measures"][measure]
    for row in found["rows"]:
      place, other = order.index(row["row"]), row["against"]
      _dot(means, place, row["mean"], row)
      if other:
        if other["smallest"] is not None:
          differences.barh(place, 200 * other["smallest"], 0.5, -100 * other["smallest"],
                           color=figures.LINE)
        _dot(differences, place, other["difference"], other, other["verdict"] != "unclear")
    means.axvline(100 * next(iter(found["chance"].values())), color=figures.MUTED, linewidth=0.7,
                  linestyle=":")
    differences.axvline(0, color=figures.MUTED, linewidth=0.7)
    means.set(title=f"{measure} (%)", ylim=(-0.6, len(order) - 0.4))
    differences.set_title(f"points above {name}", fontweight="normal")
    for axis in (means, differences):
      axis.set_axisbelow(True)
      axis.use_sticky_edges = False
      axis.grid(axis="x")
  axes[0][0].set_yticks(range(len(order)), [methods.named(row).name for row in order])
  figure.supxlabel(textwrap.fill(_legend(content), 125), fontsize=7, color=figures.MUTED)
  return figure


def _dot(axis: Any, place: int, value: float, found: Mapping[str, Any], full: bool = True) -> None:
  """A number with its interval, and that of each seed below it."""
  colour = figures.COLOURS[0]
  if found["interval"] is not None:
    axis.plot([100 * end for end in found["interval"]], [place] * 2, color=colour, linewidth=1.4,
              solid_capstyle="butt")
  axis.plot([100 * one for one in found["by_seed"]], [place - 0.22] * len(found["by_seed"]), "|",
            color=colour, markersize=3, markeredgewidth=0.6)
  axis.plot(100 * value, place, "o", color=colour, markersize=5,
            markerfacecolor=colour if full else figures.PAPER)


def _legend(content: table.Content) -> str:
  seeds, name = len(content["seeds"]), methods.named(content["against"]).name
  if seeds < 2:
    return "One seed: no interval, and nothing is known of what could be seen. Dotted: chance."
  return (f"Bar: 95 % interval over classes and {seeds} seeds; ticks: seeds; dotted: chance. Grey: "
          f"differences to {name} too small to be seen. Full dot: beyond them, and both p <= "
          f"{content['alpha']:g}.")


def _lines(content: table.Content, measures: Sequence[str]) -> Any:
  """A column of panels for each swept field: means, and differences to the named row below."""
  rows = content["measures"][measures[0]]["rows"]
  values = list(dict.fromkeys(row["value"] for row in rows))
  swept = list(dict.fromkeys(value.partition("=")[0] for value in values))
  shown = list(dict.fromkeys(row["row"] for row in rows))
  figure, axes = figures.new(2.7 * len(swept) + 1.7, 4.2 * len(measures) + 0.4, 2 * len(measures),
                             len(swept), sharey="row")
  for i, name in enumerate(measures):
    found = content["measures"][name]["rows"]
    for j, field in enumerate(swept):
      mine = [row for row in found if row["value"].partition("=")[0] == field]
      ticks = [value for value in values if value.partition("=")[0] == field]
      _panel(axes[2 * i][j], mine, ticks, shown)
      _panel(axes[2 * i + 1][j], [{**row, **row["against"], "mean": row["against"]["difference"]}
                                  for row in mine if row["against"]], ticks, shown)
      axes[2 * i + 1][j].axhline(0, color=figures.MUTED, linewidth=0.7)
    axes[2 * i][0].set_title(f"{name} (%)")
    axes[2 * i + 1][0].set_title(f"{name}, points above "
                                 f"{methods.named(content['against']).name}")
  for j, field in enumerate(swept):
    axes[-1][j].set_xlabel(field)
  handles, labels = axes[0][0].get_legend_handles_labels()
  figure.legend(handles, labels, loc="outside right center")
  return figure


def _panel(axis: Any, rows: Sequence[Mapping[str, Any]], ticks: Sequence[str],
           shown: Sequence[str]) -> None:
  """Means with intervals over the values, a line for each row; side by side, so as to be seen."""
  colours, markers = figures.colours(shown), figures.markers(shown)
  for i, name in enumerate(shown):
    line = sorted((row for row in rows if row["row"] == name),
                  key=lambda row: ticks.index(row["value"]))
    if not line:
      continue
    aside = 0.2 * (i / max(len(shown) - 1, 1) - 0.5) * len(ticks) / 4
    means = [100 * row["mean"] for row in line]
    ends = [row["interval"] or [row["mean"]] * 2 for row in line]
    axis.errorbar([ticks.index(row["value"]) + aside for row in line], means,
                  [[mean - 100 * low for mean, (low, _) in zip(means, ends)],
                   [100 * high - mean for mean, (_, high) in zip(means, ends)]],
                  color=colours[name], marker=markers[name], markersize=4, linewidth=1.2,
                  elinewidth=0.8, label=methods.named(name).name)
  axis.set_xticks(range(len(ticks)), [value.partition("=")[2] for value in ticks])
  axis.set_xlim(-0.4, len(ticks) - 0.6)
  axis.grid(axis="y")
