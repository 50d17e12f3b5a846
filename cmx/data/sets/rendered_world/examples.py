"""Examples of the rendered world: a function of (seed, modality, split, index, size) alone."""

import json
import zlib
from collections.abc import Callable
from typing import Any
from typing import NamedTuple

import numpy as np

from cmx.data.sets.rendered_world import categories
from cmx.data.sets.rendered_world import clipart
from cmx.data.sets.rendered_world import description
from cmx.data.sets.rendered_world import drawing
from cmx.data.sets.rendered_world import natural
from cmx.data.sets.rendered_world import scenes
from cmx.data.sets.rendered_world import spatial_text

VERSION = "1.0.0"  # of the world; another number whenever an example changes
RENDERERS: dict[str, Callable[[scenes.Scene, np.random.Generator, int], scenes.Rendering]] = {
  "natural": natural.render,
  "clipart": clipart.render,
  "spatial_text": spatial_text.render,
  "drawing": drawing.render,
  "description": lambda scene, rng, size: description.render(scene, rng),
}


class WorldExample(NamedTuple):
  """One example with its ground truth.

  Attributes:
    input: uint8 [H, W, 3], or text.
    label: index into `categories.NAMES`.
    scene: what it was made from.
    objects: what came out of it in this modality.
  """

  input: np.ndarray | str
  label: int
  scene: scenes.Scene
  objects: tuple[scenes.Seen, ...]


def example(seed: int, modality: str, split: str, index: int, image_size: int) -> WorldExample:
  """The example of an index. Its scene is its own: no other modality, split or index shows it.

  Args:
    seed: of the world.
    modality: key of `RENDERERS`.
    split: any name; "train" and "validation" here.
    index: from 0; categories take turns, so that the label is index % number of categories.
    image_size: pixels.

  Raises:
    ValueError: if the modality is not known.
  """
  if modality not in RENDERERS:
    raise ValueError(f"modality {modality!r}; expected one of {', '.join(RENDERERS)}")
  words = [seed, zlib.crc32(modality.encode()), zlib.crc32(split.encode()), index]
  rng = np.random.default_rng(words)
  label = index % len(categories.NAMES)
  scene = scenes.scene(categories.NAMES[label], rng)
  rendering = RENDERERS[modality](scene, rng, image_size)
  return WorldExample(rendering.input, label, scene, rendering.objects)


def chunk(seed: int, modality: str, split: str, start: int, stop: int,
          image_size: int) -> list[dict[str, Any]]:
  """Records of the examples [start, stop): input, label and truth as JSON text."""
  made = (example(seed, modality, split, index, image_size) for index in range(start, stop))
  return [{"input": e.input, "label": e.label, "truth": truth_json(e)} for e in made]


def truth_json(made: WorldExample) -> str:
  """Ground truth as JSON: backdrop, horizon, light, objects back to front with name and box."""
  rounded = [{"name": name, "box": [round(v, 4) for v in box]} for name, box in made.objects]
  scene = made.scene
  return json.dumps({"category": scene.category, "backdrop": scene.backdrop,
                     "horizon": round(scene.horizon, 4),
                     "light": [round(v, 4) for v in scene.light], "objects": rounded})
