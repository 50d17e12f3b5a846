"""Examples as small pictures inside the page."""

import base64
import io

import numpy as np

from cmx import display
from cmx.evaluation import examples

SIDE = 72  # pixels of a thumbnail as shown
LETTERS = 280  # of a text that is shown in place of a picture
_STORED = 96  # pixels as stored at most: sharp enough on a fine screen, 1 to 3 kB
_QUALITY = 60  # of WebP


def _uri(example: examples.Example) -> str | None:
  """A data: address of the example's picture; None where it is a text, or there is none."""
  if not is_picture(example):
    return None
  stored = io.BytesIO()
  square = display.tile(example, min(_STORED, max(example.input.shape[:2])))
  square.save(stored, "WEBP", quality=_QUALITY, method=4)
  return address(stored.getvalue())


def is_picture(example: examples.Example) -> bool:
  """Whether the example can be seen; else it is a text, a vector or missing."""
  return isinstance(example.input, np.ndarray) and example.input.ndim == 3


def address(webp: bytes) -> str:
  """A data: address of a WebP file."""
  return "data:image/webp;base64," + base64.b64encode(webp).decode()
