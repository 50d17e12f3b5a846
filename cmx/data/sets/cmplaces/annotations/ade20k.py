"""Annotations as ADE20K of 2021 writes them: a JSON file a photograph, a polygon an object.

Source: Zhou et al. 2017, Scene Parsing through ADE20K Dataset.
"""

from collections.abc import Iterator
from typing import Any

from cmx.data.sets.cmplaces import annotations


def parse(key: str,
          tree: dict[str, Any]) -> Iterator[annotations.Photograph | annotations.Left]:
  """The photograph of a file, after the objects that are left out of it.

  Args:
    key: path of the file, without suffix.
    tree: the JSON of the file.

  Raises:
    ValueError: if what is said of the photograph is not as it has to be; the message names it.
  """
  try:
    said = tree["annotation"]
    height, width = said["imsize"][:2]
    scenes = [str(part) for part in said.get("scene", [])]
    annotations.box([0], [0], width, height)
  except (KeyError, TypeError, ValueError, AttributeError) as error:
    raise ValueError(f"no annotation.imsize of [height, width] ({_plain(error)}); expected "
                     "ADE20K's JSON of 2021") from error
  objects, items = [], said.get("object", [])
  for number, item in enumerate(items if isinstance(items, list) else [items]):
    try:
      if int((item.get("parts") or {}).get("part_level", 0)):
        continue  # a part of another object
      polygon = item["polygon"]
      at = annotations.box(polygon["x"], polygon["y"], width, height)
      objects.append(annotations.object_of(item["name"], at))
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
      yield annotations.Left(f"annotation.object[{number}]", f"{_plain(error)}; expected a name "
                             "and a polygon of numbers x and y")
  folders = tuple(key.split("/")[:-1])
  yield annotations.Photograph(key, (tuple(scenes), tuple(scenes[-1:]), folders), tuple(objects))


def _plain(error: Exception) -> str:
  """What is wrong, in words, of what Python raises where a tree has another form."""
  if isinstance(error, KeyError):
    return f"no {error.args[0]!r}"
  return f"{error}" if type(error) is ValueError else "another form"
