"""What is kept of a file: a picture's own bytes where they will do, a text as text."""

import io

import numpy as np
from PIL import Image

from cmx.files import pictures
from cmx.files import reading

SIDE = 256  # pixels, height and width of the pictures kept, as Places205 has them
_KEPT = {"JPEG": ("RGB", "L"), "PNG": ("RGB", "L", "P", "1")}  # formats and modes kept as they are
_ORIENTATION = 0x0112  # EXIF: a picture that is to be turned


def picture(content: bytes) -> bytes:
  """A picture of 256 x 256 pixels as a JPEG or PNG file, after decoding it whole.

  A file that is one already stays as it is, byte by byte. Others are put on a white square, whole,
  and kept as PNG, so that lines and words stay sharp.

  Raises:
    reading.Unusable: if it does not decode.
  """
  if _is_kept(content):
    return content
  stream = io.BytesIO()
  pictures.picture(io.BytesIO(content), SIDE).save(stream, "PNG")
  return stream.getvalue()


def _is_kept(content: bytes) -> bool:
  try:
    with Image.open(io.BytesIO(content), formats=list(_KEPT)) as image:
      if (image.size != (SIDE, SIDE) or image.mode not in _KEPT[image.format]
          or image.has_transparency_data or image.getexif().get(_ORIENTATION, 1) != 1):
        return False
      image.load()
      return True
  except Exception:  # whatever is wrong with it, `reading` finds and words it
    return False


def text(content: bytes) -> str:
  """A description; in UTF-8, or as older Windows wrote it.

  Raises:
    reading.Unusable: if it is empty, or too long for a description.
  """
  try:
    words = content.decode("utf-8-sig")
  except UnicodeDecodeError:
    words = content.decode("cp1252", "replace")
  return reading.cleaned(" ".join(words.split()))


def pixels(content: bytes, size: int) -> np.ndarray:
  """A kept picture as uint8 [size, size, 3]."""
  with Image.open(io.BytesIO(content)) as image:
    if size < SIDE:
      image.draft("RGB", (size, size))  # a JPEG decodes several times faster at a half or a quarter
    image = image.convert("RGB")
    if image.size != (size, size):
      image = image.resize((size, size), Image.Resampling.BICUBIC)
    return np.asarray(image)
