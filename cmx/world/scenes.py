"""Scenes: which objects a category has, where they stand, and one scene of it at random.

Most objects belong to several categories, every category is left without some of its objects now and
then, and strangers wander in, so that no single object gives a category away.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from cmx.world import shapes

STRANGER = 0.45  # chance that an object of another category of the same surroundings stands in a scene
BORROWED = 0.15  # chance that a scene has the backdrop of another category


class Item(NamedTuple):
  """One object of a scene.

  Attributes:
    name: key of `shapes.SHAPES`.
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
    backdrop: key of `BACKDROPS`.
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
    name: key of `shapes.SHAPES`.
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


# kind: (colour above the horizon, below it, horizon from, to); RGB in [0, 1].
BACKDROPS: dict[str, tuple[tuple[float, float, float], tuple[float, float, float], float, float]] = {
  "warm room": ((.86, .8, .68), (.55, .4, .26), .6, .75),
  "cool room": ((.74, .8, .84), (.6, .6, .6), .6, .75),
  "tiled room": ((.8, .87, .88), (.7, .72, .75), .58, .72),
  "sea": ((.62, .76, .9), (.2, .4, .55), .4, .58),
  "sand": ((.6, .75, .92), (.86, .76, .54), .4, .6),
  "grass": ((.58, .74, .92), (.38, .55, .25), .38, .58),
  "woods": ((.5, .62, .5), (.28, .36, .2), .35, .55),
  "street": ((.68, .74, .82), (.42, .42, .44), .5, .66),
  "rock": ((.66, .74, .88), (.62, .42, .3), .45, .65),
  "snow": ((.6, .74, .92), (.92, .94, .97), .4, .62),
}
INDOOR = ("warm room", "cool room", "tiled room")

