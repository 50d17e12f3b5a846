"""Bag of words in a fixed number of signed buckets: an encoder of texts that needs no weights.

Every word is hashed to a bucket and a sign, so that words which collide cancel on average; counts
are dampened (1 + log count) and the vector has unit length. What a word is in any script, and what
stands for it where there are no blanks between words, `cmx.files.text` says.

Source: Weinberger et al. 2009, feature hashing.
"""

import collections
import zlib
from collections.abc import Sequence

import numpy as np

from cmx.files import text as text_lib

NAME, KIND, WIDTH = "hashing", "text", 512
# Of the rule below; raise the last number when it changes. 2: marks, joiners, and scripts without
# blanks. 3: one form of what Unicode has twice. The vectors of texts in plain ASCII are those of 1.
FINGERPRINT = "crc32-512-3"


def encode(inputs: Sequence[str]) -> np.ndarray:
  """Vectors of texts, float32 [N, 512], of unit length; a text without words is all zeros."""
  rows = np.zeros((len(inputs), WIDTH), np.float32)
  for row, text in zip(rows, inputs, strict=True):
    for word, count in collections.Counter(_words(text_lib.plain(text))).items():
      code = zlib.crc32(word.encode())  # hash() differs from one process to the next
      row[code % WIDTH] += (1 if code & 0x80000000 else -1) * (1 + np.log(count))
  norms = np.linalg.norm(rows, axis=1, keepdims=True)
  return rows / np.where(norms > 0, norms, 1)


def _words(text: str) -> list[str]:
  found = text_lib.words(text)
  return found if text.isascii() else [piece for word in found for piece in text_lib.pieces(word)]
