"""Sweeps: the same rows at several values of one field, as a table and a plot.

For tuning (with `data.holdout`, so that validation is never tuned on) and for finding where a
method begins to pay. Points that differ only in how rows are trained share one reference network.
"""

import csv
import dataclasses
import hashlib
import io
import json
import pathlib
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from cmx import checkpoint
from cmx import config as config_lib
from cmx import experiment
from cmx import methods
from cmx import preflight
from cmx import results

_OWN_FLAGS = ("method", "rows", "seed")
_LABELS = ("field", "value", "method", "seed", "seeds")  # of a point; all else are its measures

Point = dict[str, Any]  # {"field", "value", "method", "seed", "measure": fraction, ...}


def parse(config: config_lib.Config, text: str) -> tuple[str, list[Any]]:
  """A ladder "field=v1,v2,...": the dotted field and its values, typed like the config's own.

  A tuple is written with plus signs, e.g. mixture.layers=fc6+fc7,fc7.

  Raises:
    ValueError: if it is not of that form, the field does not exist or has a flag of its own, or a
      value is not of its type or comes twice.
  """
  field, equals, words = text.partition("=")
  if not equals or not words:
    raise ValueError(f"ladder {text!r}; expected field=value,value,...")
  if field in _OWN_FLAGS:
    raise ValueError(f"ladder {text!r}; {field} is not swept: expected --rows and --seeds for it")
  like = config_lib.field(config, field)
  values = [_typed(field, like, word) for word in words.split(",")]
  for value in values:
    if values.count(value) > 1:
      raise ValueError(f"ladder {text!r} has {_plain(value)!r} twice; expected different values")
  return field, values


def _typed(field: str, like: Any, word: str) -> Any:
  if isinstance(like, tuple):
    return tuple(_typed(field, like[0] if like else "", part) for part in word.split("+"))
  kind = type(like)
  try:
    return {"true": True, "false": False}[word.lower()] if kind is bool else kind(word)
  except (KeyError, TypeError, ValueError) as error:
    raise ValueError(f"{field}={word}; expected a value of type {kind.__name__}") from error


def run(config: config_lib.Config, workdir: pathlib.Path, rows: Sequence[str], seeds: int,
        ladders: Sequence[tuple[str, Sequence[Any]]]) -> list[Point]:
  """Trains and evaluates every row at every value of every ladder; the rest as in `config`.

  Args:
    config: the base; its `rows` keep what differs between methods, but for the ladder's field.
    workdir: of the sweep; runs and reference networks go below it, and what is there is not redone.
    rows: keys of methods.
    seeds: number of seeds, counted from the config's.
    ladders: (dotted field, values).

  Returns:
    A point for each value, row and seed.

  Raises:
    ValueError: as `preflight.check_rows` for any of the values, before anything is trained.
  """
  for field, values in ladders:
    for value in values:
      preflight.check_rows(_at(config, field, value, rows), rows)
  points = []
  for field, values in ladders:
    for value in values:
      for seed in range(config.seed, config.seed + seeds):
        changed = dataclasses.replace(_at(config, field, value, rows), seed=seed)
        for row in rows:
          result = _result(config_lib.for_method(changed, row), workdir)
          points.append({"field": field, "value": _plain(value), "method": row, "seed": seed,
                         **measures(result)})
  return points


def _at(config: config_lib.Config, field: str, value: Any,
        rows: Sequence[str]) -> config_lib.Config:
  """The config with a field at a value, for all rows: what a row says of that field yields."""
  changed = config_lib.replace(config, {field: value})
  own = {row: {**config.rows.get(row, {}), field: value} for row in rows}
  return dataclasses.replace(changed, rows={**config.rows, **own})


def _result(config: config_lib.Config, workdir: pathlib.Path) -> dict[str, Any]:
  folder = workdir / f"{config.method}_{_hash(dataclasses.replace(config, rows={}))}"
  if (folder / "result.json").exists():
    return json.loads((folder / "result.json").read_text())
  dataset = experiment.open_data(config)
  reference = workdir / f"reference_{_hash(experiment.reference_config(config))}"
  trained = experiment.train_row(config, dataset, folder, reference)
  return experiment.evaluate(trained, dataset, folder)


def _hash(config: config_lib.Config) -> str:
  return hashlib.sha256(config_lib.to_json(config).encode()).hexdigest()[:10]