# category: (backdrop, {object: (chance, most, place)}); place: "sky", "far" (on the horizon), "near" (on
# the ground before it), "wall" (hangs above the horizon).
CATEGORIES: dict[str, tuple[str, dict[str, tuple[float, int, str]]]] = {
  "bedroom": ("warm room", {"bed": (.9, 1, "near"), "window": (.6, 1, "wall"), "picture": (.5, 2, "wall"),
                            "desk": (.3, 1, "far"), "clock": (.25, 1, "wall"), "door": (.3, 1, "far"),
                            "mirror": (.35, 1, "wall"), "book": (.3, 1, "near"), "chair": (.25, 1, "near")}),
  "bathroom": ("tiled room", {"tub": (.7, 1, "near"), "toilet": (.65, 1, "near"), "sink": (.7, 1, "far"),
                              "mirror": (.7, 1, "wall"), "window": (.35, 1, "wall"), "door": (.25, 1, "far"),
                              "plant": (.2, 1, "near")}),
  "kitchen": ("tiled room", {"stove": (.8, 1, "far"), "fridge": (.7, 1, "far"), "sink": (.55, 1, "far"),
                             "pan": (.7, 2, "near"), "table": (.45, 1, "near"), "window": (.35, 1, "wall"),
                             "clock": (.35, 1, "wall"), "chair": (.3, 1, "near")}),
  "living_room": ("warm room", {"sofa": (.9, 1, "near"), "picture": (.6, 2, "wall"), "window": (.5, 1, "wall"),
                                "plant": (.5, 1, "near"), "table": (.4, 1, "near"), "shelf": (.4, 1, "far"),
                                "clock": (.25, 1, "wall"), "book": (.25, 1, "near")}),
  "classroom": ("cool room", {"board": (.9, 1, "wall"), "desk": (.85, 3, "near"), "chair": (.6, 2, "near"),
                              "clock": (.45, 1, "wall"), "book": (.45, 2, "near"), "person": (.4, 2, "near"),
                              "window": (.35, 1, "wall")}),
  "office": ("cool room", {"desk": (.85, 2, "near"), "computer": (.85, 2, "near"), "chair": (.6, 2, "near"),
                           "shelf": (.4, 1, "far"), "plant": (.4, 1, "far"), "window": (.45, 1, "wall"),
                           "clock": (.4, 1, "wall"), "door": (.3, 1, "far"), "person": (.3, 1, "near")}),
  "library": ("warm room", {"shelf": (.95, 3, "far"), "book": (.7, 3, "near"), "table": (.55, 1, "near"),
                            "chair": (.5, 2, "near"), "person": (.35, 1, "near"), "computer": (.25, 1, "near"),
                            "window": (.25, 1, "wall")}),
  "restaurant": ("warm room", {"table": (.9, 3, "near"), "chair": (.8, 3, "near"), "glass": (.75, 3, "near"),
                               "picture": (.4, 2, "wall"), "person": (.55, 2, "near"), "plant": (.35, 1, "far"),
                               "barrel": (.2, 1, "far"), "window": (.3, 1, "wall")}),
  "harbour": ("sea", {"ship": (.75, 2, "near"), "crane": (.7, 2, "far"), "boat": (.55, 2, "near"),
                      "crate": (.55, 3, "near"), "bird": (.4, 3, "sky"), "barrel": (.3, 2, "near"),
                      "beacon": (.2, 1, "far"), "cloud": (.4, 2, "sky")}),
  "beach": ("sand", {"umbrella": (.75, 2, "near"), "palm": (.55, 2, "far"), "person": (.6, 3, "near"),
                     "boat": (.35, 1, "far"), "ball": (.4, 1, "near"), "bird": (.35, 2, "sky"),
                     "sun": (.5, 1, "sky"), "rock": (.25, 1, "near")}),
  "lighthouse": ("sea", {"beacon": (.9, 1, "far"), "rock": (.75, 3, "near"), "boat": (.4, 1, "near"),
                         "bird": (.5, 3, "sky"), "house": (.35, 1, "far"), "cloud": (.5, 2, "sky"),
                         "sun": (.25, 1, "sky"), "ship": (.25, 1, "far")}),
  "canyon": ("rock", {"mesa": (.95, 3, "far"), "rock": (.75, 3, "near"), "cactus": (.3, 1, "near"),
                      "bush": (.35, 2, "near"), "sun": (.4, 1, "sky"), "bird": (.3, 2, "sky")}),
  "desert": ("sand", {"cactus": (.85, 3, "near"), "rock": (.5, 2, "near"), "sun": (.6, 1, "sky"),
                      "mesa": (.35, 1, "far"), "bush": (.35, 2, "near"), "tent": (.2, 1, "near"),
                      "palm": (.15, 1, "far")}),
  "forest": ("woods", {"tree": (.85, 4, "far"), "pine": (.8, 4, "near"), "bush": (.6, 3, "near"),
                       "bird": (.35, 1, "sky"), "rock": (.35, 1, "near"), "flower": (.3, 2, "near")}),
  "mountain": ("grass", {"peak": (.95, 3, "far"), "pine": (.6, 3, "near"), "cloud": (.5, 2, "sky"),
                         "rock": (.5, 2, "near"), "sheep": (.25, 2, "near"), "house": (.2, 1, "near"),
                         "bird": (.25, 1, "sky")}),
  "farm": ("grass", {"barn": (.8, 1, "far"), "cow": (.6, 3, "near"), "tractor": (.55, 1, "near"),
                     "hay": (.5, 2, "near"), "fence": (.55, 1, "near"), "sheep": (.4, 2, "near"),
                     "tree": (.35, 1, "far"), "sun": (.25, 1, "sky")}),
  "airfield": ("street", {"plane": (.95, 3, "near"), "control": (.65, 1, "far"), "truck": (.4, 1, "near"),
                          "flag": (.35, 1, "far"), "cloud": (.5, 2, "sky"), "person": (.3, 1, "near"),
                          "lamp": (.2, 1, "near")}),
  "street": ("street", {"car": (.9, 3, "near"), "block": (.7, 2, "far"), "lamp": (.6, 2, "near"),
                        "sign": (.5, 1, "near"), "person": (.55, 2, "near"), "house": (.5, 2, "far"),
                        "truck": (.35, 1, "near"), "tree": (.35, 1, "far"), "bench": (.2, 1, "near")}),
  "playground": ("grass", {"swing": (.8, 1, "near"), "slide": (.8, 1, "near"), "person": (.6, 3, "near"),
                           "ball": (.45, 2, "near"), "bench": (.4, 1, "near"), "tree": (.45, 2, "far"),
                           "fence": (.35, 1, "far"), "block": (.2, 1, "far")}),
  "railway": ("street", {"rails": (.75, 1, "near"), "train": (.8, 1, "near"), "sign": (.5, 2, "near"),
                         "lamp": (.45, 2, "near"), "bench": (.4, 1, "near"), "person": (.45, 2, "near"),
                         "clock": (.3, 1, "wall"), "house": (.3, 1, "far"), "crate": (.2, 1, "near")}),
  "garden": ("grass", {"flower": (.9, 5, "near"), "bush": (.7, 3, "far"), "bench": (.5, 1, "near"),
                       "fence": (.5, 1, "far"), "tree": (.55, 2, "far"), "house": (.35, 1, "far"),
                       "bird": (.3, 1, "sky"), "table": (.2, 1, "near"), "umbrella": (.2, 1, "near")}),
  "castle": ("grass", {"turret": (.95, 3, "far"), "flag": (.7, 2, "far"), "rock": (.4, 2, "near"),
                       "tree": (.4, 2, "far"), "bird": (.35, 2, "sky"), "cloud": (.4, 1, "sky"),
                       "person": (.25, 1, "near"), "door": (.2, 1, "far")}),
  "stadium": ("grass", {"stand": (.9, 1, "far"), "goal": (.75, 1, "far"), "person": (.75, 4, "near"),
                        "ball": (.65, 1, "near"), "flag": (.45, 2, "far"), "lamp": (.35, 2, "far"),
                        "cloud": (.2, 1, "sky")}),
  "ski_slope": ("snow", {"skier": (.85, 3, "near"), "pine": (.7, 3, "far"), "peak": (.6, 2, "far"),
                         "snowman": (.35, 1, "near"), "flag": (.45, 2, "near"), "house": (.3, 1, "far"),
                         "sun": (.3, 1, "sky"), "fence": (.2, 1, "near")}),
}
NAMES = tuple(CATEGORIES)


