"""Annotations of any format in a folder, an archive or a JSON file, with the files that are bad."""

import json
import pathlib
from collections.abc import Iterator
from typing import Any

from cmx.data.sets.cmplaces import annotations
from cmx.data.sets.cmplaces.annotations import ade20k
from cmx.data.sets.cmplaces.annotations import coco
from cmx.data.sets.cmplaces.annotations import labelme
from cmx.files import archives
from cmx.files import json_files
from cmx.files import kinds
from cmx.runtime import progress

_SUFFIXES = (".xml", ".json")
_Found = annotations.Photograph | annotations.Left | annotations.Bad

# JSON of other tools by a key of theirs: what it is, and what to do.
_OTHERS = {
  "shapes": "labelme's JSON (a file a photograph); convert them to COCO, with labelme2coco",
  "_via_img_metadata": "VIA's project; export its annotations as COCO",
  "regions": "VIA's annotations; export them as COCO",
  "completions": "Label Studio's JSON; export it as COCO",
  "features": "GeoJSON; convert its boxes to COCO",
  "Label": "Labelbox's JSON; export it as COCO", "licenses": "COCO's JSON without its images",
  "annotations": "a part of COCO's JSON, without its images: give the whole file",
  "bbox": "COCO's results; give the file of annotations"}


def read(path: pathlib.Path) -> Iterator[_Found]:
  """The photographs that a folder, an archive (.zip, .tar.gz, ...) or a file of them tells of.

  Beside them come the objects that are left out, and files and photographs that are bad; a
  photograph of which an earlier file tells is bad, as it would be in two splits at once.

  Raises:
    ValueError: if the archive is damaged, or nothing in it is an annotation.
  """
  first: dict[str, str] = {}
  for where, told in _all(path):
    if isinstance(told, annotations.Photograph):
      if told.key in first:
        told = annotations.Bad("", f"tells of photograph {told.key!r}, as {first[told.key]} "
                               "does; expected it once")
      else:
        first[told.key] = where
    yield told if isinstance(told, annotations.Photograph) else told._replace(
      where=f"{where} {told.where}".rstrip())


def _all(path: pathlib.Path) -> Iterator[tuple[str, _Found]]:
  """What files tell of, and what messages call the file."""
  if path.is_file() and path.suffix.lower() in _SUFFIXES:
    for found in _of_file(path.stem, path.read_bytes(), path.suffix.lower()):
      yield str(path), found
    return
  members = [member for member in archives.members(path)
             if member.name.lower().endswith(_SUFFIXES)]
  if not members:
    raise ValueError(f"{path} holds no {' and no '.join(_SUFFIXES)}; expected annotations of "
                     "LabelMe, SUN, ADE20K or COCO")
  with archives.Reader(path) as reader, progress.Progress(
      "reading annotations", len(members), "files") as line:
    for number, member in enumerate(members, 1):
      key, suffix = annotations.path_key(member.name), pathlib.PurePath(member.name).suffix.lower()
      for told in _of_file(key, reader.read(member), suffix):
        yield f"{path}: {member.name}", told
      line.update(number)


def _of_file(key: str, content: bytes, suffix: str) -> Iterator[_Found]:
  said = kinds.sentence(content[:kinds.HEAD], "xml", "html", "empty", "utf16")  # as XML may be
  try:
    if said:
      raise ValueError(said)
    yield from labelme.parse(key, content) if suffix == ".xml" else _of_json(key, content)
  except ValueError as error:
    yield annotations.Bad("", str(error))


def _of_json(key: str, content: bytes) -> Iterator[_Found]:
  try:
    tree: Any = json.loads(content, object_pairs_hook=json_files.unique)
  except json.JSONDecodeError as error:
    raise ValueError(f"line {error.lineno}: {error.msg}; expected JSON") from error
  except UnicodeDecodeError as error:
    raise ValueError(f"no text in UTF-8 ({error.reason} at byte {error.start}); expected JSON"
                     ) from error
  except RecursionError as error:
    raise ValueError("lists or objects in each other without end; expected JSON") from error
  if isinstance(tree, dict) and "annotation" in tree:
    yield from ade20k.parse(key, tree)
  elif isinstance(tree, dict) and "images" in tree:
    yield from coco.parse(tree)
  else:
    first = tree[0] if isinstance(tree, list) and tree else tree
    other = next((what for part, what in _OTHERS.items() if isinstance(first, dict)
                  and part in first), "")
    raise ValueError("line 1: neither 'annotation' nor 'images'; expected the JSON of ADE20K or "
                     f"COCO{f': this is {other}' if other else ''}")
