"""A map on a page: its two panels, and the examples themselves under the pointer or finger."""

import html
import io
import json
from collections.abc import Sequence

import numpy as np
from PIL import Image

from cmx.analysis import figures
from cmx.analysis import tiles
from cmx.analysis.maps import figure
from cmx.analysis.maps import tsne
from cmx.evaluation import examples as examples_lib
from cmx.report import section as section_lib

_SIDE, _COLUMNS, _QUALITY = 80, 32, 55  # of the sheet of thumbnails: pixels, columns, of WebP
_SHEET = 4_000_000  # bytes of the sheet at most; thumbnails become smaller until it fits
_LETTERS = 320  # of a text


def examples(name: str, sample: tsne.Sample, classes: Sequence[str],
             shown: examples_lib.Examples | None) -> str:
  """What the maps of one sample show under the pointer, as data within the page.

  Args:
    name: id of it, for `panels`.
    sample: of the maps.
    classes: names in label order.
    shown: examples by modality and row; None where they are missing.
  """
  texts, pictures, cell = [], [], []
  for i in range(len(sample.row)):
    example = shown(sample.names[sample.modality[i]], sample.row[i]) if shown else None
    picture = example is not None and example.is_picture
    texts.append("" if example is None or picture else tiles.words(example, _LETTERS))
    cell.append(len(pictures) if picture else -1)
    pictures += [example] if picture else []
  colours = figures.colours(sample.names)
  content = {
    "modalities": [name.replace("_", " ") for name in sample.names],
    "colours": [colours[name] for name in sample.names],
    "categories": [name.replace("_", " ") for name in classes],
    "modality": sample.modality.tolist(), "label": sample.label.tolist(), "text": texts,
    "cell": cell, "columns": _COLUMNS, "rows": -(-len(pictures) // _COLUMNS),
    "sheet": _sheet(pictures)}
  return _data_element(name, content)


def _data_element(name: str, content: object) -> str:
  """JSON within the page; nothing in it can end the element."""
  text = json.dumps(content, separators=(",", ":")).replace("<", "\\u003c")
  return f'<script type="application/json" id="{html.escape(name)}">{text}</script>'


def _sheet(pictures: Sequence[examples_lib.Example]) -> str:
  """All thumbnails in one picture, as a data: address; "" without any."""
  if not pictures:
    return ""
  side = min(_SIDE, max(max(example.input.shape[:2]) for example in pictures))
  while True:
    sheet = Image.new("RGB", (_COLUMNS * side, -(-len(pictures) // _COLUMNS) * side), "white")
    for i, example in enumerate(pictures):
      sheet.paste(tiles.tile(example, side), (i % _COLUMNS * side, i // _COLUMNS * side))
    stored = io.BytesIO()
    sheet.save(stored, "WEBP", quality=_QUALITY, method=4)
    if stored.tell() <= _SHEET or side <= 16:
      return section_lib.address(stored.getvalue())
    side = side * 3 // 4


def panels(found: tsne.Map, classes: Sequence[str], examples_name: str) -> str:
  """The map's two panels with a legend; with scripts, the examples come up under the pointer."""
  names = figure.arranged(found, classes)
  drawn = [("by modality", figure.panel(figure.by_modality, found)),
           ("by category", figure.panel(figure.by_category, found, names))]
  places = (found.place + figure.MARGIN) / (1 + 2 * figure.MARGIN)
  places[:, 1] = 1 - places[:, 1]  # a page's y runs down
  places = " ".join(map(str, np.round(places.ravel() * 10_000).astype(int)))
  body = "".join(f'<div class="panel"><h4>{title}</h4><div class="plane">{content}</div></div>'
                 for title, content in drawn)
  keyed = [f"{name.text} {classes[name.label].replace('_', ' ')}" for name in names if name.keyed]
  key = section_lib.paragraph("Numbers: " + ", ".join(keyed) + ".", "small") if keyed else ""
  return (f'<div class="map" data-examples="{html.escape(examples_name)}" data-places="{places}">'
          f"{body}</div>{_legend(found)}{key}")


def _legend(found: tsne.Map) -> str:
  counts = np.bincount(found.sample.modality, minlength=len(found.sample.names))
  colours, markers = figures.colours(found.sample.names), figures.markers(found.sample.names)
  entries = "".join(
    f'<span><i style="color:{colours[name]}">{_SHAPES[markers[name]]}</i> '
    f"{html.escape(name.replace('_', ' '))} ({count})</span>"
    for name, count in zip(found.sample.names, counts))
  return f'<p class="legend small">{entries}</p>'


_SHAPES = dict(zip(figures.MARKERS, "\u25cf\u25a0\u25b2\u25c6\u2716\u271a\u25bc\u2605\u25c0\u25b6"))
