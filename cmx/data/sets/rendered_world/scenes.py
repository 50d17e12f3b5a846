"""Scenes: what stands where in one scene of a category, at random.

Every category is left without some of its objects now and then, and strangers wander in.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from cmx.data.sets.rendered_world import categories
from cmx.data.sets.rendered_world import vocabulary

STRANGER = 0.45  # chance that an object of another category wanders in, from like surroundings
BORROWED = 0.15  # chance that a scene has the backdrop of another category


class Item(NamedTuple):
  """One object of a scene.

  Attributes:
    name: key of `vocabulary.SHAPES`.
    box: (x0, y0, x1, y1), share of the image, y down; may be cut by the image's edge.
    tint: change of colour, three numbers about 0.
    flip: whether it is drawn mirrored.
  """

  name: str
  box: tuple[float, float, float, float]
  tint: tuple[float, float, float]
  flip: bool


class Scene(NamedTuple):
  """One scene, before it is drawn.

  Attributes:
    category: name.
    backdrop: key of `categories.BACKDROPS`.
    horizon: where ground or floor begins, share of the height.
    light: (x, y) direction that light comes from, and its strength in [0, 1].
    items: objects, back to front.
  """

  category: str
  backdrop: str
  horizon: float
  light: tuple[float, float, float]
  items: tuple[Item, ...]


class Seen(NamedTuple):
  """An object as it came out in one example.

  Attributes:
    name: key of `vocabulary.SHAPES`.
    box: (x0, y0, x1, y1) of its part within the image, share of the image, y down.
  """

  name: str
  box: tuple[float, float, float, float]


class Rendering(NamedTuple):
  """What a renderer makes of a scene.

  Attributes:
    input: uint8 [H, W, 3], or text.
    objects: what was drawn or told, back to front; a nearer one may cover it.
  """

  input: np.ndarray | str
  objects: tuple[Seen, ...]


def scene(category: str, rng: np.random.Generator) -> Scene:
  """A scene of a category.

  Args:
    category: one of `categories.NAMES`.
    rng: every draw comes from it, so that equal generators give equal scenes.
  """
  backdrop, table = categories.CATEGORIES[category]
  indoor = backdrop in categories.INDOOR
  if rng.random() < BORROWED:
    backdrop = _pick(rng, [b for b in categories.BACKDROPS if (b in categories.INDOOR) == indoor])
  horizon = rng.uniform(*categories.BACKDROPS[backdrop][2:])
  chosen = [(name, place) for name, (chance, most, place) in table.items() if rng.random() < chance
            for _ in range(1 + int(rng.integers(most)))]
  if rng.random() < STRANGER:
    chosen.append(_stranger(rng, category, indoor))
  if len(chosen) < 2:  # an empty scene tells nothing: the two most usual objects
    usual = sorted(table, key=lambda name: -table[name][0])[:2]
    chosen = [(name, table[name][2]) for name in usual]
  items = sorted((_place(rng, name, place, horizon) for name, place in chosen),
                 key=lambda item: (item.box[3] if item.box[3] > horizon else 0, item.box[3]))
  light = (rng.uniform(-1, 1), rng.uniform(-1, -.2), rng.uniform(.3, 1))
  return Scene(category, backdrop, float(horizon), tuple(map(float, light)), tuple(items))


def _pick(rng: np.random.Generator, options: list):
  return options[int(rng.integers(len(options)))]


def _stranger(rng: np.random.Generator, category: str, indoor: bool) -> tuple[str, str]:
  """An object of another category with like surroundings, at its usual place."""
  others = [table for name, (backdrop, table) in categories.CATEGORIES.items()
            if name != category and (backdrop in categories.INDOOR) == indoor]
  table = _pick(rng, others)
  name = _pick(rng, list(table))
  return name, table[name][2]


def _place(rng: np.random.Generator, name: str, place: str, horizon: float) -> Item:
  """An object at a place: what stands nearer stands lower and is larger."""
  shape = vocabulary.SHAPES[name]
  height = max(shape.size, .12 * shape.aspect ** -.5) * rng.uniform(.85, 1.35)
  if place == "near":
    depth = rng.random()
    bottom = horizon + .06 + (1.0 - horizon) * (.1 + .85 * depth)
    height *= .75 + .5 * depth
  elif place == "far":
    bottom = horizon + rng.uniform(.0, .08)
  elif place == "wall":
    bottom = horizon - rng.uniform(.08, max(.1, horizon - height))
  else:
    bottom = rng.uniform(.06, max(.1, horizon - .1)) + height / 2
  width = height * shape.aspect * rng.uniform(.85, 1.15)
  centre = rng.uniform(.14, .86)
  box = (centre - width / 2, bottom - height, centre + width / 2, bottom)
  tint = rng.normal(0, .06, 3)
  if name in vocabulary.PAINTED:
    tint = rng.uniform(.1, .9, 3) - shape.main
  return Item(name, tuple(map(float, box)), tuple(map(float, tint)), bool(rng.random() < .5))


def seen(name: str, box: Sequence[float]) -> tuple[Seen, ...]:
  """The object's part within the image: one `Seen`, or none if it is outside."""
  x0, y0, x1, y1 = (min(max(float(v), 0.0), 1.0) for v in box)
  return (Seen(name, (x0, y0, x1, y1)),) if x1 > x0 and y1 > y0 else ()


def gives_away(text: str, category: str) -> bool:
  """Whether a text contains a word of the category's name, also inside a longer word."""
  return any(part in text.lower() or part.rstrip("s") in text.lower().split()
             for part in category.split("_") if len(part) > 2)


def noticed(scene: Scene, rng: np.random.Generator, least: int, most: int) -> list[Item]:
  """The objects that somebody who draws or writes takes up: rather the large ones; back to front.

  Args:
    scene: to choose from.
    rng: of the choice.
    least: fewest objects, if the scene has as many.
    most: most objects.
  """
  wanted = int(rng.integers(least, most + 1))
  area = [(i.box[2] - i.box[0]) * (i.box[3] - i.box[1]) for i in scene.items]
  weight = np.log(area) * .5 + rng.gumbel(0, .8, len(area))
  largest = sorted(np.argsort(-weight)[:wanted].tolist())
  return [scene.items[i] for i in largest]
