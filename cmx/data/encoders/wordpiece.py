"""WordPiece: text to the token numbers of an uncased BERT vocabulary.

Lower-case, accents stripped, split at white space and punctuation; then each word into the longest
pieces that the vocabulary has, from the left.

Source: Devlin et al. 2018, the uncased tokenizer.
"""

import unicodedata
from collections.abc import Iterator

Vocabulary = dict[str, int]

_CLS, _SEP, PAD, _UNKNOWN = "[CLS]", "[SEP]", "[PAD]", "[UNK]"
_LONGEST_WORD = 100  # characters; a longer run is no word
_CJK = ((0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0xF900, 0xFAFF), (0x20000, 0x2FA1F))


def vocabulary(text: str) -> Vocabulary:
  """Token to number from a vocabulary file: one token a line.

  Raises:
    ValueError: if one of the special tokens is missing.
  """
  tokens = text.split("\n")
  numbers = {token.rstrip("\r"): number for number, token in enumerate(tokens) if token}
  for token in (_CLS, _SEP, PAD, _UNKNOWN):
    if token not in numbers:
      raise ValueError(f"vocabulary of {len(numbers)} tokens has no {token}")
  return numbers


def tokens(text: str, known: Vocabulary, limit: int) -> list[int]:
  """Token numbers of a text between [CLS] and [SEP], `limit` of them at most."""
  pieces = [piece for word in words(text) for piece in _pieces(word, known)]
  return [known[_CLS], *(known[piece] for piece in pieces[:limit - 2]), known[_SEP]]


def words(text: str) -> list[str]:
  """Lower-case words and single punctuation marks, without accents."""
  spaced = "".join(_spaced(text))
  return [part for word in spaced.split() for part in _split(_plain(word))]


def _spaced(text: str) -> Iterator[str]:
  """Characters with control characters dropped and CJK ideographs set apart."""
  for char in text:
    if char.isspace():
      yield " "
    elif any(low <= ord(char) <= high for low, high in _CJK):
      yield f" {char} "
    elif char != "\ufffd" and not unicodedata.category(char).startswith("C"):
      yield char


def _plain(word: str) -> str:
  return "".join(char for char in unicodedata.normalize("NFD", word.lower())
                 if unicodedata.category(char) != "Mn")


def _split(word: str) -> list[str]:
  parts, fresh = [], True
  for char in word:
    if _punctuation(char):
      parts.append(char)
      fresh = True
    elif fresh:
      parts.append(char)
      fresh = False
    else:
      parts[-1] += char
  return parts


def _punctuation(char: str) -> bool:
  """BERT counts every ASCII sign that is no letter, digit or space, "$" and "+" too."""
  ascii_sign = 33 <= ord(char) <= 126 and not char.isalnum()
  return ascii_sign or unicodedata.category(char).startswith("P")


def _pieces(word: str, known: Vocabulary) -> list[str]:
  if len(word) > _LONGEST_WORD:
    return [_UNKNOWN]
  split, start = [], 0
  while start < len(word):
    for end in range(len(word), start, -1):
      piece = ("##" if start else "") + word[start:end]
      if piece in known:
        break
    else:
      return [_UNKNOWN]
    split.append(piece)
    start = end
  return split
