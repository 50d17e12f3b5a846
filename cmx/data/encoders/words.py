"""Mean of the vectors of a text's words: GloVe's, word2vec's, or any other file of word vectors.

The file is a text, see `word_files`, or a matrix, see `matrices`. A word is looked up as written,
else in lower case, else, where it is made of parts (well-lit, don't, 3.5), part by part.

Source: Pennington et al. 2014, GloVe.
"""

import collections
import pathlib
import re
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from cmx.data.encoders import matrices
from cmx.data.encoders import word_files

NAME, KIND = "words", "text"
_WORD = re.compile(r"[^\W_]+(?:['’.,/-][^\W_]+)*")
_PART = re.compile(r"[^\W_]+")
_NAMED = 5  # words that the file lacks and the report names

Lookup = Callable[[str], np.ndarray | None]


class Words:
  """An encoder of texts that looks words up, keeps those it has met, and counts those it lacks.

  Attributes:
    width: E.
    fingerprint: short hash of the file.
  """

  def __init__(self, name: str, lookup: Lookup, width: int, fingerprint: str):
    self.width, self.fingerprint = width, fingerprint
    self._name, self._lookup = name, lookup
    self._met: dict[str, np.ndarray | None] = {}
    self._count, self._unknown = 0, collections.Counter()

  def encode(self, inputs: Sequence[str]) -> np.ndarray:
    """Vectors of texts float32 [N, E]; zeros for a text with no word that the file has."""
    out = np.zeros((len(inputs), self.width), np.float32)
    for row, text in zip(out, inputs):
      if found := list(self._vectors(text)):
        row[:] = np.mean(found, axis=0)
    return out

  def said(self) -> str:
    """The share of the words met since the last call that the file lacks, and the commonest."""
    count, unknown = self._count, self._unknown
    self._count, self._unknown = 0, collections.Counter()
    named = ", ".join(f"{word} {times}" for word, times in unknown.most_common(_NAMED))
    return (f"{100 * unknown.total() / max(count, 1):.1f} % of {count:,} words are not in "
            f"{self._name}" + (f": {named}" if named else ""))

  def _vectors(self, text: str) -> Iterator[np.ndarray]:
    for word in _WORD.findall(text):
      found = self._vector(word)
      parts = _PART.findall(word) if found is None else []
      for name, vector in ([(part, self._vector(part)) for part in parts] if len(parts) > 1
                           else [(word, found)]):
        self._count += 1
        if vector is None:
          self._unknown[name.lower()] += 1
        else:
          yield vector

  def _vector(self, word: str) -> np.ndarray | None:
    if word not in self._met:
      found = self._lookup(word)
      self._met[word] = self._lookup(word.lower()) if found is None else found
    return self._met[word]


def load(path: pathlib.Path) -> Words:
  """The encoder of a file of word vectors.

  Raises:
    ValueError: if the file is bad, as `word_files.index` and `matrices.read`.
  """
  if path.suffix not in matrices.SUFFIXES:
    file = word_files.WordFile(path)
    return Words(path.name, file.vector, file.index.width, file.index.fingerprint)
  matrix = matrices.read(path)
  rows = {name: row for row, name in reversed(list(enumerate(matrix.names)))}  # the first counts

  def lookup(word: str) -> np.ndarray | None:
    return np.asarray(matrix.vectors[rows[word]], np.float32) if word in rows else None

  return Words(path.name, lookup, matrix.vectors.shape[1], matrices.fingerprint(matrix))
