"""Pictures as an exported model wants them: resized, cropped and scaled as its own file says.

The file is Hugging Face's preprocessor_config.json; what it asks for and is not here is refused.
"""

import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

FILE = "preprocessor_config.json"
_UNKNOWN = ("do_pad", "do_flip_channel_order", "do_thumbnail", "do_align_long_axis",
            "do_grayscale", "do_image_splitting")  # done by some models, and not here
_CROP_PCT_BELOW = 384  # pixels: from there on ConvNeXt squeezes the whole picture


class Steps(NamedTuple):
  """What is done to a picture, in turn.

  Attributes:
    shortest: pixels of the shorter side after resizing, the other in proportion; 0 for `size`.
    size: (height, width) after resizing, whatever the proportion; () for none.
    resample: Pillow's number of the filter.
    crop: (height, width) cut out of the middle; () for none.
    factor: multiplies values of 0 to 255.
    mean: of red, green and blue, subtracted then.
    deviation: divided by then.
  """

  shortest: int
  size: tuple[int, ...]
  resample: int
  crop: tuple[int, ...]
  factor: float
  mean: tuple[float, ...]
  deviation: tuple[float, ...]


def read(folder: pathlib.Path) -> Steps:
  """The steps of a model's folder.

  Raises:
    ValueError: if the file is missing or damaged, or asks for what is not known here.
  """
  path = folder / FILE
  if not path.exists():
    raise ValueError(f"{folder} has no {FILE}, so nothing says how pictures are prepared; expected "
                     "the folder of a model of pictures, as exported")
  try:
    return _steps(json.loads(path.read_text()))
  except (ValueError, KeyError, TypeError, AttributeError) as error:
    raise ValueError(f"{path}: {error}; expected the settings of CLIP's, SigLIP's, DINOv2's, "
                     "ViT's or ConvNeXt's processor") from error


def _steps(told: Mapping[str, Any]) -> Steps:
  asked = [name for name in _UNKNOWN if told.get(name)]
  if asked:
    raise ValueError(f"{asked[0]} is not done here")
  shortest, size, crop = 0, (), ()
  if told.get("do_resize", True):
    shortest, size = _sides(told["size"])
  if told.get("do_center_crop", False):
    side, crop = _sides(told["crop_size"])
    crop = crop or (side, side)
  if "crop_pct" in told and shortest:  # ConvNeXt's way to say both
    side = shortest
    shortest, size, crop = ((int(side / told["crop_pct"]), (), (side, side))
                            if side < _CROP_PCT_BELOW else (0, (side, side), ()))
  plain = not told.get("do_normalize", True)
  return Steps(shortest, size, int(told.get("resample", Image.Resampling.BILINEAR)), crop,
               float(told.get("rescale_factor", 1 / 255)) if told.get("do_rescale", True) else 1.0,
               (0.0,) * 3 if plain else _three(told["image_mean"]),
               (1.0,) * 3 if plain else _three(told["image_std"]))


def _sides(told: Any) -> tuple[int, tuple[int, ...]]:
  """(pixels of the shorter side or 0, (height, width) or ())."""
  if isinstance(told, int):
    return told, ()
  if "shortest_edge" in told:
    return int(told["shortest_edge"]), ()
  return 0, (int(told["height"]), int(told["width"]))


def _three(told: Any) -> tuple[float, ...]:
  values = tuple(float(value) for value in told)
  if len(values) != 3:
    raise ValueError(f"{len(values)} channels; expected red, green and blue")
  return values


def apply(inputs: Sequence[np.ndarray], steps: Steps) -> np.ndarray:
  """Pictures uint8 [H, W, 3] of any size as a model's input, float32 [N, 3, h, w].

  Raises:
    ValueError: if they do not come out of one size: neither resized nor cropped.
  """
  pictures = [_one(Image.fromarray(image), steps) for image in inputs]
  sizes = {picture.shape for picture in pictures}
  if len(sizes) > 1:
    raise ValueError(f"pictures of {len(sizes)} sizes after preparation; expected one")
  x = np.stack(pictures).astype(np.float32) * steps.factor
  x = (x - np.array(steps.mean, np.float32)) / np.array(steps.deviation, np.float32)
  return np.ascontiguousarray(x.transpose(0, 3, 1, 2), np.float32)


def _one(image: Image.Image, steps: Steps) -> np.ndarray:
  width, height = image.size
  if steps.shortest:
    scale = steps.shortest / min(width, height)
    image = image.resize((round(width * scale), round(height * scale)),
                         Image.Resampling(steps.resample))
  elif steps.size:
    image = image.resize(steps.size[::-1], Image.Resampling(steps.resample))
  if steps.crop:
    left, top = ((image.width - steps.crop[1]) // 2, (image.height - steps.crop[0]) // 2)
    image = image.crop((left, top, left + steps.crop[1], top + steps.crop[0]))
  return np.asarray(image)
