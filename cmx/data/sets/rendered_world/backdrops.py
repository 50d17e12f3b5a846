"""Backdrops of natural images: sky or wall, horizon, ground or floor, and the air."""

from typing import Any

import numpy as np
from PIL import Image
from PIL import ImageDraw

from cmx.data.sets.rendered_world import categories
from cmx.data.sets.rendered_world import scenes
from cmx.data.sets.rendered_world import surfaces

_GROUND = {"sea": ("water", .13), "sand": ("ground", .06), "grass": ("ground", .13),
           "woods": ("ground", .16), "street": ("grain", .05), "rock": ("ground", .12),
           "snow": ("soft", .025)}  # texture, strength
_RIDGE = {"grass": (.3, .42, .3), "woods": (.16, .26, .17), "street": (.5, .52, .56),
          "rock": (.62, .45, .36), "snow": (.62, .68, .78),
          "sand": (.62, .62, .58)}  # colour of what stands far away
_FAR = {"peak": .38, "mesa": .25, "cloud": 0., "sun": 0.}  # haze of what is always or never far


def paint(scene: scenes.Scene, rng: np.random.Generator, side: int) -> Image.Image:
  """Paints what is behind all objects on a canvas of side x side pixels."""
  above, below, *_ = categories.BACKDROPS[scene.backdrop]
  indoor = scene.backdrop in categories.INDOOR
  change = rng.normal(0, .06, 3) if indoor else rng.normal(0, .03, 3)
  above, below = np.array(above) + change, np.array(below) + rng.normal(0, .04, 3)
  line = (np.arange(side) + .5) / side
  split = max(1, round(scene.horizon * side))
  rows = np.empty((side, 1, 3), np.float32)
  if indoor:
    rows[:split, 0] = above * (.9 + .12 * line[:split, None] / scene.horizon)
  else:
    fade = (line[:split, None] / scene.horizon) ** 1.5
    rows[:split, 0] = above * (1 - .45 * fade * (1 - above)) + .35 * fade * (1 - above)
  near = (line[split:, None] - scene.horizon) / (1 - scene.horizon)
  rows[split:, 0] = below * (1.08 - .3 * near)
  shade = _texture(scene, rng, side, split, indoor)
  canvas = Image.fromarray(np.clip(255 * (rows + shade[..., None]), 0, 255).astype(np.uint8))
  pen = ImageDraw.Draw(canvas)
  if indoor:
    _room(pen, scene, rng, side, rows)
  elif scene.backdrop in _RIDGE:
    _ridge(pen, scene, rng, side, split)
  return canvas


def air(scene: scenes.Scene) -> tuple[float, ...]:
  """Colour of the air between, RGB in [0, 255]."""
  above = categories.BACKDROPS[scene.backdrop][0]
  return tuple(255 * (.35 + .65 * c) for c in above)


def haze(scene: scenes.Scene, item: scenes.Item) -> float:
  """Share of an object's colour that the air takes: the more, the farther away it stands."""
  if scene.backdrop in categories.INDOOR:
    return 0.0
  if item.name in _FAR:
    return _FAR[item.name]
  near = (item.box[3] - scene.horizon) / (1 - scene.horizon)
  return float(np.clip(.22 - .6 * near, 0, .22))


def _texture(scene: scenes.Scene, rng: np.random.Generator, side: int, split: int,
             indoor: bool) -> np.ndarray:
  shade = np.empty((side, side), np.float32)
  if indoor:
    wall = surfaces.cut(surfaces.texture("soft"), rng, side) * .025
    x = (np.arange(side) + .5) / side - rng.uniform(0, 1)
    shade[:split] = wall[:split] - .12 * (x * x)[None] * scene.light[2]  # falls off beside the lamp
    shade[split:] = .025 * surfaces.cut(surfaces.texture("ground"), rng, side)[split:]
    return shade
  clouds = surfaces.cut(surfaces.texture("cloud"), rng, side)
  shade[:split] = rng.uniform(0, .12) * np.clip(clouds[:split], -.2, 2)
  kind, strength = _GROUND[scene.backdrop]
  near = np.linspace(.45, 1.3, side - split, dtype=np.float32)[:, None]  # coarser at one's feet
  shade[split:] = strength * near * surfaces.cut(surfaces.texture(kind), rng, side)[split:]
  return shade


def _ridge(pen: Any, scene: scenes.Scene, rng: np.random.Generator, side: int, split: int) -> None:
  """Hills, a row of trees or roofs at the horizon, pale with distance."""
  steps = 24
  heights = np.abs(np.cumsum(rng.normal(0, .35, steps + 1))) * .025 + rng.uniform(.005, .03)
  if scene.backdrop == "street":
    heights = np.repeat(rng.uniform(.01, .13, steps // 2 + 1), 2)[:steps + 1]
  if scene.backdrop == "woods":
    heights = heights + rng.uniform(.02, .14, steps + 1)
  pale = .75 * np.array(_RIDGE[scene.backdrop]) + .25 * np.array(air(scene)) / 255
  points = [(i * side / steps, split - h * side) for i, h in enumerate(np.minimum(heights, .25))]
  colour = tuple(int(255 * min(1, c)) for c in pale + rng.normal(0, .02))
  pen.polygon([(0, split), *points, (side, split)], colour)


def _room(pen: Any, scene: scenes.Scene, rng: np.random.Generator, side: int,
          rows: np.ndarray) -> None:
  """Boards or tiles that run to a vanishing point, tiles on the wall, a skirting board."""
  split = round(scene.horizon * side)
  floor = tuple(np.clip(255 * .82 * rows[-1, 0], 0, 255).astype(int).tolist())
  wall = tuple(np.clip(255 * .93 * rows[split // 2, 0], 0, 255).astype(int).tolist())
  if scene.backdrop == "tiled room":
    step = side * rng.uniform(.07, .11)
    for i in range(int(side / step) + 1):
      pen.line((i * step, 0, i * step, split), wall)
      if i * step < split:
        pen.line((0, i * step, side, i * step), wall)
  point = (side * rng.uniform(.2, .8), split - side * rng.uniform(.15, .4))
  for i in range(-8, 17):
    foot = (side * i / 8, side)
    share = (split - point[1]) / (side - point[1])
    pen.line((point[0] + share * (foot[0] - point[0]), split, *foot), floor)
  if scene.backdrop != "warm room":
    for k in (.08, .22, .45, .75):
      pen.line((0, split + k * (side - split), side, split + k * (side - split)), floor)
  pen.rectangle((0, split - side * .018, side, split), tuple(min(255, c + 25) for c in wall))
