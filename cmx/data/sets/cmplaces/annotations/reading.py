"""Annotations of any format in a folder, an archive or a JSON file, with the files that are bad."""

import json
import pathlib
from collections.abc import Iterator
from typing import Any, NamedTuple

from cmx.data.sets.cmplaces import annotations
from cmx.data.sets.cmplaces.annotations import ade20k
from cmx.data.sets.cmplaces.annotations import coco
from cmx.data.sets.cmplaces.annotations import labelme
from cmx.files import archives
from cmx.runtime import progress

_SUFFIXES = (".xml", ".json")


class Bad(NamedTuple):
  """A file that cannot be used: where it is, and why, beginning with line or part of it."""

  where: str
  why: str


def read(path: pathlib.Path) -> Iterator[annotations.Photograph | Bad]:
  """The photographs that a folder, an archive (.zip, .tar.gz, ...) or a .json file tells of.

  Raises:
    ValueError: if the archive is damaged, or nothing in it is an annotation.
  """
  if path.is_file() and path.suffix == ".json":
    yield from _of_file(str(path), path.stem, path.read_bytes(), ".json")
    return
  members = [member for member in archives.members(path) if member.name.endswith(_SUFFIXES)]
  if not members:
    raise ValueError(f"{path} holds no {' and no '.join(_SUFFIXES)}; expected annotations of "
                     "LabelMe, SUN, ADE20K or COCO")
  with archives.Reader(path) as reader, progress.Progress(
      "reading annotations", len(members), "files") as line:
    for number, member in enumerate(members, 1):
      stem, suffix = member.name.rsplit(".", 1)
      yield from _of_file(f"{path}: {member.name}", stem, reader.read(member), f".{suffix}")
      line.update(number)


def _of_file(where: str, key: str, content: bytes,
             suffix: str) -> Iterator[annotations.Photograph | Bad]:
  try:
    if suffix == ".xml":
      yield labelme.parse(key, content)
    else:
      yield from _of_json(key, content)
  except ValueError as error:
    yield Bad(where, str(error))


def _of_json(key: str, content: bytes) -> Iterator[annotations.Photograph]:
  try:
    tree: Any = json.loads(content)
  except json.JSONDecodeError as error:
    raise ValueError(f"line {error.lineno}: {error.msg}; expected JSON") from error
  if isinstance(tree, dict) and "annotation" in tree:
    yield ade20k.parse(key, tree)
  elif isinstance(tree, dict) and "images" in tree:
    yield from coco.parse(tree)
  else:
    raise ValueError("line 1: neither 'annotation' nor 'images'; expected the JSON of ADE20K or "
                     "COCO")
