"""Mean of the vectors of a text's words: GloVe's, word2vec's, or any other file of word vectors.

The file is a text, see `word_files`, or a matrix, see `matrices`. A word is looked up as written,
with plain and typographic apostrophes, else in lower case, else, where it is made of parts
(well-lit, don't, 3.5), part by part. In scripts without blanks between words, the longest words
that the file has are taken, from the left.

Source: Pennington et al. 2014, GloVe.
"""

import collections
import pathlib
import unicodedata
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from cmx.data.encoders import matrices
from cmx.data.encoders import word_files
from cmx.files import reading
from cmx.files import text as text_lib

NAME, KIND = "words", "text"
_LONGEST = 8  # letters of a word in a script without blanks
_NAMED = 5  # words that the file lacks and the report names

_Lookup = Callable[[str], np.ndarray | None]


class Words:
  """An encoder of texts that looks words up, keeps those it has met, and counts those it lacks.

  Attributes:
    width: E.
    fingerprint: short hash of the file.
  """

  def __init__(self, name: str, lookup: _Lookup, width: int, fingerprint: str):
    self.width, self.fingerprint = width, fingerprint
    self._name, self._lookup = name, lookup
    self._met: dict[str, np.ndarray | None] = {}
    self._count, self._unknown = 0, collections.Counter()
    self._texts, self._empty = 0, 0

  def encode(self, inputs: Sequence[str]) -> np.ndarray:
    """Vectors of texts float32 [N, E]; zeros for a text with no word that the file has."""
    out = np.zeros((len(inputs), self.width), np.float32)
    for row, text in zip(out, inputs):
      self._texts += 1
      if vectors := list(self._vectors(text)):
        row[:] = np.mean(vectors, axis=0)
      else:
        self._empty += 1
    return out

  def said(self) -> str:
    """The share of the words met since the last call that the file lacks, and the commonest."""
    count, unknown = self._count, self._unknown
    self._count, self._unknown = 0, collections.Counter()
    named = ", ".join(f"{word} {times}" for word, times in unknown.most_common(_NAMED))
    texts = f"; {self._empty:,} of {self._texts:,} texts have none that is, and become zeros"
    said = (f"{100 * unknown.total() / max(count, 1):.1f} % of {count:,} words are not in "
            f"{self._name}" + (f": {named}" if named else "") + (texts if self._empty else ""))
    self._texts, self._empty = 0, 0
    return said

  def _vectors(self, text: str) -> Iterator[np.ndarray]:
    for word in text_lib.compounds(text):
      whole = self._vector(word)
      for name, vector in ([(word, whole)] if whole is not None else self._parts(word)):
        self._count += 1
        if vector is None:
          self._unknown[name.lower()] += 1
        else:
          yield vector

  def _parts(self, word: str) -> list[tuple[str, np.ndarray | None]]:
    """What a word that the file lacks is made of, with the vectors of that."""
    parts = text_lib.words(word)
    if len(parts) > 1:
      return [(part, self._vector(part)) for part in parts]
    letters, pieces = text_lib.parted(word), []
    while letters:
      length = next((length for length in range(min(_LONGEST, len(letters)), 0, -1)
                     if self._vector("".join(letters[:length])) is not None), 1)
      name = "".join(letters[:length])
      pieces.append((name, self._vector(name)))
      letters = letters[length:]
    return pieces or [(word, None)]

  def _vector(self, word: str) -> np.ndarray | None:
    if word not in self._met:
      forms = (self._lookup(form) for form in _forms(word))
      self._met[word] = next((vector for vector in forms if vector is not None), None)
    return self._met[word]


def _forms(word: str) -> Iterator[str]:
  """In which ways a file may have a word: as written first, in lower case then."""
  for cased in dict.fromkeys((word, word.lower())):
    plain = text_lib.folded(cased)
    yield from dict.fromkeys((cased, plain, plain.replace("'", "’"),
                              unicodedata.normalize("NFD", plain)))
  yield text_lib.plain(word)


def load(path: pathlib.Path) -> Words:
  """The encoder of a file of word vectors.

  Raises:
    ValueError: if the file is bad, as `word_files.index` and `matrices.read`.
  """
  if path.suffix.lower() not in matrices.SUFFIXES:
    file = word_files.WordFile(path)
    return Words(path.name, file.vector, file.index.width, file.index.fingerprint)
  matrix = matrices.read(path)
  rows = {name: row for row, name in reversed(list(enumerate(matrix.names)))}  # the first counts

  def lookup(word: str) -> np.ndarray | None:
    if word not in rows:
      return None
    try:
      return reading.finite(matrix.vectors[rows[word]])
    except reading.Unusable as error:
      raise ValueError(f"{path} row {rows[word]}, {word!r}: {error}") from error

  return Words(path.name, lookup, matrix.vectors.shape[1], matrices.fingerprint(matrix))
