"""Annotations as COCO writes them: one JSON file for all photographs, a box an object.

Source: Lin et al. 2014, Microsoft COCO.
"""

from collections.abc import Iterator
from typing import Any

from cmx.data.sets.cmplaces import annotations


def parse(tree: dict[str, Any]) -> Iterator[annotations.Photograph]:
  """The photographs of a file, in its order; COCO says nothing of scenes but by their folders.

  Args:
    tree: the JSON of the file.

  Raises:
    ValueError: if a part of it is not as it has to be; the message names it.
  """
  names = {row["id"]: annotations.plain(row["name"])
           for _, row in _rows(tree, "categories", "id", "name")}
  images = {row["id"]: row
            for _, row in _rows(tree, "images", "id", "file_name", "width", "height")}
  objects: dict[Any, list[annotations.Object]] = {identity: [] for identity in images}
  for number, row in _rows(tree, "annotations", "image_id", "category_id", "bbox"):
    image, name = images.get(row["image_id"]), names.get(row["category_id"])
    if image is None or name is None:
      raise ValueError(f"annotations[{number}] is of image {row['image_id']!r} and category "
                       f"{row['category_id']!r}; expected an id of images and one of categories")
    try:
      x, y, width, height = row["bbox"]
      at = annotations.box((x, x + width), (y, y + height), image["width"], image["height"])
    except (TypeError, ValueError, ZeroDivisionError) as error:
      raise ValueError(f"annotations[{number}].bbox {row['bbox']!r} ({error}); expected [x, y, "
                       "width, height] in pixels, in an image of a size") from error
    objects[row["image_id"]].append(annotations.Object(name, at))
  for identity, image in images.items():
    key = str(image["file_name"]).rsplit(".", 1)[0]
    yield annotations.Photograph(key, (tuple(key.split("/")[:-1]),), tuple(objects[identity]))


def _rows(tree: dict[str, Any], table: str, *fields: str) -> Iterator[tuple[int, dict[str, Any]]]:
  """The rows of a table with their numbers."""
  for number, row in enumerate(tree.get(table, [])):
    missing = [field for field in fields if not isinstance(row, dict) or field not in row]
    if missing:
      raise ValueError(f"{table}[{number}] has no {missing[0]!r}; expected {', '.join(fields)}")
    yield number, row
