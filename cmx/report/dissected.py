"""Units on the page: how many answer to the same classes across modalities, and a few of them."""

import pathlib
from collections.abc import Mapping
from typing import Any

from cmx.analysis.units import comparison
from cmx.analysis.units import looks
from cmx.analysis.units import occlusion
from cmx.analysis.units import study
from cmx.report import opening
from cmx.report import section as section_lib

_EACH = 2  # units shown of a layer: the most consistent, and as many drawn by lot
_TEXTS = 2  # texts shown of a unit
_WHY = {looks.CONSISTENT: "among the most consistent"}
_CAREFUL = (
  "A few units are shown of hundreds: how many are consistent stands in the table above them, "
  "beside what chance gives.",)


def section(report: opening.Report) -> section_lib.Section:
  """The numbers of all methods side by side, and units of each that has pages."""
  problems: list[str] = []
  found = [(opened, result) for opened in report.runs
           if (result := _result(opened.workdir, problems)) is not None]
  if not found:
    return section_lib.Section("Units", section_lib.paragraph(
      f"Not looked at yet: python -m launch.units --workdir={report.workdir}, and build the report "
      "again.", "note"), problems=problems)
  content = comparison.aggregate([result for _, result in found])
  body = ""
  if content["statistics"]:
    body += section_lib.figure(report, "units", comparison.figure(content), content["caption"][0])
  for layer in content["layers"]:
    head, *rows = comparison.grid(content, layer)
    body += section_lib.table(head, rows)
  body += "".join(section_lib.paragraph(part, "small")
                  for part in (*content["caption"][1:], comparison.dead(content)))
  shown = {opened.name: _shown(opened.workdir, result) for opened, result in reversed(found)
           if result["shown"]}
  if shown:
    body += section_lib.tabs("units", list(reversed(shown.items())), report.best)
  known = [opened.workdir for opened, _ in found]
  missing = [f"{opened.name} (seed {opened.run.config.seed})" for opened in report.runs
             if opened.workdir not in known]
  problems += [f"Not looked at yet: {', '.join(missing)}. Run launch.units"] if missing else []
  return section_lib.Section("Units", body, _CAREFUL, [*content["problems"], *problems])


def _result(workdir: pathlib.Path, problems: list[str]) -> dict[str, Any] | None:
  try:
    return study.load(workdir / study.FOLDER)
  except ValueError as error:
    problems.append(str(error))
    return None


def _shown(workdir: pathlib.Path, result: Mapping[str, Any]) -> str:
  """Some units of every layer, with their first examples in each modality."""
  names, parts = result["modalities"], []
  for layer in result["layers"]:
    parts.append(f"<h3>{section_lib.escape(layer)}</h3>")
    of_layer = [unit for unit in result["shown"] if unit["layer"] == layer]
    for why in dict.fromkeys(unit["why"] for unit in of_layer):
      parts += [_unit(workdir / study.FOLDER, unit, names)
                for unit in [unit for unit in of_layer if unit["why"] == why][:_EACH]]
  return "".join(parts)


def _unit(folder: pathlib.Path, unit: Mapping[str, Any], names: Mapping[str, str]) -> str:
  words = [f"unit {unit['unit']}, {_WHY.get(unit['why'], 'drawn by lot')}"]
  if unit["score"] is not None:
    words.append(f"consistency {unit['score']:.2f} (p = {unit['p']:.2g})")
  lines = []
  for code, part in unit["modalities"].items():
    head = f"{names[code].replace('_', ' ')}: {(part['class'] or 'dead').replace('_', ' ')}"
    if part["object"]:
      head += f"; {part['object']}, IoU {part['iou']:.2f}"
    lines.append(f"<div><h4>{section_lib.escape(head)}</h4>{_examples(folder, part, head)}</div>")
  return (f'<div class="unit"><h4>{section_lib.escape(": ".join(words))}</h4>'
          f'<div class="answers">{"".join(lines)}</div></div>')


def _examples(folder: pathlib.Path, part: Mapping[str, Any], what: str) -> str:
  """A strip of pictures with what makes the unit fire lit, or texts with the words that do."""
  if part["tiles"] and (folder / part["tiles"]).exists():
    uri = section_lib.address((folder / part["tiles"]).read_bytes())
    return f'<img class="strip" src="{uri}" alt="{section_lib.escape(what)}">'
  texts = [_marked(look["text"], look["marks"]) for look in part["looks"] if look["text"]]
  return "".join(f'<p class="small">{text}</p>' for text in texts[:_TEXTS])


def _marked(text: str, marks: Mapping[str, float]) -> str:
  """The text with its important words shaded, the darker the more they matter."""
  found, end = [], 0
  for word in occlusion.WORD.finditer(text):
    found.append(section_lib.escape(text[end:word.start()]))
    mark, shown = marks.get(word[0].lower(), 0.0), section_lib.escape(word[0])
    found.append(f'<mark style="--shade:{mark:.2f}">{shown}</mark>' if mark > 0 else shown)
    end = word.end()
  return "".join([*found, section_lib.escape(text[end:])])
