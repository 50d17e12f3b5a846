"""Recognition: how well each modality's categories are told by the network's own classifier."""

from cmx.evaluation import results
from cmx.evaluation import table_files
from cmx.report import heat
from cmx.report import opening
from cmx.report import section as section_lib

_CAREFUL = (
  "Recognition and alignment are two things: a network can tell every modality's categories and "
  "keep the modalities apart, as the map and the retrieval of its row show.",)


def section(report: opening.Report) -> section_lib.Section | None:
  """Top-1 accuracy of every method and modality, with chance."""
  found = [opened.result for opened in report.runs if opened.result]
  if not found or not (rows := results.aggregate(found)["recognition"]):
    return None
  codes, chance = found[0]["modalities"], 1 / len(report.runs[0].run.classes)
  top = max(row["accuracy"][code]["mean"] for row in rows for code in codes)
  lines = [(row["name"], [heat.cell(row["accuracy"][code], chance, top) for code in codes])
           for row in rows]
  lines.append(("chance", [heat.Cell(f"{100 * chance:.1f}")] * len(codes)))
  caption = table_files.RECOGNITION.format(split=found[0]["split"])
  grid = heat.Grid(caption, [("", code) for code in codes], lines)
  return section_lib.Section(
    "Recognition",
    heat.html(grid) + section_lib.written(report, "recognition", heat.figure([grid])), _CAREFUL)
