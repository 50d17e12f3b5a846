"""Classes one by one in the best row: how well each is recognised and found, and what for what."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sklearn import metrics

from cmx.analysis import figures
from cmx.evaluation import results
from cmx.files import grids
from cmx.files import writing
from cmx.report import heat
from cmx.report import opening
from cmx.report import section as section_lib

_SHOWN = 40  # classes of the table; three quarters of them are the weakest
_NAMED = 32  # classes up to which a matrix has names at its sides
_MOST = 3  # confusions that are named, of each modality
_COLUMNS, _PANEL, _LETTERS = 3, 3.0, 16  # of the matrices: a line, inches; letters of a name
_CAREFUL = (
  "A class has few validation examples: one of twenty more or less is five points, and the weakest "
  "of many classes is weak by bad luck, too.",)


def section(report: opening.Report) -> section_lib.Section | None:
  """A table of classes, the weakest first, and a confusion matrix for each modality."""
  opened = next((opened for opened in report.shown if opened.name == report.best), None)
  if opened is None or not opened.features or not opened.result:
    return None
  classes, problems = opened.run.classes, []
  codes = results.codes(opened.run.modalities)
  matrices = {codes[name]: metrics.confusion_matrix(
    part["label"], np.argmax(part["fc8"], axis=1), labels=range(len(classes)))
    for name, part in opened.features.items()}
  columns = {code: _recognised(matrix) for code, matrix in matrices.items()}
  precision = _precision(opened, problems)
  if precision is not None:
    columns["found"] = precision
  report.folder.mkdir(parents=True, exist_ok=True)
  writing.write_text(report.folder / "classes.csv", grids.records_to_csv(
    [{"class": name, **{key: results.number(values[i]) for key, values in columns.items()}}
     for i, name in enumerate(classes)]))
  body = section_lib.paragraph(
    f"Of {opened.name}, seed {opened.run.config.seed}: the share of each class's validation "
    "examples that fc8 recognises, by modality" + (
      "; found: its mean average precision as a query, over pairs of different modalities."
      if precision is not None else "."))
  chance = opened.result["tables"][0]["chance"]
  found_by_chance = results.spread(chance[pair] for pair in _pairs(opened))["mean"]
  grid = _grid(classes, columns, {**dict.fromkeys(codes.values(), 1 / len(classes)),
                                  "found": found_by_chance})
  body += heat.html(grid) + '<p class="files">classes.csv</p>'
  caption = ("What is taken for what, by fc8: a line is a class, a column what its examples are "
             "called, the darker the more often; right answers lie on the diagonal.")
  body += section_lib.figure(report, "confusion", _draw(matrices, classes), caption)
  body += section_lib.facts((code, _words(matrix, classes)) for code, matrix in matrices.items())
  return section_lib.Section("Classes", body, _CAREFUL, problems)


def _recognised(matrix: np.ndarray) -> np.ndarray:
  """Share of each class that is right; NaN where it has no example."""
  total = matrix.sum(axis=1)
  return np.where(total > 0, matrix.diagonal() / np.maximum(total, 1), np.nan)


def _precision(opened: opening.Opened, problems: list[str]) -> np.ndarray | None:
  """Mean AP of each class's queries over pairs of the main table; None where it was not kept."""
  path = opened.workdir / "average_precision.npz"
  if not path.exists():
    problems.append(f"{opened.name} was evaluated before queries were kept: how well its classes "
                    "are found is not known")
    return None
  kept, table = writing.read_arrays(path), opened.result["tables"][0]
  found = []
  for pair in _pairs(opened):
    labels = kept[f"label/{pair.split('>')[0]}"]
    values = kept[f"{table['layer']} {table['readout']}/{pair}"]
    found.append([_mean(values[labels == c]) for c in range(len(opened.run.classes))])
  return np.array([_mean(column) for column in np.array(found).T]) if found else None


def _pairs(opened: opening.Opened) -> Sequence[str]:
  groups = results.pair_groups(opened.result["modalities"], opened.result["text"])
  return groups.get("mean", ())


def _mean(values: np.ndarray) -> float:
  known = values[~np.isnan(values)]
  return float(known.mean()) if known.size else np.nan


def _grid(classes: Sequence[str], columns: Mapping[str, np.ndarray],
          chance: Mapping[str, float | None]) -> heat.Grid:
  """The weakest classes first; of many, some strongest after them; chance last."""
  score = [_mean(np.array([values[i] for values in columns.values()])) for i in range(len(classes))]
  order = np.argsort(np.nan_to_num(score, nan=-1.0), kind="stable")
  title = f"All {len(classes)} classes, the weakest first, %"
  if len(classes) > _SHOWN:
    few = _SHOWN // 4
    order = np.concatenate([order[:_SHOWN - few], order[-few:]])
    title = f"The {_SHOWN - few} weakest and the {few} strongest of {len(classes)} classes, %"
  top = np.nanmax(np.array(list(columns.values())))
  rows = [(classes[i].replace("_", " "),
           [heat.cell({"mean": results.number(values[i]), "std": None}, chance[name], top)
            for name, values in columns.items()]) for i in order]
  rows.append(("chance", [heat.cell({"mean": chance[name], "std": None}, None, 0.0)
                          for name in columns]))
  return heat.Grid(title, [("", name) for name in columns], rows)


def _words(matrix: np.ndarray, classes: Sequence[str]) -> str:
  """The most frequent confusions in words."""
  wrong = matrix - np.diag(matrix.diagonal())
  places = np.argsort(-wrong, axis=None, kind="stable")[:_MOST]
  named = [f"{classes[i]} for {classes[j]}, {wrong[i, j]} of {matrix[i].sum()}".replace("_", " ")
           for i, j in zip(*np.unravel_index(places, wrong.shape)) if wrong[i, j]]
  return "taken most often: " + "; ".join(named) if named else "none is taken for another"


def _draw(matrices: Mapping[str, np.ndarray], classes: Sequence[str]) -> Any:
  from matplotlib import colors
  named = len(classes) <= _NAMED
  columns = min(_COLUMNS, len(matrices))
  rows = -(-len(matrices) // columns)
  figure, axes = figures.new(columns * _PANEL + named * 0.7, rows * (_PANEL + named * 0.5), rows,
                             columns)
  shades = colors.LinearSegmentedColormap.from_list(  # clear where nothing is: the page shows
    "shades", [figures.COLOURS[0] + "00", figures.COLOURS[0] + "ff"])
  every = [axis for line in axes for axis in line]
  for axis in every[len(matrices):]:
    axis.set_axis_off()
  for i, (axis, (code, matrix)) in enumerate(zip(every, matrices.items())):
    share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    axis.imshow(share, cmap=shades, vmin=0, vmax=1, interpolation="nearest")
    axis.set_title(f"{code}: {100 * matrix.trace() / max(matrix.sum(), 1):.0f} % right", size=9)
    _name(axis, classes, named, left=i % columns == 0, below=i + columns >= len(matrices))
    for spine in axis.spines.values():
      spine.set(visible=True, color=figures.LINE)
  return figure


def _name(axis: Any, classes: Sequence[str], named: bool, left: bool, below: bool) -> None:
  words = [figures.short(name, _LETTERS) for name in classes]
  places, size = range(len(classes)), max(4.5, min(8.0, 150 / len(classes)))
  axis.set(xticks=places if named else (), yticks=places if named else ())
  axis.tick_params(length=0, labelsize=size)
  axis.set_yticklabels(words if named and left else [])
  axis.set_xticklabels(words if named and below else [], rotation=90)
