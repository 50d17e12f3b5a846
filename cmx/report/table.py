"""The table of retrieval, as a heat map beside the paper's, with chance and spread."""

from collections.abc import Mapping, Sequence
from typing import Any

from cmx.evaluation import paper
from cmx.evaluation import results
from cmx.report import heat
from cmx.report import opening
from cmx.report import section as section_lib

_Spread = Mapping[str, float | None]  # {"mean", "std"}, fractions

_CAREFUL = (
  "mAP is over the full ranking of a target's whole split, so it is low by its nature, and chance "
  "differs between targets: compare a number with the chance in its column, not with that of "
  "another data set.",)
_PAPER = (
  "The paper's numbers are of CMPlaces: 205 scene categories and other images, networks and "
  "training than here. The order of methods can be compared, the numbers cannot.")


def section(report: opening.Report) -> section_lib.Section | None:
  """Ours, the paper's, and the means of all layers and read-outs."""
  found = [opened.result for opened in report.runs if opened.result]
  missing = [f"{opened.name}, seed {opened.run.config.seed}, was not evaluated: run launch.evaluate"
             for opened in report.runs if not opened.result]
  if not found:
    return section_lib.Section("Retrieval", "", problems=missing)
  content = results.aggregate(found)
  main = content["tables"][0]
  grids, careful = [_ours(content, main)], list(_CAREFUL)
  if (theirs := _theirs(content, main)) is not None:
    grids.append(theirs)
    careful.append(_PAPER)
  body = "".join(map(heat.html, grids)) + section_lib.paragraph(main["caption"], "small")
  body += section_lib.written(report, "retrieval", heat.figure(grids))
  body += "<h3>Other layers and read-outs</h3>" + heat.html(_means(content))
  return section_lib.Section("Retrieval", body, careful, missing)


def _columns(content: Mapping[str, Any]) -> list[tuple[str, str]]:
  """The means first: they are what is read first, and what a narrow screen shows."""
  pairs = [pair.split(">") for pair in content["groups"].get("mean", ())]
  return [*(("", name) if " " not in name else tuple(name.split(" ", 1))
            for name in content["groups"]), *((query, f">{target}") for query, target in pairs)]


def _grid(title: str, columns: Sequence[tuple[str, str]], rows: Mapping[str, Sequence[_Spread]],
          chance: Sequence[float | None]) -> heat.Grid:
  """Rows by name, coloured from a column's chance to the largest number; chance in the last row."""
  values = [value["mean"] for line in rows.values() for value in line]
  top = max((value for value in values if value is not None), default=1.0)
  lines = [(name, [heat.cell(value, low, top) for value, low in zip(line, chance)])
           for name, line in rows.items()]
  lines.append(("chance", [heat.cell(_known(value), value, top) for value in chance]))
  return heat.Grid(title, columns, lines)


def _known(value: float | None) -> _Spread:
  return {"mean": value, "std": None}


def _ours(content: Mapping[str, Any], table: Mapping[str, Any]) -> heat.Grid:
  """The main table: every pair, and the means."""
  pairs, groups = content["groups"].get("mean", ()), list(content["groups"])

  def line(summary):
    return [*(summary["groups"][name] for name in groups),
            *(summary["cells"][pair] for pair in pairs)]

  return _grid(f"Ours: mAP (%) of query>target, {table['layer']}, {table['readout']}",
               _columns(content), {row["name"]: line(row["map"]) for row in table["rows"]},
               [value["mean"] for value in line(table["chance"])])


def _theirs(content: Mapping[str, Any], table: Mapping[str, Any]) -> heat.Grid | None:
  """The paper's rows over the same pairs; None where it has none of them, or other classes."""
  if not paper.of_its_categories(content["classes"]):
    return None
  columns = [*content["groups"].values(), *([pair] for pair in content["groups"].get("mean", ()))]
  rows = {row["name"]: [_known(paper.mean(row["name"], pairs)) for pairs in columns]
          for row in table["rows"] if row["name"] in paper.TABLE}
  known = [set(pairs) <= set(paper.PAIRS) for pairs in columns]
  if not rows or not any(known):
    return None
  chance = [paper.chance(pairs) if there else None for pairs, there in zip(columns, known)]
  return _grid("The paper: CMPlaces, the same pairs", _columns(content), rows, chance)


def _means(content: Mapping[str, Any]) -> heat.Grid:
  """The mean over pairs of every layer and read-out, a column each."""
  tables = content["tables"]
  group = "mean" if "mean" in content["groups"] else "same"
  names = dict.fromkeys(row["name"] for table in tables for row in table["rows"])
  means = [{row["name"]: row["map"]["groups"][group] for row in table["rows"]} for table in tables]
  rows = {name: [column.get(name, _known(None)) for column in means] for name in names}
  return _grid("Mean over pairs of modalities, mAP (%)",
               [(table["layer"], table["readout"]) for table in tables], rows,
               [table["chance"]["groups"][group]["mean"] for table in tables])
