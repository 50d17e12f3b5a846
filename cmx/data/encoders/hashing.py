"""Bag of words in a fixed number of signed buckets: an encoder of texts that needs no weights.

Every word is hashed to a bucket and a sign, so that words which collide cancel on average; counts
are dampened (1 + log count) and the vector has unit length.

Source: Weinberger et al. 2009, feature hashing.
"""

import collections
import re
import zlib
from collections.abc import Sequence

import numpy as np

NAME, KIND, WIDTH = "hashing", "text", 512
FINGERPRINT = "crc32-512-1"  # of the rule below; raise the last number when it changes
_WORD = re.compile(r"[^\W_]+")


def encode(inputs: Sequence[str]) -> np.ndarray:
  """Vectors of texts, float32 [N, 512], of unit length; a text without words is all zeros."""
  rows = np.zeros((len(inputs), WIDTH), np.float32)
  for row, text in zip(rows, inputs, strict=True):
    for word, count in collections.Counter(_WORD.findall(text.lower())).items():
      code = zlib.crc32(word.encode())  # hash() differs from one process to the next
      row[code % WIDTH] += (1 if code & 0x80000000 else -1) * (1 + np.log(count))
  norms = np.linalg.norm(rows, axis=1, keepdims=True)
  return rows / np.where(norms > 0, norms, 1)