def scene(category: str, rng: np.random.Generator) -> Scene:
  """A scene of a category.

  Args:
    category: one of `NAMES`.
    rng: every draw comes from it, so that equal generators give equal scenes.
  """
  backdrop, table = CATEGORIES[category]
  indoor = backdrop in INDOOR
  if rng.random() < BORROWED:
    backdrop = _pick(rng, [name for name in BACKDROPS if (name in INDOOR) == indoor])
  horizon = rng.uniform(*BACKDROPS[backdrop][2:])
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
  others = [name for name in NAMES if name != category and (CATEGORIES[name][0] in INDOOR) == indoor]
  table = CATEGORIES[_pick(rng, others)][1]
  name = _pick(rng, list(table))
  return name, table[name][2]


def _place(rng: np.random.Generator, name: str, place: str, horizon: float) -> Item:
  """An object at a place: what stands nearer stands lower and is larger."""
  shape = shapes.SHAPES[name]
  height = shape.size * rng.uniform(.75, 1.3)
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
  centre = rng.uniform(.08, .92)
  box = (centre - width / 2, bottom - height, centre + width / 2, bottom)
  tint = rng.normal(0, .06, 3)
  if name in shapes.PAINTED:
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
  kept = sorted(np.argsort(-weight)[:wanted].tolist())
  return [scene.items[i] for i in kept]
