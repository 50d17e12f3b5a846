"""A map by itself: a page and pictures of one run, any layer, split and choice of modalities."""

import pathlib
from collections.abc import Sequence

from cmx import modalities as modalities_lib
from cmx.analysis import figures
from cmx.analysis.maps import figure as figure_lib
from cmx.evaluation import examples as examples_lib
from cmx.evaluation import features as features_lib
from cmx.files import writing
from cmx.report import map_page
from cmx.report import maps
from cmx.report import options as options_lib
from cmx.report import page
from cmx.report import section as section_lib
from cmx.training import checkpoint


def write(run: checkpoint.Run, folder: pathlib.Path, split: str, names: Sequence[str],
          options: options_lib.Options, out: pathlib.Path) -> str:
  """Writes `<out>.{html,png,pdf,svg}` and returns in words what the map says, and what it lacks.

  Args:
    run: whose map it is; its parameters are not needed.
    folder: of its features.
    split: that was extracted.
    names: of the modalities, or their codes; () for all. Those that the run has not are said.
    options: layer, points, perplexity and seed.
    out: path without suffix.

  Raises:
    ValueError: if none of the modalities is there, or as of `tsne.make`.
  """
  found, problems = features_lib.load(folder), []
  chosen = _chosen(run.modalities, names, problems)
  with figures.style():
    drawn = maps.draw({name: found[name] for name in chosen}, options, problems,
                      out.parent / "kept")
    examples = examples_lib.open_examples(run.config, run.classes, folder, split)
    title = f"{run.config.method}, seed {run.config.seed}: {options.layer}, {split}"
    figure = figure_lib.whole(drawn, run.classes, title)
    figures.write(figure, out.parent, out.name)
    figures.save(figure, out.parent / f"{out.name}.svg", metadata={"Date": None})
    body = (section_lib.paragraph(maps.explanation(options, drawn))
            + map_page.examples("examples", drawn.sample, run.classes, examples)
            + section_lib.framed(map_page.panels(drawn, run.classes, "examples"),
                                 figure_lib.sentence(drawn)))
  problems += examples.problems
  text = page.render(title, [section_lib.Section("Map", body, problems=problems),
                             page.careful([*maps.CAREFUL])])
  writing.write_text(out.parent / f"{out.name}.html", text)
  return "\n".join([*problems, figure_lib.sentence(drawn)])


def _chosen(rows: Sequence[modalities_lib.Modality], names: Sequence[str],
            problems: list[str]) -> list[str]:
  known = {key for row in rows for key in (row.name, row.code)}
  missing = [name for name in names if name not in known]
  if missing and len(missing) == len(names):
    raise ValueError(f"modality {missing[0]!r}; this run has {', '.join(r.name for r in rows)}")
  if missing:
    problems.append(f"The run has no modality {', '.join(missing)}; the map is of the others")
  return [row.name for row in modalities_lib.select(rows, set(names) & known)]
