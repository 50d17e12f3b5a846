"""Comparison: the units of all runs of an experiment side by side, as table and figure.

JSON is the truth; text and CSV are rendered from it. Shares are fractions there, percent in text.
"""

import json
import pathlib
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from cmx.analysis import figures
from cmx.analysis.units import summary
from cmx.evaluation import results as results_lib
from cmx.files import grids
from cmx.files import manifest

WIDTH = 120  # characters of a caption's line
NAME = "units"  # of the files, before their suffix
_PANEL, _ENTRY = 3.1, 3.3  # inches of a layer's panel, and of an entry of the legend

# Statistic -> (column in text, where it stands in `summary.layer`, and where what chance gives).
_STATISTICS = {
  "score": ("score", ("consistency", "mean"), None),
  "above": ("above %", ("consistency", "above"), ("consistency", "above_most")),
  "every": ("every %", ("consistency", "every"), ("consistency", "every_most")),
  "shared": ("object %", ("objects", "shared"), ("objects", "shared_by_chance")),
}
MEANING = {
  "score": "score: correlation across modalities of a unit's mean responses to the classes, mean "
           "over pairs of modalities and over all units; a dead unit's is 0.",
  "above": "above: units whose score is beyond 95 % of the permutations of classes (p <= 0.05).",
  "every": "every: units of which each modality's responses, taken alone, go with the mean of the "
           "others' (p <= 0.05 in every modality): concepts independent of the modality.",
  "shared": f"object: units with the same best object in {summary.SEVERAL} modalities or more "
            "(IoU >= 0.04 of lit regions with its boxes; of whole examples where a unit has no "
            "map).",
}
_CHANCE = ("chance: on average 5 % of units are above, and at most 5 % above in every modality; in "
           "the last line what 95 % of permutations stay below, the highest of all rows, since "
           "units of a layer meet chance together. For objects: what units dealt out by lot share.")


