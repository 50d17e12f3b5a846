"""Builds the pictures and texts of the recipe from the packages' files.

The result is a folder `<modality>/<split>/<category>/<file>`; what is there already is not made
again, so that an interrupted build goes on where it stopped. What a package no longer has is left
out.
"""

import json
import pathlib
import shlex
from collections.abc import Callable, Iterable, Sequence

from absl import logging

from cmx.data.sets.everyday import formats
from cmx.data.sets.everyday import pictures
from cmx.data.sets.everyday import recipe as recipe_lib
from cmx.files import writing
from cmx.runtime import progress

_SPATIAL_TEXT = "spatial_text"  # needs no package: words and places stand in the recipe
_VERSIONS = {"npm:@iconify/json": "2.2.535", "npm:@lobehub/fluent-emoji-3d": "1.1.0",
             "npm:openmoji": "17.0.0"}
_ICON = ('<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
         'viewBox="{left} {top} {width} {height}" width="{width}" height="{height}" color="#000">'
         '{body}</svg>')

_Contents = dict[str, bytes]  # path inside the package: bytes
_Rows = list[recipe_lib.Row]
_Maker = Callable[[recipe_lib.Row], bytes | None]  # an example's file; None where it cannot be had


def find(package: str, folder: pathlib.Path) -> pathlib.Path | None:
  """File of a package as `apt-get download` or `npm pack` names it; None if it is not there."""
  kind, name = package.split(":", 1)
  pattern = f"{name}_*.deb" if kind == "deb" else f"{name.lstrip('@').replace('/', '-')}-[0-9]*.tgz"
  return max(folder.glob(pattern), default=None)


def instructions(folder: pathlib.Path, packages: Iterable[str] = ()) -> str:
  """The commands that fetch the missing packages into a folder; "" where none is missing."""
  packages = sorted(packages or {row.package for row in recipe_lib.rows()})
  missing = [package for package in packages if find(package, folder) is None]
  if not missing:
    return ""
  debs = [package[4:] for package in missing if package.startswith("deb:")]
  npms = [f"{package[4:]}@{_VERSIONS[package]}" if package in _VERSIONS else package[4:]
          for package in missing if package.startswith("npm:")]
  there = shlex.quote(str(folder))
  lines = [f"mkdir -p {there}"]
  lines += [f"(cd {there} && apt-get download {' '.join(debs)})"] if debs else []
  lines += [f"(cd {there} && npm pack {' '.join(npms)})"] if npms else []
  return "\n".join(["packages are missing; get them with:", *(f"  {line}" for line in lines)])


def build(rows: Sequence[recipe_lib.Row], packages: pathlib.Path, out: pathlib.Path
          ) -> pathlib.Path:
  """Makes every file of the recipe below `out`, package by package; returns `out`.

  Raises:
    FileNotFoundError: if a package is missing; the message holds the commands that fetch it.
    ModuleNotFoundError: if SVG has to be drawn and resvg-py is missing.
  """
  todo = [row for row in rows if not (out / row.file).exists()]
  groups: dict[str, _Rows] = {}
  for row in todo:
    groups.setdefault("" if row.modality == _SPATIAL_TEXT else row.package, []).append(row)
  wanted = [package for package in groups if package]
  if wanted and (message := instructions(packages, wanted)):
    raise FileNotFoundError(message)
  if any(row.package.startswith("npm:") for row in todo):
    pictures.renderer()  # said before the work starts, not in the middle of it
  failed, done = 0, len(rows) - len(todo)
  with progress.Progress("everyday", len(rows), "examples", done) as line:
    for package, group in groups.items():
      for row, content in _group(package, group, packages):
        failed += content is None
        if content is not None:
          (out / row.file).parent.mkdir(parents=True, exist_ok=True)
          with writing.whole(out / row.file) as file:
            file.write(content)
        done += 1
        line.update(done, package)
  if failed:
    logging.warning("everyday: %d of %d examples are not in the packages", failed, len(rows))
  return out


def _group(package: str, rows: _Rows, folder: pathlib.Path
           ) -> Iterable[tuple[recipe_lib.Row, bytes | None]]:
  if not package:
    return ((row, pictures.file(pictures.written(row.words), row.file)) for row in rows)
  make = _READERS.get(package, _files)(find(package, folder), rows)
  return ((row, _attempt(make, row)) for row in rows)


