"""Pages: what is said and kept of a unit that is shown."""

import pathlib
from collections.abc import Mapping
from typing import Any

from PIL import Image

from cmx.analysis import figures
from cmx.analysis.units import figure
from cmx.analysis.units import findings as findings_lib
from cmx.analysis.units import looks as looks_lib
from cmx.analysis.units import summary

_TILES, _STORED = 4, 96  # examples of a small strip, and pixels of each
_QUALITY = 60  # of WebP


def write(findings: findings_lib.Findings, shown: looks_lib.Shown,
          folder: pathlib.Path) -> dict[str, Any]:
  """Draws a unit's page and small tiles; returns what they say, as plain values.

  Returns:
    {"layer", "unit", "why", "page": name of the files, "score", "p", "q", "p_weakest",
    "modalities": {code: {"class", "object", "iou", "tiles": file or None, "looks": [{"key",
    "category", "value", "objects", "text", "marks"}]}}}.
  """
  name = f"{shown.layer}_{shown.unit:04d}"
  about = {row.name: summary.of_modality(findings, shown.layer, shown.unit, row.name)
           for row in findings.subject.modalities}
  own = summary.of_unit(findings, shown.layer, shown.unit)
  rows = [figure.Row(row.name.replace("_", " "), _notes(about[row.name]), shown.looks[row.name])
          for row in findings.subject.modalities]
  method = findings.subject.run.method.name
  page = figure.page(f"{method}: {shown.layer}, unit {shown.unit}", rows,
                     caption(findings, shown, own))
  figures.write(page, folder, name)
  return {"layer": shown.layer, "unit": shown.unit, "why": shown.why, "page": name, **own,
          "modalities": {row.code: {
            **about[row.name], "looks": [_plain(look) for look in shown.looks[row.name]],
            "tiles": _tiles(shown.looks[row.name], folder / "tiles", f"{name}_{row.code}.webp")}
            for row in findings.subject.modalities}}


def _notes(about: Mapping[str, Any]) -> list[str]:
  notes = [f"class: {about['class'].replace('_', ' ')}"] if about["class"] else []
  if about["object"]:
    notes += [f"object: {about['object']}", f"IoU {about['iou']:.2f}"]
  return notes


def _plain(look: looks_lib.Look) -> dict[str, Any]:
  text = look.example.input if isinstance(look.example.input, str) else None
  return {"key": look.example.key, "category": look.example.category, "value": look.value,
          "objects": list(look.objects), "text": text,
          "marks": {word: round(mark, 3) for word, mark in figure.strengths(look).items()}}


def _tiles(looks: list[looks_lib.Look], folder: pathlib.Path, name: str) -> str | None:
  """Writes the first examples side by side; None where there is no picture among them."""
  looks = looks[:_TILES]
  if not any(look.example.is_picture for look in looks):
    return None
  folder.mkdir(exist_ok=True)
  strip = Image.new("RGB", (len(looks) * _STORED, _STORED), "white")
  for i, look in enumerate(looks):
    strip.paste(figure.tile(look, _STORED), (i * _STORED, 0))
  strip.save(folder / name, "WEBP", quality=_QUALITY, method=4)
  return f"{folder.name}/{name}"


def caption(findings: findings_lib.Findings, shown: looks_lib.Shown,
            own: Mapping[str, float | None]) -> list[str]:
  """What a page shows, in paragraphs that need no other text."""
  layer, options = shown.layer, findings.options
  total = len(next(iter(findings.tallies[layer].values())).lowest)
  why = (f"one of the {options.show} most consistent units" if shown.why == looks_lib.CONSISTENT
         else "drawn by lot")
  parts = [
    f"Unit {shown.unit} of the {total:,} of {layer}, {why}. A row shows the examples of a modality "
    f"to which it responds most ({findings.data.replace('_', ' ')}, {options.split} split), "
    "strongest first, with their class; beside it the class of its highest mean response."]
  if own["score"] is not None:
    compared = findings.compared[layer]
    parts.append(
      f"Consistency {own['score']:.2f}: correlation of its mean responses to {compared.classes} "
      f"classes, mean over pairs of modalities; 5 % of units reach {compared.null:.2f} by chance. "
      f"p = {own['p']:.2g} by {options.permutations:,} permutations of classes, "
      f"{own['p_weakest']:.2g} for the modality that fits the others least.")
  return [*parts, " ".join(_how_lit(findings, layer))]


def _how_lit(findings: findings_lib.Findings, layer: str) -> list[str]:
  subject, options, sentences = findings.subject, findings.options, []
  kinds = {row.kind for row in subject.modalities}
  maps = any(part.maps.shape[2] > 1 for part in findings.tallies[layer].values())
  if maps:
    size = subject.layout.field.size
    sentences.append(
      "Lit: where its activation map, spread over the picture, is above the value that "
      f"{100 * options.places:g} % of the map's places exceed; a place sees {size} x {size} pixels "
      "at most.")
  elif "pixels" in kinds and options.squares:
    sentences.append(
      f"Lit: of {options.squares} x {options.squares} squares, those without which its response "
      "falls at least half as much as without the most important.")
  if "text" in kinds:
    sentences.append("Words: the darker, the more of the response is lost without the word.")
  if findings.overlaps is not None:
    fires = f"examples on which it fires (the highest {100 * options.examples:g} %) with those " \
            "that have the object"
    sentences.append("Object: the best by IoU over the whole split, of " + (
      f"lit regions with boxes of the object; for texts, of {fires}." if maps else f"{fires}."))
  return sentences
