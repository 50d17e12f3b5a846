"""What is measured of spaces, in files: JSON, which is the truth, and text rendered from it.

  <workdir>/space.json             `describe`'s content, and the tables of every read-out and layer
  <workdir>/space.txt              the same for a reader
  <out>/readouts.{txt,md,csv}      read-outs x rows, of all runs
"""

import json
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cmx.evaluation import readouts
from cmx.evaluation import results
from cmx.evaluation.space import describe
from cmx.evaluation.space import geometry
from cmx.evaluation.space import measures
from cmx.evaluation.space import mixed
from cmx.evaluation.space import probes
from cmx.files import grids
from cmx.files import json_files
from cmx.files import writing

_FILE = "space.json"


def write(workdir: pathlib.Path, content: Mapping[str, Any]) -> None:
  """Writes space.json and space.txt.

  Args:
    workdir: of the run, or where the files go.
    content: {"result": of `results.run_result` with the tables of all read-outs, "missing":
      {"layer read-out": why}, "space": of `describe.describe`, "card": what it is of}.
  """
  text = json.dumps(content, indent=1, allow_nan=False, ensure_ascii=False)
  workdir.mkdir(parents=True, exist_ok=True)
  writing.write_text(workdir / "space.txt", to_text(content["space"]))
  writing.write_text(workdir / _FILE, text + "\n")  # last: what is there is whole


def load(workdir: pathlib.Path) -> dict[str, Any] | None:
  """The content of `write`, or None where there is none. Raises ValueError if it is damaged."""
  if not (workdir / _FILE).exists():
    return None
  return json_files.read(workdir / _FILE, f"remove {_FILE} there, and run launch.evaluate again",
                         "result", "missing", "space", "card")


def write_readouts(folder: pathlib.Path, measured: Sequence[Mapping[str, Any]]) -> str:
  """Writes readouts.{txt,md,csv} of all runs [`write`'s content]; returns the first for a screen.

  Raises:
    ValueError: as `results.aggregate`.
  """
  content = results.aggregate([one["result"] for one in measured])
  missing = {key: why for one in measured for key, why in one["missing"].items()}
  found = readout_grids(content, missing)
  folder.mkdir(parents=True, exist_ok=True)
  writing.write_text(folder / "readouts.txt", "\n".join(map(grids.to_text, found)))
  writing.write_text(folder / "readouts.md", "\n".join(map(grids.to_markdown, found)))
  writing.write_text(folder / "readouts.csv", _readouts_csv(content))
  return grids.to_screen(found[0])


def readout_grids(content: Mapping[str, Any], missing: Mapping[str, str]) -> list[grids.Grid]:
  """Read-outs x rows, mean mAP over pairs, a grid for each layer.

  Args:
    content: of `results.aggregate`.
    missing: {"layer read-out": why it is not there}.
  """
  found = []
  for across in describe.across(content):
    lines = [[name, *(grids.percent(spread["mean"]) for spread in row)]
             for name, row in across.rows]
    lines.append(["chance", *map(grids.percent, across.chance)])
    found.append(grids.Grid(caption(content, across, missing), [
      ("", "row"), *map(head, across.readouts)], lines))
  return found


def head(name: str) -> tuple[str, str]:
  """A read-out's name as the two lines of a column's head."""
  upper, _, lower = name.rpartition("_")
  return upper, lower


def caption(content: Mapping[str, Any], across: describe.Across,
            missing: Mapping[str, str]) -> str:
  """What the numbers of a layer are, and why others are not there; arguments as of the above."""
  pairs = "all ordered pairs of modalities" if "mean" in content["groups"] else "modalities"
  words = [f"Mean over {pairs} of mAP (%), layer {across.layer}, by read-out; AP over the full "
           f"ranking of the target's {content['split']} split."]
  words += [f"{name}: {readouts.READOUTS[name].definition}." for name in across.readouts]
  words.append("Means, covariances, maps and banks are of training examples alone.")
  words += [f"Without {key}: {why}." for key, why in missing.items()
            if key.startswith(f"{across.layer} ")]
  return " ".join(words)


def _readouts_csv(content: Mapping[str, Any]) -> str:
  groups = content["groups"]
  lines = [["layer", "readout", "method", "name", "seeds", "statistic", *groups]]
  for table in content["tables"]:
    where = [table["layer"], table["readout"]]
    for row in table["rows"]:
      for key in ("mean", "std"):
        lines.append([*where, row["method"], row["name"], len(row["seeds"]), key,
                      *(row["map"]["groups"][name][key] for name in groups)])
    lines.append([*where, "chance", "chance", None, "mean",
                  *(table["chance"]["groups"][name]["mean"] for name in groups)])
  return grids.to_csv(lines)


def to_text(content: Mapping[str, Any]) -> str:
  """`describe.describe`'s content as aligned text."""
  return "\n".join(grids.to_text(grid) for grid in space_grids(content))


def space_grids(content: Mapping[str, Any]) -> list[grids.Grid]:
  """Every grid of a space: measures, by modality, mixed gallery, gaps, probes, classes."""
  made = (_measures, _by_modality, _mixed, _gaps, _hubness, _probes, _classes)
  return [grid for make in made if (grid := make(content)) is not None]


def _where(content) -> str:
  return f"layer {content['layer']}, read-out {content['readout']}"