def _attempt(make: _Maker, row: recipe_lib.Row) -> bytes | None:
  try:
    return make(row)
  except (ValueError, OSError, SyntaxError) as error:  # Pillow raises the last two on damaged files
    logging.warning("everyday: %s of %s cannot be read: %s", row.path, row.package, error)
    return None


def _picture(contents: _Contents) -> _Maker:
  """Maker of rows whose path is a picture's file."""
  def make(row: recipe_lib.Row) -> bytes | None:
    content = contents.get(row.path)
    if content is None:
      return None
    vector = row.path.endswith((".svg", ".svgz"))
    drawn = pictures.svg(content) if vector else pictures.raster(content)
    return pictures.file(pictures.framed(drawn), row.file)
  return make


def _files(path: pathlib.Path, rows: _Rows) -> _Maker:
  names = {row.path for row in rows}
  read = formats.deb if path.suffix == ".deb" else formats.npm
  return _picture(dict(read(path, names.__contains__)))


def _gcompris(path: pathlib.Path, rows: _Rows) -> _Maker:
  names, contents = {row.path for row in rows}, {}
  for _, resource in formats.deb(path, lambda name: name.endswith(".rcc")):
    contents.update(formats.rcc(resource, names.__contains__))
  return _picture(contents)


def _sweethome(path: pathlib.Path, rows: _Rows) -> _Maker:
  names, contents = {row.path for row in rows}, {}
  for library, data in formats.deb(path, lambda name: name.endswith(".sh3f")):
    prefix = pathlib.PurePosixPath(library).stem
    members = formats.zipped(data, lambda name, prefix=prefix: f"{prefix}/{name}" in names)
    contents.update({f"{prefix}/{name}": content for name, content in members})
  return _picture(contents)


def _iconify(path: pathlib.Path, rows: _Rows) -> _Maker:
  names = {f"json/{row.path.split(':')[0]}.json" for row in rows}
  sets = {name[len("json/"):-len(".json")]: json.loads(content)
          for name, content in formats.npm(path, names.__contains__)}

  def make(row: recipe_lib.Row) -> bytes | None:
    prefix, name = row.path.split(":")
    document = icon(sets.get(prefix, {}), name)
    return document and pictures.file(pictures.framed(pictures.svg(document.encode())), row.file)
  return make


def icon(icons: dict, name: str) -> str | None:
  """SVG document of an icon of an Iconify set; None where the set does not have it."""
  known, aliases = icons.get("icons", {}), icons.get("aliases", {})
  entry = known.get(name) or known.get(aliases.get(name, {}).get("parent"))
  if entry is None:
    return None
  box = {field: entry.get(field, icons.get(field, default))
         for field, default in (("left", 0), ("top", 0), ("width", 16), ("height", 16))}
  return _ICON.format(body=entry["body"], **box)


def _wordnet(path: pathlib.Path, rows: _Rows) -> _Maker:
  data = dict(formats.deb(path, lambda name: name.endswith("wordnet/data.noun")))
  nouns = next(iter(data.values()), b"")
  return lambda row: _text(row, formats.wordnet_gloss(nouns, int(row.path.split(":")[0])))


def _gcide(path: pathlib.Path, rows: _Rows) -> _Maker:
  data = dict(formats.deb(path, lambda name: pathlib.PurePosixPath(name).name.startswith("gcide.")))
  files = {pathlib.PurePosixPath(name).name: content for name, content in data.items()}
  if not {"gcide.index", "gcide.dict.dz"} <= files.keys():
    return lambda row: None
  dictionary = formats.Dictd(files["gcide.index"], files["gcide.dict.dz"])

  def make(row: recipe_lib.Row) -> bytes | None:
    entry = dictionary.text(row.path.split(":", 1)[1])
    return _text(row, None if entry is None else recipe_lib.cut(entry, row.spans))
  return make


def _text(row: recipe_lib.Row, text: str | None) -> bytes | None:
  if text is None or recipe_lib.checksum(text) != row.check:
    return None  # another edition of the dictionary: its text was never looked at
  return f"{text}\n".encode()


_READERS = {"deb:gcompris-qt-data": _gcompris, "deb:sweethome3d-furniture": _sweethome,
            "npm:@iconify/json": _iconify, "deb:wordnet-base": _wordnet, "deb:dict-gcide": _gcide}