def _plain(value: Any) -> Any:
  return "+".join(map(str, value)) if isinstance(value, tuple) else value


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
      if measure not in _LABELS:
        numbers = [member[measure] for member in members]
        row[measure] = statistics.mean(numbers)
        row[f"{measure} std"] = statistics.stdev(numbers) if len(numbers) > 1 else None
    rows.append(row)
  return rows


def write(workdir: pathlib.Path, points: Sequence[Point]) -> str:
  """Writes sweep.{json,csv,txt}; returns the text, mean mAP in percent for every value and row."""
  rows = summary(points)
  checkpoint.write_text(workdir / "sweep.json", json.dumps(rows, indent=1))
  buffer = io.StringIO()
  keys = list(dict.fromkeys(key for row in rows for key in row))
  writer = csv.DictWriter(buffer, keys, lineterminator="\n")
  writer.writeheader()
  writer.writerows(rows)
  checkpoint.write_text(workdir / "sweep.csv", buffer.getvalue())
  names = [key for key in keys if key not in _LABELS and not key.endswith(" std")]
  lines = [f"{'field=value':34} {'method':20} " + " ".join(f"{name:>14}" for name in names)]
  for row in rows:
    words = [_percent(row[name], row[f"{name} std"]) if name in row else "-" for name in names]
    lines.append(f"{row['field'] + '=' + str(row['value']):34} {row['method']:20} "
                 + " ".join(f"{word:>14}" for word in words))
  title = "Mean mAP (%) over pairs of modalities, and recognition accuracy (%)"
  text = "\n".join([title, *lines, ""])
  checkpoint.write_text(workdir / "sweep.txt", text)
  return text


def _percent(mean: float, std: float | None) -> str:
  return f"{100 * mean:.1f}" + (f" ±{100 * std:.1f}" if std is not None else "")


def plot(points: Sequence[Point], path: pathlib.Path, measure_names: Sequence[str]) -> None:
  """Draws a panel for each ladder and measure: mean mAP against the value, a line a method.

  Raises:
    ValueError: if matplotlib is not installed, or no point has a measure of that name.
  """
  known = dict.fromkeys(key for point in points for key in point if key not in _LABELS)
  for name in measure_names:
    if name not in known:
      raise ValueError(f"measure {name!r}; expected one of {', '.join(known)}")
  try:
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot
  except ImportError as error:
    raise ValueError("plots need matplotlib: pip install 'cmx[explore]'") from error
  rows = summary(points)
  fields = list(dict.fromkeys(row["field"] for row in rows))
  figure, axes = pyplot.subplots(len(measure_names), len(fields), squeeze=False, sharey="row",
                                 figsize=(3.6 * len(fields) + 1.6, 2.9 * len(measure_names)))
  for i, measure in enumerate(measure_names):
    for j, field in enumerate(fields):
      _panel(axes[i][j], [row for row in rows if row["field"] == field and measure in row], measure)
      axes[i][j].set_xlabel(field if i == len(measure_names) - 1 else "")
      axes[i][j].set_title("" if j else f"mean mAP, {measure} (%)", fontsize=10, loc="left")
  handles, labels = axes[0][0].get_legend_handles_labels()
  figure.legend(handles, labels, loc="center right", frameon=False, fontsize=9)
  figure.tight_layout(rect=(0, 0, 1 - 2.2 / figure.get_figwidth(), 1))
  figure.savefig(path, dpi=130)
  pyplot.close(figure)


def _panel(axis, rows: Sequence[Point], measure: str) -> None:
  values = list(dict.fromkeys(row["value"] for row in rows))
  for method in dict.fromkeys(row["method"] for row in rows):
    line = [row for row in rows if row["method"] == method]
    x = [values.index(row["value"]) for row in line]
    y = [100 * row[measure] for row in line]
    spread = [100 * (row[f"{measure} std"] or 0) for row in line]
    axis.errorbar(x, y, spread, marker="o", markersize=4, capsize=2, linewidth=1.3,
                  label=methods.named(method).name)
  words = [f"{value:g}" if isinstance(value, float) else str(value) for value in values]
  axis.set_xticks(range(len(values)), words)
  axis.spines[["top", "right"]].set_visible(False)
  axis.grid(axis="y", alpha=0.3)
