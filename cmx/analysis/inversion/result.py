"""The result of inverting a layer: written, read back, and as a table of text and CSV.

result.json holds all that is said, fractions in full precision; pictures.npz all that is shown.
"""

import json
import pathlib
import textwrap
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from cmx.files import grids
from cmx.files import json_files
from cmx.files import manifest
from cmx.files import writing

_RESULT, _PICTURES = "result.json", "pictures.npz"
_AGAIN = "Run launch.invert again: it is made anew"
_FRACTIONS = ("nearer", "kept", "same")  # percent in text


class Inverted(NamedTuple):
  """The result of inverting a layer of a run.

  Attributes:
    content: {"method", "name", "seed", "layer", "reference", "size",
      "decoder": {"steps", "parameters", "drawing", "gallery"}, "definitions": {measure: text},
      "spectrum": power of real pictures by wave number,
      "rows": [{"modality", "code", "moved", "examples", "measures": {measure: {column: number}},
                "spectrum": {way: power by wave number}}],
      "tiles": [{"modality", "category", "row", "answer",
                 "inverted" | "second" | "third" | "moved" | "nearest": {"cosine", "answer"}}],
      "units": {"numbers": [U], "modalities": [P], "examples": [U]}, or None}; `row` and `examples`
      are rows of the validation features.
    pictures: {"inverted" | "second" | "third" | "moved" | "nearest": uint8 [T, H, W, 3] for T
      tiles, "units": uint8 [P, U, H, W, 3]}; what was not made is absent.
  """

  content: dict[str, Any]
  pictures: dict[str, np.ndarray]


def folders(workdir: pathlib.Path) -> list[pathlib.Path]:
  """The folders of a run's layers that were inverted."""
  return sorted(path.parent for path in pathlib.Path(workdir).glob("inversion/*/result.json"))


def write(folder: pathlib.Path, inverted: Inverted) -> None:
  """Writes result.json, pictures.npz and the tables, each whole or not at all."""
  pictures = folder / _PICTURES
  texts = {_RESULT: json.dumps(inverted.content, indent=1), "table.txt": to_text(inverted.content),
           "table.csv": to_csv(inverted.content)}
  sealed = manifest.beside(folder / _RESULT)
  manifest.lift(sealed)
  with writing.whole(pictures) as file:
    np.savez_compressed(file, **inverted.pictures)
  for name, text in reversed(texts.items()):
    writing.write_text(folder / name, text)
  manifest.seal(sealed, _AGAIN, [pictures, *(folder / name for name in texts)])


def read(folder: pathlib.Path) -> Inverted:
  """What `write` wrote.

  Raises:
    FileNotFoundError: if there is nothing.
    ValueError: if a file is damaged.
  """
  manifest.check(manifest.beside(folder / _RESULT))
  if not (folder / _RESULT).exists():
    raise FileNotFoundError(f"{folder} holds no inversion; run launch.invert on the run first")
  remedy = f"remove {folder / _RESULT}, and run launch.invert again"
  content = json_files.read(folder / _RESULT, remedy, "spectrum", "rows", "tiles", "decoder")
  try:
    return Inverted(content, writing.read_arrays(folder / _PICTURES))
  except (OSError, ValueError) as error:
    raise ValueError(f"{folder / _PICTURES} is missing or damaged ({error}); {remedy}") from error


def columns(content: Mapping[str, Any]) -> list[tuple[str, str]]:
  """(measure, column) of every number that any row has, in the order of the definitions."""
  present = {(measure, column) for row in content["rows"]
             for measure, part in row["measures"].items() for column in part}
  order = ("before", "inverted", "nearest", "mean", "other", "real")
  return [(measure, column) for measure in content["definitions"] for column in order
          if (measure, column) in present]


def words(row: Mapping[str, Any], measure: str, column: str) -> str:
  """A number as a table shows it; "-" where it is not defined."""
  value = row["measures"].get(measure, {}).get(column)
  if value is None:
    return "-"
  return f"{100 * value:.1f}" if measure in _FRACTIONS else f"{value:.3f}"


def title(content: Mapping[str, Any]) -> str:
  """What was inverted, as a sentence."""
  made = content["decoder"]
  layer, reference, size = content["layer"], content["reference"], content["size"]
  return (f"Inversion of {layer} of {content['name']}, seed {content['seed']}, to pictures of "
          f"{reference} ({size} x {size} pixels), validation split. Decoder: "
          f"{made['parameters']:,} parameters, {made['steps']:,} steps on {layer} of the run's own "
          f"network for {reference}; nearest: the best of {made['gallery']:,} training pictures; "
          f"moved: features first given the mean and deviation of {reference} ones, unit by unit, "
          "from training examples.")


def to_text(content: Mapping[str, Any]) -> str:
  """The table with the definition of each number below it."""
  shown = columns(content)
  lines = [[code(row), f"{row['examples']:,}", *(words(row, *column) for column in shown)]
           for row in content["rows"]]
  grid = grids.Grid(title(content), [("", ""), ("", "N"), *shown], lines, left=2)
  parts = [grids.to_screen(grid)]
  parts += [textwrap.fill(f"{measure}: {text}", grids.WIDTH, subsequent_indent="  ")
            for measure, text in content["definitions"].items()]
  return "\n".join(parts) + "\n"


def code(row: Mapping[str, Any]) -> str:
  """The code of a row's modality, and whether its features were moved."""
  return f"{row['code']}{' moved' * row['moved']}"


def to_csv(content: Mapping[str, Any]) -> str:
  """A line for each number; fractions are not percent here."""
  run = {name: content[name] for name in ("method", "seed", "layer")}
  return grids.records_to_csv([
    {**run, "modality": row["modality"], "moved": row["moved"], "examples": row["examples"],
     "measure": measure, "column": column, "value": value}
    for row in content["rows"] for measure, part in row["measures"].items()
    for column, value in part.items()])
