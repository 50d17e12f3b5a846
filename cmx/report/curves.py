"""Learning curves: every modality's loss and accuracy, and every term, from metrics.jsonl."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from cmx import methods
from cmx.analysis import figures
from cmx.report import opening
from cmx.report import section as section_lib
from cmx.training import step

_SMOOTH = 25  # a curve is the mean over this part of its points around each
_WIDTH, _HEIGHT, _ENTRY = 2.25, 1.75, 2.2  # inches of a panel, and of an entry of the legend
_DASHES = ("-", (0, (4, 1.5)), (0, (1, 1)))  # changes where the colours begin again, and at half
_CAREFUL = (
  "Curves of training are of batches with dropout and variation: a low loss there may be learnt by "
  "heart, and only the validation split tells.",)
_LOOKS = "validation_"  # how the names of what is seen of the validation split begin


def section(report: opening.Report) -> section_lib.Section | None:
  """A panel for each series, a line for each method and seed."""
  runs = [opened for opened in report.runs if opened.metrics]
  problems = [f"{opened.name}, seed {opened.run.config.seed}, has no metrics.jsonl"
              for opened in report.runs if not opened.metrics]
  if not runs:
    return section_lib.Section("Learning curves", "", problems=problems)
  rows = _series(runs)
  changes = {phase.first for opened in runs for phase in step.phases(
    methods.named(opened.method), opened.run.config.optimizer)[1:]}
  caption = (f"Learning curves against steps: cross entropy (nats) and accuracy of each modality, "
             f"then the terms. One line a seed, means over a {_SMOOTH}th of the run."
             + (" Dotted: where methods with two phases change to the second." if changes else ""))
  if any(key.startswith(_LOOKS) for opened in runs for line in opened.metrics for key in line):
    caption += " Strong, with dots: a part of the validation split; pale: training batches."
  else:
    problems.append("The validation split was not looked at while these were trained "
                    "(log.validation_steps): curves are of training alone")
  drawing = section_lib.figure(report, "curves", _draw(runs, rows, changes), caption)
  return section_lib.Section("Learning curves", drawing, _CAREFUL, problems)


def _series(runs: Sequence[opening.Opened]) -> list[list[str]]:
  """Names of the series, a list for each row of panels; those that no run has are left out."""
  names = [row.name for row in runs[0].run.modalities]
  found = dict.fromkeys(key for opened in runs for line in opened.metrics for key in line)
  rows = [[f"{kind}/{name}" for name in names] for kind in ("loss", "accuracy")]
  each = {key for row in rows for key in row}
  terms = [key for key in sorted(found) if key not in each
           and key.split("/")[0] in ("loss", "gradient_norm", "gradient_share")]
  rows = [[key for key in row if key in found] for row in (*rows, terms)]
  return [row for row in rows if row]


def _draw(runs: Sequence[opening.Opened], rows: Sequence[Sequence[str]],
          changes: Iterable[int]) -> Any:
  columns = max(map(len, rows))
  figure, axes = figures.new(columns * _WIDTH, len(rows) * _HEIGHT + 0.5, len(rows), columns,
                             sharex=True)
  names = list(dict.fromkeys(opened.name for opened in runs))
  colours = figures.colours(names)
  half = len(figures.COLOURS) // 2
  dashes = {name: _DASHES[i // half % len(_DASHES)] for i, name in enumerate(names)}
  lines = {}
  for series, line in zip(rows, axes):
    for axis in line[len(series):]:
      axis.set_axis_off()
    for key, axis in zip(series, line):
      axis.set_title(_title(key), size=8.5)
      axis.grid(axis="y", linewidth=0.5)
      axis.tick_params(labelbottom=True, labelsize=7)
      for change in sorted(changes):
        axis.axvline(change, color=figures.MUTED, linestyle=":", linewidth=0.8)
      for opened in runs:
        look = {"color": colours[opened.name], "linestyle": dashes[opened.name]}
        x, y = _points(opened, _LOOKS + key)
        if len(x):
          lines[opened.name], = axis.plot(x, y, **look, linewidth=1.3, marker=".", markersize=4)
        pale = {"linewidth": 0.7, "alpha": 0.45} if len(x) else {"linewidth": 1.1}
        x, y = _points(opened, key)
        if len(x):
          line, = axis.plot(x, _smooth(y), **look, **pale)
          lines.setdefault(opened.name, line)
  figure.legend(list(lines.values()), list(lines), loc="outside lower left",
                ncols=max(1, int(columns * _WIDTH / _ENTRY)))
  return figure


def _points(opened: opening.Opened, key: str) -> tuple[np.ndarray, np.ndarray]:
  """Steps [N] and values [N] of a series; none where it is not among the metrics."""
  found = [(part["step"], part[key]) for part in opened.metrics if key in part]
  x, y = np.array(found).reshape(-1, 2).T
  return x, y


def _title(key: str) -> str:
  kind, _, name = key.partition("/")
  return f"{kind}, {name}".replace("_", " ") if name else key.replace("_", " ")


def _smooth(values: np.ndarray) -> np.ndarray:
  """Means [N] over the neighbours of each value [N]; fewer of them at the ends."""
  reach = len(values) // _SMOOTH // 2 + 1 if len(values) > 8 else 0
  sums = np.concatenate([[0.0], np.cumsum(values)])
  low = np.maximum(np.arange(len(values)) - reach, 0)
  high = np.minimum(np.arange(len(values)) + reach + 1, len(values))
  return (sums[high] - sums[low]) / (high - low)
