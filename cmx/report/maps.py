"""Maps of all methods: the same examples everywhere, so that what differs is the method."""

import pathlib

from cmx.analysis import figures
from cmx.analysis.maps import figure
from cmx.analysis.maps import store
from cmx.analysis.maps import tsne
from cmx.evaluation import features as features_lib
from cmx.report import map_page
from cmx.report import opening
from cmx.report import options as options_lib
from cmx.report import section as section_lib
from cmx.runtime import progress

_EXAMPLES = "map-examples"


def section(report: opening.Report) -> section_lib.Section | None:
  """A map for each method, an overview of them, and what stands next to what."""
  runs = [opened for opened in report.shown if opened.features]
  if not runs:
    return None
  found, problems = [], []
  with progress.Progress("maps", len(runs), "methods") as line:
    for i, opened in enumerate(runs):
      try:
        folder = opened.workdir / "maps" / "kept"
        found.append((opened, draw(opened.features, report.options, problems, folder)))
      except ValueError as error:
        problems.append(f"{opened.name} has no map: {error}")
      line.update(i + 1)
  problems = list(dict.fromkeys(problems))
  return section_lib.Section("Map", _body(report, found) if found else "", CAREFUL, problems)


def draw(features: features_lib.Features, options: options_lib.Options,
         problems: list[str], folder: pathlib.Path) -> tsne.Map:
  """The map of a run's features; where the perplexity does not fit, of a smaller one.

  Args:
    features: {modality: {layer: [N, D], "label": [N]}}.
    options: layer, points, perplexity and seed.
    problems: what was done otherwise than asked is added here, in words.
    folder: of maps that were drawn before.

  Raises:
    ValueError: as of `tsne.make`.
  """
  labels = {name: part["label"] for name, part in features.items()}
  sample = tsne.draw_sample(labels, options.points, options.seed)
  perplexity = options.perplexity
  if len(sample.row) <= perplexity:
    perplexity = max(1.0, (len(sample.row) - 1) // 3)
    problems.append(f"Perplexity {options.perplexity:g} wants more than {len(sample.row)} points; "
                    f"the map is drawn with {perplexity:g}")
  return store.made(folder, features, options.layer, sample, perplexity=perplexity,
                    seed=options.seed)


CAREFUL = (
  "t-SNE shows which examples are neighbours. How far groups stand apart, how large they are and "
  "where they lie says nothing, and another seed draws another map: trust the two numbers, which "
  "are counted among the features themselves.",)


def _body(report: opening.Report, found: list[tuple[opening.Opened, tsne.Map]]) -> str:
  classes, first = report.runs[0].run.classes, found[0][1]
  body = section_lib.paragraph(explanation(report.options, first))
  if len(found) > 1:
    drawing = figure.overview([(opened.name, drawn) for opened, drawn in found])
    body += section_lib.figure(
      report, "maps", drawing, "All methods by modality; beneath, of the "
      f"{first.mixing.nearest} nearest neighbours of an example, by the features and among all "
      f"{first.mixing.points:,} of the split, the share of another modality and of the same "
      "category. Every method shows the same examples.")
  body += map_page.examples(_EXAMPLES, first.sample, classes, found[0][0].examples)
  parts = []
  for opened, drawn in found:
    title = f"{opened.name}: {report.options.layer} of {len(drawn.place):,} examples"
    files = f"map_{opened.method}"
    figures.write(figure.whole(drawn, classes, title), report.folder, files)
    caption = f"{title}. {figure.sentence(drawn)}"
    content = map_page.panels(drawn, classes, _EXAMPLES)
    parts.append((opened.name, section_lib.framed(content, caption, f"{files}.png, {files}.pdf")))
  return body + section_lib.tabs("map", parts, report.best)


def explanation(options: options_lib.Options, drawn: tsne.Map) -> str:
  """How to read a map, in words."""
  return (f"t-SNE of {options.layer} by cosine: {len(drawn.place):,} examples drawn at random, "
          "equally many of each modality and category. Where a representation is aligned, colours "
          "on the left mix and names on the right gather. Point at an example to see it.")
