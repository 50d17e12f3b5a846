"""Sentences of a text, and the mean of their vectors as the vector of the text.

A sentence ends at . ! ? or an ellipsis before white space, whatever case goes on, for those who
describe pictures seldom mind theirs; not after an abbreviation, an initial or the number of a list,
and not in a quotation or a bracket after which the sentence goes on in lower case.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

VERSION = "sentences2"  # of the rules below; raise the number when they change

_Encode = Callable[[Sequence[Any]], np.ndarray]

# Chinese and Japanese, Devanagari and its neighbours, Arabic and Urdu, Armenian, Ethiopic, Burmese,
# Khmer; no space need follow these.
_OTHERS = "。！？｡" "।॥" "؟۔" "։" "።፧" "။" "។៕"
_ENDS = re.compile(r"(?P<mark>[.!?…‼⁇⁈⁉‽]+)(?P<closing>[\"'”’»)\]]*)(?=\s|$)"
                   rf"|[{_OTHERS}][{_OTHERS}.!?…]*[”’」』）»)\]]*"
                   r"|\n\s*\n")
_OPENING = "\"'“‘«([„"
# A full stop after these belongs to the word; after `_EITHER` it may end the sentence as well, and
# after `_NUMBERED` it does unless a number follows.
_INSIDE = frozenset("mr mrs ms dr prof st mt e.g i.e eg ie vs cf ca approx gen rev".split())
_NUMBERED = frozenset("no nr fig".split())
_EITHER = frozenset("etc a.m p.m u.s u.k ft sq jr sr inc co ltd".split())


def split(text: str) -> list[str]:
  """The sentences of a text with their marks; none where it has no letter or digit."""
  sentences, start = [], 0
  for end in _ENDS.finditer(text):
    after = text[end.end():].lstrip()[:4].lstrip(_OPENING)[:1]
    if end["mark"] is None or _ends(text[start:end.start()], end["mark"], end["closing"], after):
      sentences.append(text[start:end.end()].strip())
      start = end.end()
  return [part for part in [*sentences, text[start:].strip()] if re.search(r"[^\W_]", part)]


def _ends(before: str, mark: str, closing: str, after: str) -> bool:
  """Whether a mark ends the sentence `before` it; `after` is the next character but for quotes."""
  word = before.split()[-1].lstrip(_OPENING) if before.split() else ""
  goes_on = after.islower()
  if goes_on and (closing or mark.startswith(("..", "…"))):
    return False
  if mark != ".":
    return True
  if word.lower() in _EITHER:
    return not goes_on
  if word.lower() in _NUMBERED:
    return not after.isdecimal()
  initial = len(word) == 1 and word.isupper() and word != "I"
  return not (word.lower() in _INSIDE or initial or before.strip().isdecimal())


def mean_over(encode: _Encode) -> _Encode:
  """An encoder of texts, [N, E], from one of sentences: the mean of the vectors of a text's.

  A text without any is given as it is. The mean keeps the sentences' scale, whatever theirs is: of
  vectors of unit length it is shorter the less they agree.
  """
  def encode_texts(texts: Sequence[str]) -> np.ndarray:
    parts = [split(text) or [text] for text in texts]
    vectors = encode([sentence for part in parts for sentence in part])
    out, start = np.zeros((len(parts), vectors.shape[1]), np.float32), 0
    for row, part in zip(out, parts):
      row[:] = vectors[start:start + len(part)].mean(axis=0)
      start += len(part)
    return out
  return encode_texts
