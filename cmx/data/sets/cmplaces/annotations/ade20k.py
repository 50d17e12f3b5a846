"""Annotations as ADE20K of 2021 writes them: a JSON file a photograph, a polygon an object.

Source: Zhou et al. 2017, Scene Parsing through ADE20K Dataset.
"""

from typing import Any

from cmx.data.sets.cmplaces import annotations


def parse(key: str, tree: dict[str, Any]) -> annotations.Photograph:
  """The photograph of a file.

  Args:
    key: path of the file, without suffix.
    tree: the JSON of the file.

  Raises:
    ValueError: if a part of it is not as it has to be; the message names it.
  """
  try:
    said = tree["annotation"]
    height, width = said["imsize"][:2]
    scenes = [str(part) for part in said.get("scene", [])]
  except (KeyError, TypeError, ValueError) as error:
    raise ValueError(f"no annotation.imsize of [height, width] ({error!r}); expected ADE20K's JSON "
                     "of 2021") from error
  objects = []
  for number, item in enumerate(said.get("object", [])):
    try:
      if int(item.get("parts", {}).get("part_level", 0)):
        continue  # a part of another object
      polygon = item["polygon"]
      at = annotations.box(polygon["x"], polygon["y"], width, height)
      name = annotations.plain(item["name"])
    except (KeyError, TypeError, ValueError, AttributeError, ZeroDivisionError) as error:
      raise ValueError(f"annotation.object[{number}] ({error!r}); expected a name and a polygon of "
                       "numbers x and y") from error
    if name:
      objects.append(annotations.Object(name, at))
  folders = tuple(key.split("/")[:-1])
  return annotations.Photograph(key, (tuple(scenes), tuple(scenes[-1:]), folders), tuple(objects))