def _measures(content) -> grids.Grid:
  names = [name for name in content["groups"] if not name.startswith(("query ", "target "))]
  heads = [("", "measure")]
  for name in names:
    upper, _, lower = name.rpartition(" ")
    heads += [(upper, lower), ("", "chance")]
  first = "mean" if "mean" in names else "same"
  lines = []
  for key in measures.MEASURES:
    line = [key]
    for name in names:
      line += [grids.percent(describe.group(content, name, key)),
               grids.percent(describe.group(content, name, key, "chance"))]
    value, chance = (describe.group(content, first, key, of) for of in ("measures", "chance"))
    lines.append([*line, grids.percent(results.lift(value, chance))])
  left_out = sum(cell["left_out"] for cell in content["cells"].values())
  asked = sum(cell["queries"] for cell in content["cells"].values())
  caption = [f"Retrieval by class (%), {_where(content)}: means over pairs of modalities of means "
             "over queries. Relevant = same class; R relevant items of N; ties in gallery order.",
             *(f"{measure.definition}." for measure in measures.MEASURES.values()),
             "same: query and target of one modality, self left out. Chance: expected of a random "
             f"ranking. lift = ({first} - chance) / (100 - chance).", _galleries(content)]
  if left_out:
    caption.append(f"{left_out:,} of {asked + left_out:,} queries have no relevant item and are "
                   "left out.")
  return grids.Grid(" ".join(caption), [*heads, ("", "lift")], lines)


def _galleries(content) -> str:
  words = []
  for code in content["modalities"]:
    cells = [cell for pair, cell in content["cells"].items()
             if pair.split(">")[1] == code and cell["queries"]
             and (pair != f"{code}>{code}" or len(content["modalities"]) == 1)]
    if cells:
      ends = min(c["relevant"][0] for c in cells), max(c["relevant"][1] for c in cells)
      words.append(f"{code} N = {cells[0]['gallery']:,}, R = "
                   + "-".join(f"{end:,}" for end in dict.fromkeys(ends)))
  return f"Galleries: {'; '.join(words)}." if words else ""


def _by_modality(content) -> grids.Grid | None:
  if len(content["modalities"]) < 2:
    return None
  lines = []
  for code in content["modalities"]:
    line = [code]
    for name in (f"query {code}", f"target {code}"):
      line += [grids.percent(describe.group(content, name, "mAP", of))
               for of in ("measures", "chance")]
    same = content["cells"][f"{code}>{code}"]
    lines.append([*line, *(grids.percent(same[of]["mAP"]) for of in ("measures", "chance"))])
  return grids.Grid(
    f"mAP (%) by modality, {_where(content)}: as query of all others, as their target, and among "
    "its own.", [("", ""), ("as", "query"), ("", "chance"), ("as", "target"), ("", "chance"),
                 ("", "same"), ("", "chance")], lines)


def _mixed(content) -> grids.Grid | None:
  if len(content["modalities"]) < 2:
    return None
  lines = [[code, grids.percent(own["measures"]["mAP"]), grids.percent(own["chance"]["mAP"]),
            grids.percent(own["own"]), grids.percent(own["expected"]),
            f"{100 * (own['own'] - own['expected']):+.1f}"]
           for code, own in content["mixed"].items()]
  size = next(iter(content["mixed"].values()))["gallery"]
  return grids.Grid(f"Mixed gallery (%), {_where(content)}, N = {size:,}. {mixed.DEFINITION}",
                    [("", "query"), ("", "mAP"), ("", "chance"), ("", "own@10"),
                     ("", "expected"), ("", "bias")], lines)


def _gaps(content) -> grids.Grid | None:
  if not content["gaps"]:
    return None
  lines = [[pair.replace(">", " - "), *(f"{gap[key]:.3f}" for key in (
    "centroid", "centroid_chance", "distribution", "a_distance"))]
           for pair, gap in content["gaps"].items()]
  return grids.Grid(
    f"Gaps between modalities, {_where(content)}. {geometry.CENTROID} {geometry.DISTRIBUTION} "
    f"{probes.A_DISTANCE}", [("", "modalities"), ("centroid", "gap"), ("", "chance"),
                             ("distribution", "gap"), ("", "A-distance")], lines)


def _matrix(content, cells, caption: str, corner: str, number: Callable) -> grids.Grid:
  """Cells by pair as a matrix."""
  codes = content["modalities"]
  return grids.Grid(caption, [("", corner), *(("", f">{code}") for code in codes)], [
    [a, *(number(cells[f"{a}>{b}"]) for b in codes)] for a in codes])


def _hubness(content) -> grids.Grid:
  low, high = (end(cell["chance"] for cell in content["hubness"].values()) for end in (min, max))
  return _matrix(content, content["hubness"], f"{geometry.HUBNESS} Here {low:.2f} to {high:.2f}; "
                 f"{_where(content)}.", "query", lambda cell: f"{cell['skewness']:.2f}")


def _probes(content) -> grids.Grid | None:
  if not content["probes"]:
    return None
  chance = max((cell["chance"] or 0.0 for cell in content["probes"].values()), default=0.0)
  return _matrix(content, content["probes"], f"{probes.PROBE} In %, chance {100 * chance:.1f} at "
                 f"most; {_where(content)}.", "from", lambda cell: grids.percent(cell["accuracy"]))


def _classes(content) -> grids.Grid:
  found = sorted(describe.of_classes(content).items(), key=lambda item: -(item[1] or 0.0))
  return grids.Grid(f"mAP (%) by class, {_where(content)}: mean over pairs of modalities that ask "
                    "it.", [("", "class"), ("", "mAP")],
                    [[name, grids.percent(value)] for name, value in found])
