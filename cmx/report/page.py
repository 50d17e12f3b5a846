"""The page: all sections in their order, what to be careful about, one file."""

import html
import importlib.resources
import pathlib
from collections.abc import Callable, Iterable, Mapping, Sequence

from absl import logging

from cmx.analysis import figures
from cmx.files import writing
from cmx.report import answers
from cmx.report import card
from cmx.report import classes
from cmx.report import curves
from cmx.report import dissected
from cmx.report import inversions
from cmx.report import maps
from cmx.report import opening
from cmx.report import options as options_lib
from cmx.report import recognition
from cmx.report import section as section_lib
from cmx.report import space
from cmx.report import table
from cmx.report import unchanged
from cmx.report import verdict
from cmx.runtime import progress
from cmx.runtime import speed

# In the order of the page; a module's `section` is called with the opened runs.
SECTIONS = (verdict, table, space, recognition, classes, maps, answers, dissected, inversions,
            curves, card)

# Seconds that a run takes, and a point of its map, measured as `speed.slower` says.
_RUN_S, _POINT_S = 12.0, 12e-3


def build(workdir: pathlib.Path,
          options: options_lib.Options = options_lib.Options()) -> pathlib.Path:
  """Writes `<workdir>/report.html` and its figures; returns the page's path.

  A page is left as it is where nothing that it was made of has changed.

  Raises:
    FileNotFoundError: if there is no run in the work directory.
    ValueError: if matplotlib is not installed.
  """
  sections = {module.__name__.rpartition(".")[2]: module.section for module in SECTIONS}
  stamp = unchanged.fingerprint(pathlib.Path(workdir), options, list(sections))
  if unchanged.still(pathlib.Path(workdir), stamp):
    return pathlib.Path(workdir) / "report.html"
  report = opening.open_report(workdir, options)
  logging.info("%d runs to show: %s", len(report.runs), speed.about(
    len(report.runs) * (_RUN_S + options.points * _POINT_S)))
  path = write(report, f"cmx: {report.workdir.resolve().name}", sections)
  if all(opened.examples is not None and not opened.examples.problems for opened in report.runs):
    unchanged.keep(report.workdir, stamp)  # else what is missing may come, from outside the runs
  return path


def write(report: opening.Report, title: str, sections: Mapping[str, Callable]) -> pathlib.Path:
  """Writes the page of these sections, {name: function of the report}; returns its path.

  Raises:
    ValueError: if matplotlib is not installed.
  """
  made = []
  with figures.style(), progress.Progress("report", len(sections), "sections") as line:
    for i, (name, make) in enumerate(sections.items()):
      found = _tried(make, report, name)
      made += [found] if found else []
      line.update(i + 1)
  path = report.workdir / "report.html"
  first, *others = made  # cautions come before what they are about
  writing.write_text(path, render(title, [first, _careful(report, made), *others]))
  return path


def _tried(make: Callable, report: opening.Report, name: str) -> section_lib.Section | None:
  try:
    return make(report)
  except (ValueError, OSError) as error:
    return section_lib.Section(name.capitalize(), "", problems=[str(error)])


def _careful(report: opening.Report, sections: list[section_lib.Section]) -> section_lib.Section:
  """Cautions and problems of all sections."""
  missing = [*report.problems, *(f"{section.title}: {line}" for section in sections
                                 for line in section.problems)]
  return careful([line for section in sections for line in section.careful], missing)


def careful(sentences: Sequence[str], missing: Sequence[str] = ()) -> section_lib.Section:
  """The section that says what to be careful about, and what is missing."""
  body = _list(dict.fromkeys(sentences))
  if missing:
    body += "<h3>Missing</h3>" + _list(dict.fromkeys(missing))
  return section_lib.Section("What to be careful about", body)


def _list(lines: Iterable[str]) -> str:
  return "<ul>" + "".join(f"<li>{html.escape(line)}</li>" for line in lines) + "</ul>"


def render(title: str, sections: list[section_lib.Section]) -> str:
  """The page as text: it needs no other file and no network."""
  contents = "".join(f'<a href="#{section_lib.anchor(s.title)}">{html.escape(s.title)}</a>'
                     for s in sections)
  body = "".join(_section(s) for s in sections)
  return _file("page.html").format(
    title=html.escape(title), style=_file("page.css"), script=_file("page.js"), contents=contents,
    body=body)


def _section(section: section_lib.Section) -> str:
  notes = "".join(section_lib.paragraph(line, "note") for line in section.problems)
  return (f'<section id="{section_lib.anchor(section.title)}"><h2>{html.escape(section.title)}</h2>'
          f"{notes}{section.body}</section>")


def _file(name: str) -> str:
  return importlib.resources.files(__package__).joinpath(name).read_text(encoding="utf-8")
