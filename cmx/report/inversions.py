"""Inversions on the page: what every modality's examples would be, and what survives."""

from collections.abc import Mapping, Sequence
from typing import Any

from cmx.analysis import figures
from cmx.analysis.inversion import result as result_lib
from cmx.analysis.inversion import sheet
from cmx.evaluation import examples
from cmx.report import opening
from cmx.report import section as section_lib

_TILE = 64  # pixels on the page
_CAREFUL = (
  "A decoder draws one of many pictures that share the features, and may draw a blur where they "
  "do not say. Whether the category survives stands in the table, beside what a lookup keeps.",)


def section(report: opening.Report) -> section_lib.Section:
  """A tab for each method and layer that was inverted."""
  parts, problems = [], []
  for opened in report.shown:
    for folder in result_lib.folders(opened.workdir):
      if opened.examples is None:
        problems.append(f"{opened.name} has no features, so no examples stand beside its pictures")
        continue
      try:
        result = result_lib.read(folder)
      except ValueError as error:
        problems.append(str(error))
        continue
      name = f"inversion_{opened.method}_{result.content['layer']}"
      figures.write(sheet.modalities(result, opened.examples), report.folder, name)
      parts.append((f"{opened.name}, {result.content['layer']}",
                    _part(opened, result, f"{name}.png, {name}.pdf")))
  if not parts:
    run = next(opened.workdir for opened in report.shown if opened.name == report.best)
    return section_lib.Section("Inversion", section_lib.paragraph(
      f"Nothing is inverted yet: python -m launch.invert --workdir={run}, and build the report "
      "again.", "note"), problems=problems)
  body = section_lib.tabs("inversion", parts, report.best)
  return section_lib.Section("Inversion", body, _CAREFUL, problems)


def _part(opened: opening.Opened, result: result_lib.Inverted, files: str) -> str:
  content = result.content
  body = section_lib.paragraph(result_lib.title(content))
  body += section_lib.framed(_pictures(opened, result), sheet.caption(content), files)
  shown = result_lib.columns(content)
  head = ["", "N", *(f"{measure}: {column}" for measure, column in shown)]
  rows = [[result_lib.code(row), f"{row['examples']:,}",
           *(result_lib.words(row, *column) for column in shown)]
          for row in content["rows"]]
  body += section_lib.table(head, rows)
  return body + "".join(section_lib.paragraph(f"{measure}: {text}", "small")
                        for measure, text in content["definitions"].items())


def _pictures(opened: opening.Opened, result: result_lib.Inverted) -> str:
  """A row for each category, a column for each modality, in it the example and its pictures."""
  tiles = list(enumerate(result.content["tiles"]))
  categories = dict.fromkeys(tile["category"] for _, tile in tiles)
  ways = sheet.ways(result.content)
  heads = "".join(f'<th scope="col">{section_lib.escape(name.replace("_", " "))}</th>'
                  for name in ways)
  lines = []
  for category in categories:
    cells = []
    for name, its in ways.items():
      found = [_group(opened, result, number, tile, its) for number, tile in tiles
               if (tile["modality"], tile["category"]) == (name, category)]
      cells.append(f"<td>{''.join(found)}</td>")
    lines.append(f'<tr><th scope="row">{section_lib.escape(category.replace("_", " "))}</th>'
                 f'{"".join(cells)}</tr>')
  return (f'<table class="pictures"><thead><tr><th></th>{heads}</tr></thead>'
          f"<tbody>{''.join(lines)}</tbody></table>")


def _group(opened: opening.Opened, result: result_lib.Inverted, number: int,
           tile: Mapping[str, Any], ways: Sequence[str]) -> str:
  example = opened.examples(tile["modality"], tile["row"])
  parts = [_picture(example, "example", tile["answer"], tile["category"])]
  for way in ways:
    picture = example._replace(input=result.pictures[way][number])
    parts.append(_picture(picture, sheet.WAYS[way], tile[way]["answer"], tile["category"],
                          f"{tile[way]['cosine']:.2f} "))
  return f'<div class="tiles">{"".join(parts)}</div>'


def _picture(example: examples.Example, way: str, answer: str, category: str,
             before: str = "") -> str:
  kind = "" if answer == category else ' class="off"'
  words = section_lib.escape(before + answer.replace("_", " "))
  return (f'<div class="picture">{section_lib.tile(example, _TILE)}<small>{way}</small>'
          f"<small{kind}>{words}</small></div>")