def aggregate(results: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
  """All methods and seeds in one table; rows in the order in which methods first appear.

  Args:
    results: results of `study.study`; those asked otherwise than the first are left out.

  Returns:
    {"unit": "fraction", "data", "split", "modalities", "caption", "problems", "layers": {layer:
    {"rows": [{"method", "name", "seeds", "units", "dead": {code: units}, "pairs": {pair: spread},
    statistic: spread}], "chance": {statistic: fraction or None}}}} with spread as of
    `results.spread`.

  Raises:
    ValueError: if there are no results.
  """
  if not results:
    raise ValueError("no units to compare; expected at least one run that was dissected")
  first, alike, problems = results[0], [], []
  for result in results:
    if _asked(result) == _asked(first):
      alike.append(result)
    else:
      problems.append(f"{result['method']} seed {result['seed']} is left out: its units were "
                      f"looked at in another way than those of {first['method']} seed "
                      f"{first['seed']}")
  layers = {layer: _layer(alike, layer) for layer in first["layers"]}
  known = [key for key in _STATISTICS
           if any(row[key]["count"] for part in layers.values() for row in part["rows"])]
  head = (f"Units across modalities: {first['data'].replace('_', ' ')}, {first['asked']['split']} "
          f"split, {', '.join(first['modalities'])}, {first['classes']} classes.")
  caption = [head, *(MEANING[key] for key in known), *([_CHANCE] if known else [])]
  return {"unit": "fraction", "data": first["data"], "split": first["asked"]["split"],
          "modalities": list(first["modalities"]), "statistics": known, "caption": caption,
          "problems": problems, "layers": layers}


def _asked(result: Mapping[str, Any]) -> list[Any]:
  """What has to be equal for units of two runs to be compared."""
  asked = {key: value for key, value in result["asked"].items()
           if key not in ("step", "draw", "top", "show", "squares")}
  return [asked, result["modalities"], list(result["layers"])]


def _layer(results: Sequence[Mapping[str, Any]], layer: str) -> dict[str, Any]:
  rows = []
  for method in dict.fromkeys(result["method"] for result in results):
    runs = [result for result in results if result["method"] == method]
    parts = [run["layers"][layer] for run in runs]
    pairs = [part["consistency"]["pairs"] for part in parts if part["consistency"]]
    rows.append({
      "method": method, "name": runs[0]["name"], "seeds": [run["seed"] for run in runs],
      "units": parts[0]["units"],
      "dead": {code: max(part["dead"][code] for part in parts) for code in parts[0]["dead"]},
      "pairs": {pair: results_lib.spread([each[pair] for each in pairs])
                for pair in (pairs[0] if pairs else ())},
      **{key: results_lib.spread([_get(part, where) for part in parts])
         for key, (_, where, _) in _STATISTICS.items()}})
  chance = {}
  for key, (_, _, where) in _STATISTICS.items():
    by_chance = [_get(result["layers"][layer], where) for result in results] if where else []
    chance[key] = max((value for value in by_chance if value is not None), default=None)
  return {"rows": rows, "chance": chance}


def _get(part: Mapping[str, Any], where: tuple[str, str]) -> float | None:
  return part[where[0]] and part[where[0]][where[1]]


def to_text(content: Mapping[str, Any]) -> str:
  """Aligned text, a block a layer."""
  lines = [line for part in content["caption"] for line in textwrap.wrap(part, WIDTH)]
  for layer in content["layers"]:
    lines += ["", *grids.columns(grid(content, layer))]
  return "\n".join([*lines, "", dead(content), *content["problems"]]) + "\n"


def grid(content: Mapping[str, Any], layer: str) -> list[list[str]]:
  """A layer's table as words: a line of heads, one for each method, and one for chance."""
  keys, part = content["statistics"], content["layers"][layer]
  lines = [[f"{layer}, {part['rows'][0]['units']:,} units",
            *(_STATISTICS[key][0] for key in keys), "dead"]]
  lines += [[row["name"], *(_number(key, row[key]) for key in keys),
             "/".join(str(count) for count in row["dead"].values())] for row in part["rows"]]
  return [*lines, ["chance", *(_number(key, {"mean": part["chance"][key], "std": None})
                               for key in keys), ""]]


def dead(content: Mapping[str, Any]) -> str:
  """What the last column of `grid` says."""
  codes = "/".join(content["modalities"])
  return f"dead: units that answer every example alike, {codes}; the most of any seed."


def _number(key: str, spread: Mapping[str, Any]) -> str:
  if spread["mean"] is None:
    return "" if key == "score" else "-"
  scale, digits = (1, 2) if key == "score" else (100, 1)
  after = f" ±{scale * spread['std']:.{digits}f}" if spread["std"] is not None else ""
  return f"{scale * spread['mean']:.{digits}f}{after}"


def _to_csv(content: Mapping[str, Any]) -> str:
  """CSV: a line for each layer and method, fractions in full precision; nothing where undefined."""
  lines = []
  for layer, part in content["layers"].items():
    for row in part["rows"]:
      line = {"layer": layer, "method": row["method"], "name": row["name"],
              "seeds": len(row["seeds"]), "units": row["units"]}
      for key in _STATISTICS:
        line |= {key: row[key]["mean"], f"{key} std": row[key]["std"],
                 f"{key} by chance": part["chance"][key]}
      line |= {f"dead {code}": count for code, count in row["dead"].items()}
      line |= {pair: spread["mean"] for pair, spread in row["pairs"].items()}
      lines.append(line)
  return grids.records_to_csv(lines)


def figure(content: Mapping[str, Any]) -> Any:
  """Shares of units of every method, a panel a layer: above, in every modality, and by chance."""
  layers = content["layers"]
  names = [row["name"] for row in next(iter(layers.values()))["rows"]]
  width = _PANEL * len(layers) + 1.6
  columns = max(1, int(width / _ENTRY))  # a legend that is wider than the figure is cut off
  height = 0.34 * len(names) + 1.3 + 0.2 * -(-3 // columns)
  drawing, (axes,) = figures.new(width, height, 1, len(layers), sharey=True, sharex=True)
  for axis, (layer, part) in zip(axes, layers.items()):
    for key, colour, label in (
        ("above", figures.COLOURS[5], "mean over pairs of modalities above chance"),
        ("every", figures.COLOURS[0], "every single modality above chance")):
      wide = 0.72 if key == "above" else 0.36
      axis.barh(range(len(names)), [100 * (row[key]["mean"] or 0) for row in part["rows"]], wide,
                color=colour, label=label)
      chance = part["chance"][key]
      if key == "every" and chance is not None:
        axis.axvline(100 * chance, color=figures.INK, linewidth=1, linestyle=":",
                     label="by chance less in 95 % of cases")
    axis.set(title=layer, xlim=(0, 100), xlabel="share of units, %")
  axes[0].set_yticks(range(len(names)), names)
  axes[0].invert_yaxis()
  handles, labels = axes[0].get_legend_handles_labels()
  drawing.legend(handles[::-1], labels[::-1], loc="outside lower center", ncols=columns)
  drawing.suptitle("Units that answer to the same classes across modalities",
                   size=11 if columns > 1 else 9)
  return drawing


def write(folder: pathlib.Path, results: Sequence[Mapping[str, Any]]) -> str:
  """Writes units.{json,csv,txt,png,pdf} into `folder`; returns the text."""
  content = aggregate(results)
  text = to_text(content)
  manifest.write_texts(folder, {
    f"{NAME}.json": json.dumps(content, indent=1), f"{NAME}.csv": _to_csv(content),
    f"{NAME}.txt": text}, "Run launch.units again: it is written anew")
  if content["statistics"]:
    with figures.style():
      figures.write(figure(content), folder, NAME)
  return text
