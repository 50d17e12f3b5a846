"""Points of a sweep: what was measured at each value, row and seed; their table and their plot."""

import csv
import io
import json
import pathlib
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from cmx import methods
from cmx.analysis import figures
from cmx.evaluation import results
from cmx.files import writing

LABELS = ("field", "value", "method", "seed", "seeds")  # of a point; all else are its measures

Point = dict[str, Any]  # {"field", "value", "method", "seed", "measure": fraction, ...}


def measures(result: Mapping[str, Any]) -> dict[str, float]:
  """Mean mAP over the pairs of each group, fractions: of the main table, and of unseen classes."""
  found = {}
  for prefix, table in (("", result["tables"][0]), ("unseen ", result.get("unseen"))):
    if table is None:
      continue
    for name, pairs in results.pair_groups(result["modalities"], result["text"]).items():
      values = [table["map"][pair] for pair in pairs if table["map"][pair] is not None]
      if values:
        found[prefix + name] = sum(values) / len(values)
  accuracy = [part["accuracy"] for part in result["recognition"].values()]
  return {**found, "recognition": sum(accuracy) / len(accuracy)}


def summary(points: Sequence[Point]) -> list[Point]:
  """Points with mean and sample deviation over seeds: {..., "seeds", measure, "measure std"}."""
  cells: dict[tuple, list[Point]] = {}
  for point in points:
    cells.setdefault((point["field"], point["value"], point["method"]), []).append(point)
  rows = []
  for (field, value, method), members in cells.items():
    row: Point = {"field": field, "value": value, "method": method, "seeds": len(members)}
    for measure in members[0]:
      if measure not in LABELS:
        numbers = [member[measure] for member in members]
        row[measure] = statistics.mean(numbers)
        row[f"{measure} std"] = statistics.stdev(numbers) if len(numbers) > 1 else None
    rows.append(row)
  return rows


def gains(points: Sequence[Point], baseline: str) -> list[Point]:
  """Points less those of a baseline row at the same value and seed, for every other row.

  Raises:
    ValueError: if no point is of that row.
  """
  key = lambda point: (point["field"], point["value"], point["seed"])
  against = {key(point): point for point in points if point["method"] == baseline}
  if not against:
    found = ", ".join(dict.fromkeys(point["method"] for point in points))
    raise ValueError(f"gains over {baseline!r}; expected a row of the sweep: {found}")
  return [{name: value if name in LABELS else value - against[key(point)][name]
           for name, value in point.items()} for point in points if point["method"] != baseline]


def write(workdir: pathlib.Path, points: Sequence[Point]) -> str:
  """Writes sweep.{json,csv,txt}; returns the text, mean mAP in percent for every value and row."""
  rows = summary(points)
  writing.write_text(workdir / "sweep.json", json.dumps(rows, indent=1))
  buffer = io.StringIO()
  keys = list(dict.fromkeys(key for row in rows for key in row))
  writer = csv.DictWriter(buffer, keys, lineterminator="\n")
  writer.writeheader()
  writer.writerows(rows)
  writing.write_text(workdir / "sweep.csv", buffer.getvalue())
  names = [key for key in keys if key not in LABELS and not key.endswith(" std")]
  lines = [f"{'field=value':34} {'method':20} " + " ".join(f"{name:>14}" for name in names)]
  for row in rows:
    words = [_percent(row[name], row[f"{name} std"]) if name in row else "-" for name in names]
    lines.append(f"{row['field'] + '=' + str(row['value']):34} {row['method']:20} "
                 + " ".join(f"{word:>14}" for word in words))
  title = "Mean mAP (%) over pairs of modalities, and recognition accuracy (%)"
  text = "\n".join([title, *lines, ""])
  writing.write_text(workdir / "sweep.txt", text)
  return text


def _percent(mean: float, std: float | None) -> str:
  return f"{100 * mean:.1f}" + (f" ±{100 * std:.1f}" if std is not None else "")


def plot(points: Sequence[Point], folder: pathlib.Path, measures: Sequence[str],
          baseline: str = "") -> None:
  """Writes `<folder>/sweep.png` and `.pdf`: mean mAP against the value, bars of one deviation.

  Args:
    points: of a sweep.
    folder: to write to.
    measures: names of columns of the table; each has a line of panels.
    baseline: a row; each measure has a second line of panels with the gains over it, paired by
      seed. "" for none.

  Raises:
    ValueError: if matplotlib is not installed, no point has a measure of that name, or none is of
      the baseline.
  """
  known = dict.fromkeys(key for point in points for key in point if key not in LABELS)
  for name in measures:
    if name not in known:
      raise ValueError(f"measure {name!r}; expected one of {', '.join(known)}")
  lines = []
  for name in measures:
    lines.append((f"mAP, {name} (%)", name, summary(points)))
    if baseline:
      title = f"gain over {methods.named(baseline).name} (points)"
      lines.append((title, name, summary(gains(points, baseline))))
  fields = list(dict.fromkeys(point["field"] for point in points))
  shown = list(dict.fromkeys(point["method"] for point in points))
  with figures.style():
    figure, axes = figures.new(2.7 * len(fields) + 1.7, 2.2 * len(lines) + 0.2, len(lines),
                               len(fields), sharey="row")
    for panels, (title, measure, rows) in zip(axes, lines):
      for axis, field in zip(panels, fields):
        _panel(axis, [row for row in rows if row["field"] == field and measure in row], measure,
               shown)
        axis.set_xlabel(field if panels is axes[-1] else "")
      panels[0].set_title(title)
    handles, labels = axes[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right center")
  figures.write(figure, folder, "sweep")


def _panel(axis, rows: Sequence[Point], measure: str, shown: Sequence[str]) -> None:
  values = list(dict.fromkeys(row["value"] for row in rows))
  colours, markers = figures.colours(shown), figures.markers(shown)
  methods_here = [method for method in shown if any(row["method"] == method for row in rows)]
  for i, method in enumerate(methods_here):
    line = [row for row in rows if row["method"] == method]
    # Bars stand beside one another, as far apart in every panel.
    aside = 0.2 * (i / max(len(methods_here) - 1, 1) - 0.5) * len(values) / 4
    axis.errorbar([values.index(row["value"]) + aside for row in line],
                  [100 * row[measure] for row in line],
                  [100 * (row[f"{measure} std"] or 0) for row in line],
                  color=colours[method], marker=markers[method], markersize=4, linewidth=1.2,
                  elinewidth=0.8, label=methods.named(method).name)
  if axis.get_ylim()[0] < 0:
    axis.axhline(0, color=figures.MUTED, linewidth=0.7)
  words = [f"{value:g}" if isinstance(value, float) else str(value) for value in values]
  axis.set_xticks(range(len(values)), words)
  axis.set_xlim(-0.4, len(values) - 0.6)
  axis.grid(axis="y")
