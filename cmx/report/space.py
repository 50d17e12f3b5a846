"""The space: read-outs beside each other, and every measure of each method."""

from cmx.evaluation import results
from cmx.evaluation.space import describe
from cmx.evaluation.space import files
from cmx.files import grids
from cmx.report import heat
from cmx.report import opening
from cmx.report import section as section_lib

_CAREFUL = (
  "Read-outs fit their statistics on training examples; maps and posterior know the training "
  "classes, and rank classes that training never showed at best by their likeness to others.",)


def section(report: opening.Report) -> section_lib.Section | None:
  """Read-outs x methods as heat maps, then a tab of measures for each method."""
  found = [(opened, content) for opened in report.runs
           if (content := files.load(opened.workdir)) is not None]
  if not found:
    return None
  missing: dict[str, str] = {}
  for _, content in found:
    missing.update(content["missing"])
  table = results.aggregate([content["result"] for _, content in found])
  layers = describe.across(table)
  drawn = list(map(_heat, layers))
  body = "".join(heat.html(grid) + section_lib.paragraph(files.caption(table, layer, missing),
                                                         "small")
                 for grid, layer in zip(drawn, layers))
  body += section_lib.written(report, "readouts", heat.figure(drawn))
  shown = {id(opened) for opened in report.shown}
  body += section_lib.tabs("space", [
    (opened.name, "".join(map(_table, files.space_grids(content["space"]))))
    for opened, content in found if id(opened) in shown])
  return section_lib.Section("Space", body, _CAREFUL, [
    f"{key} is not there: {why}" for key, why in missing.items()])


def _heat(layer: describe.Across) -> heat.Grid:
  """Read-outs x rows in colour, from a column's chance to the largest number."""
  values = [value["mean"] for _, row in layer.rows for value in row if value["mean"] is not None]
  top = max(values, default=1.0)
  lines = [(name, [heat.cell(value, low, top) for value, low in zip(row, layer.chance)])
           for name, row in layer.rows]
  lines.append(("chance", [heat.Cell(grids.percent(value)) for value in layer.chance]))
  return heat.Grid(f"Mean over pairs by read-out, layer {layer.layer}: mAP (%)",
                   [files.head(name) for name in layer.readouts], lines)


def _table(grid: grids.Grid) -> str:
  heads = [f"{upper} {lower}".strip() for upper, lower in grid.heads]
  return section_lib.table(heads, grid.lines, grid.caption)
