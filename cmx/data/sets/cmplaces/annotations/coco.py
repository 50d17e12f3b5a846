"""Annotations as COCO writes them: one JSON file for all photographs, a box an object.

Source: Lin et al. 2014, Microsoft COCO.
"""

import collections
from collections.abc import Iterator
from typing import Any

from cmx.data.sets.cmplaces import annotations
from cmx.files import text

_TASKS = {"caption": "captions", "segments_info": "panoptic segments", "keypoints": "keypoints"}

_Found = annotations.Photograph | annotations.Left | annotations.Bad


def parse(tree: dict[str, Any]) -> Iterator[_Found]:
  """The photographs of a file, in its order; COCO says nothing of scenes but by their folders.

  What is wrong with a row costs that row alone: its object, or its photograph.

  Raises:
    ValueError: if a table is none, annotations are of another task or in other units, or two
      categories of different names have one id.
  """
  _check_kind(tree)
  names: dict[Any, str] = {}
  for number, row, why in _rows(tree, "categories", "id", "name"):
    if why:
      yield annotations.Left(f"categories[{number}]", why)
    elif names.setdefault(row["id"], row["name"]) != row["name"]:
      raise ValueError(f"categories[{number}] has the id {row['id']!r} of "
                       f"{names[row['id']]!r}; expected ids of their own")
  images, bad = _images(tree)
  yield from bad
  _check_units(tree, images)
  objects: dict[Any, list[annotations.Object]] = {identity: [] for identity in images}
  for number, row, why in _rows(tree, "annotations", "image_id", "category_id", "bbox"):
    try:
      if why:
        raise ValueError(why)
      image = images.get(row["image_id"])
      if image is None or row["category_id"] not in names:
        raise ValueError(f"is of image {row['image_id']!r} and category {row['category_id']!r}; "
                         "expected an id of images and one of categories")
      objects[row["image_id"]].append(
        annotations.object_of(names[row["category_id"]], _box(row["bbox"], image)))
    except (TypeError, ValueError, OverflowError) as error:
      yield annotations.Left(f"annotations[{number}]", str(error))
  for identity, image in images.items():
    key = annotations.path_key(image["file_name"])
    yield annotations.Photograph(key, (tuple(key.split("/")[:-1]),), tuple(objects[identity]))


def _check_kind(tree: dict[str, Any]) -> None:
  """Refuses annotations of another task, by their fields."""
  rows = tree.get("annotations")
  first = rows[0] if isinstance(rows, list) and rows and isinstance(rows[0], dict) else {}
  other = next((what for field, what in _TASKS.items() if field in first), "")
  if other and "bbox" not in first:
    raise ValueError(f"annotations are COCO's {other}, without boxes; give instances_*.json of the "
                     "same place")
  if first and "categories" not in tree:
    raise ValueError("no 'categories', which name the objects; expected COCO's whole file")


def _check_units(tree: dict[str, Any], images: dict[Any, dict[str, Any]]) -> None:
  """Refuses boxes in shares of a picture, or of two corners, where all look like that."""
  rows = tree.get("annotations")
  boxes = [(*row["bbox"], image["width"], image["height"])
           for row in (rows if isinstance(rows, list) else []) if isinstance(row, dict)
           and _numbers(row.get("bbox")) and isinstance(row.get("image_id"), (int, str))
           and (image := images.get(row["image_id"]))]
  if boxes and all(max(x, y, x + w, y + h) <= 1 for x, y, w, h, *_ in boxes):
    raise ValueError(f"every bbox lies within one pixel, such as {list(boxes[0][:4])}; are they "
                     "shares of the picture? Expected [x, y, width, height] in pixels")
  corners = all(x <= w <= width and y <= h <= height for x, y, w, h, width, height in boxes)
  beyond = sum(x + w > width + 1 or y + h > height + 1 for x, y, w, h, width, height in boxes)
  if corners and 2 * beyond > len(boxes):
    raise ValueError(f"{beyond} of {len(boxes)} bbox reach beyond their pictures, such as "
                     f"{list(boxes[0][:4])}; are they two corners? Expected [x, y, width, height] "
                     "in pixels")


def _numbers(bbox: Any) -> bool:
  return isinstance(bbox, list) and len(bbox) == 4 and all(
    isinstance(number, (int, float)) for number in bbox)


def _images(tree: dict[str, Any]) -> tuple[dict[Any, dict[str, Any]], list[annotations.Bad]]:
  """Rows of images by their ids, and those that cannot be used."""
  images: dict[Any, dict[str, Any]] = {}
  bad = []
  rows = list(_rows(tree, "images", "id", "file_name", "width", "height"))
  count = collections.Counter(str(row["id"]) for _, row, why in rows if not why)
  for number, row, why in rows:
    try:
      if why:
        raise ValueError(why)
      if count[str(row["id"])] > 1:
        raise ValueError(f"has the id {row['id']!r}, which {count[str(row['id'])]} images have; "
                         "expected ids of their own")
      if not isinstance(row["file_name"], str) or text.lone_surrogate(row["file_name"]) is not None:
        raise ValueError(f"has the file_name {row['file_name']!a}; expected a path")
      annotations.box([0], [0], row["width"], row["height"])
      images[row["id"]] = row
    except (TypeError, ValueError) as error:
      bad.append(annotations.Bad(f"images[{number}]", str(error)))
  return images, bad


def _box(bbox: Any, image: dict[str, Any]) -> tuple[float, float, float, float]:
  if not _numbers(bbox) or min(bbox[2:]) < 0:
    raise ValueError(f"bbox {bbox!r}; expected [x, y, width, height] in pixels")
  x, y, width, height = bbox
  try:
    return annotations.box((x, x + width), (y, y + height), image["width"], image["height"])
  except (ValueError, OverflowError) as error:
    raise ValueError(f"bbox {bbox!r}: {error}") from error


def _rows(tree: dict[str, Any], table: str,
          *fields: str) -> Iterator[tuple[int, dict[str, Any], str]]:
  """The rows of a table with their numbers, and what is wrong with them: "" where nothing is."""
  rows = tree.get(table, [])
  if not isinstance(rows, list):
    raise ValueError(f"{table} is a {type(rows).__name__}; expected a list")
  for number, row in enumerate(rows):
    missing = [field for field in fields if not isinstance(row, dict) or field not in row]
    why = f"has no {missing[0]!r}; expected {', '.join(fields)}" if missing else ""
    if not why and any(isinstance(row[field], (list, dict)) for field in fields if "id" in field):
      why = "has an id that is no number; expected one"
    yield number, row, why
