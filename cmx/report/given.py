"""Embeddings of others: their tables, measures and one page, without a network."""

import dataclasses
import functools
import pathlib
from collections.abc import Sequence

from cmx import config as config_lib
from cmx import data
from cmx.evaluation import embeddings
from cmx.evaluation import examples as examples_lib
from cmx.evaluation import retrieval
from cmx.evaluation import screen
from cmx.evaluation import table_files
from cmx.evaluation.space import files
from cmx.evaluation.space import measure
from cmx.files import paths
from cmx.files import pictures
from cmx.report import answers
from cmx.report import maps
from cmx.report import opening
from cmx.report import options as options_lib
from cmx.report import page
from cmx.report import section as section_lib
from cmx.report import space
from cmx.report import table
from cmx.runtime import provenance
from cmx.training import checkpoint

_SIDE = 96  # pixels that pictures are read at


class _Source:
  """What stands behind the rows of a file, as a source of `data.Dataset`."""

  def __init__(self, part: embeddings.Part):
    self.labels, self._part = part.labels, part

  def __len__(self) -> int:
    return len(self.labels)

  def __getitem__(self, index: int) -> data.Example:
    part = self._part
    shown = part.text[index] if part.text else pictures.pixels(part.pictures[index], _SIDE)
    return {"input": shown, "label": -1, "key": part.keys[index] if part.keys else ""}


def evaluate(features: Sequence[str], train: Sequence[str], text: Sequence[str], layer: str,
             out: pathlib.Path | None) -> str:
  """Reads embeddings, measures them and writes what `write` does; returns its text.

  Args:
    features: files and folders, see `embeddings.read`.
    train: the same of training examples; () for none.
    text: names of modalities that are text.
    layer: main one; "" takes fc7, or else the first.
    out: folder to write into; None for evaluated/ beside the first file.

  Raises:
    FileNotFoundError, ValueError: as `embeddings.read` and `measure.of_embeddings`.
  """
  theirs = [pathlib.Path(paths.own("--features", str(word))) for word in features]
  out = out or theirs[0].parent / "evaluated"
  given = embeddings.read(theirs, text)
  training = embeddings.read([pathlib.Path(paths.own("--train", str(word))) for word in train],
                             text, given.classes) if train else None
  if training is not None:
    embeddings.check_training(given, training)
  return write(given, training, layer, out, ", ".join(path.stem for path in theirs))


def write(given: embeddings.Given, training: embeddings.Given | None, layer: str,
          out: pathlib.Path, name: str,
          options: options_lib.Options = options_lib.Options()) -> str:
  """Measures embeddings and writes all there is to read of them into a folder.

  Args:
    given: what is evaluated.
    training: training examples of the same model, or None.
    layer: main one; "" takes fc7, or else the first.
    out: folder of table.*, readouts.*, space.* and report.html.
    name: of the row in tables.
    options: of the page.

  Returns:
    The main table and that of read-outs, as text.

  Raises:
    ValueError: as `measure.of_embeddings`.
  """
  content, found = measure.of_embeddings(given, training, layer, name)
  files.write(out, content)
  main = measure.main_tables(content["result"])
  text = [screen.to_text(table_files.write(out, [main])),
          files.write_readouts(out, [content]), *given.notes]
  problems = []
  try:
    _page(given, found, main, out, name, options)
  except ValueError as error:  # the page needs matplotlib; the tables are there
    problems.append(f"No page: {error}")
  return "\n".join([*text, *problems])


def _page(given: embeddings.Given, found: retrieval.Vectors, result: dict, out: pathlib.Path,
          name: str, options: options_lib.Options) -> None:
  config = dataclasses.replace(config_lib.Config(), method=measure.NAME)
  run = checkpoint.Run(config, given.classes, given.modalities, {}, 0, provenance.describe())
  seen = {key: {found.layer: x, "label": given.features[key]["label"]}
          for key, x in found.x.items()}  # maps and boards show what the main table compares
  opened = opening.Opened(out, name, run, result, (), seen, _examples(given))
  report = opening.Report(out, out / "report", [opened], None,
                          options._replace(layer=found.layer), given.notes)
  card = functools.partial(_card, given)
  page.write(report, f"cmx: {name}", {
    "card": card, "table": table.section, "space": space.section, "maps": maps.section,
    "answers": answers.section})


def _card(given: embeddings.Given, report: opening.Report) -> section_lib.Section:
  """What was measured: files, sizes, classes, by which command."""
  made = report.runs[0].run.provenance
  facts = [("Classes", f"{len(given.classes)}: " + ", ".join(given.classes[:40])
            + (", ..." if len(given.classes) > 40 else "")),
           ("Command", made["command"]),
           ("Versions", ", ".join(f"{key} {value}" for key, value in made["versions"].items()))]
  rows = [(row.name, row.kind, f"{len(given.features[row.name]['label']):,}",
           ", ".join(f"{layer} {x.shape[1]:,}" for layer, x in given.features[row.name].items()
                     if layer != "label"), given.parts[row.name].source)
          for row in given.modalities]
  body = section_lib.facts(facts) + section_lib.table(
    ("modality", "kind", "examples", "width", "read from"), rows)
  return section_lib.Section("What was measured", body, (
    "One set of vectors has no spread over seeds: how much another training would give is "
    "unknown.",))


def _examples(given: embeddings.Given) -> examples_lib.Examples:
  shown = {name: part for name, part in given.parts.items() if part.text or part.pictures}
  missing = [f"Nothing of {name} can be shown: its file gives neither text nor pictures"
             for name in given.parts if name not in shown]
  keys = {name: [part.keys[i] for i in embeddings.order(part)] if part.keys else ()
          for name, part in given.parts.items()}
  return examples_lib.Examples(
    given.classes, {name: part["label"] for name, part in given.features.items()}, keys,
    {name: _Source(part) for name, part in shown.items()}, missing)
