"""Text in any script: its words, what can be seen of it, and names that people take for the same.

A word is a run of letters and digits together with their marks: accents and the vowel signs of
Hindi or Thai belong to it. Letters with accents can be written in two ways, so that everything is
brought to one form first (NFC); typographic apostrophes and hyphens count as the plain ones; soft
hyphens, joiners and other signs without a look do not count. Some scripts have no blanks between
words: there a run of letters is read by overlapping pairs, so that texts which share a word share
pairs of letters.
"""

import functools
import re
import sys
import unicodedata
from collections.abc import Sequence

_APOSTROPHES, _HYPHENS = "’‘ʼ＇`´", "‐‑"
_JOINERS = "\u00ad\u200c\u200d\u2060\ufeff"  # within a word, and without a look
_UNSEEN = re.compile("[\u00ad\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff"
                     "\U000e0000-\U000e01ef]")
_OPTIONAL = re.compile("[\u0640\u064b-\u0652\u0670\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4"
                       "\u05c5\u05c7]")
_PLAIN = str.maketrans({**dict.fromkeys(_APOSTROPHES, "'"), **dict.fromkeys(_HYPHENS, "-")})
_LETTERS_TOO = str.maketrans("ʼ＇", "’'")  # of the apostrophes, what Python counts as letters
_SIMPLE = re.compile(r"[^\W_]+")
# Scripts without blanks between words: first and last letters.
_UNSPACED = {"Chinese characters": "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u3005"
                                   "\U00020000-\U0003ffff",
             "Japanese": "\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff"
                         "\uff66-\uff9f",
             "Thai": "\u0e01-\u0e4e", "Lao": "\u0e81-\u0ece", "Khmer": "\u1780-\u17d3",
             "Burmese": "\u1000-\u103e\u1050-\u108f"}
_CHINESE = re.compile(f"[{_UNSPACED['Chinese characters']}]")
# UTF-8 of two or three bytes a letter, read as Windows' or ISO's one byte a letter.
_MISREAD = re.compile("[\u00c2\u00c3][\u0080-\u00bf\u0152\u0153\u0160\u0161\u0178\u017d\u017e"
                      "\u0192\u02c6\u02dc\u2013\u2014\u2018-\u2022\u2026\u2030\u20ac\u2122]"
                      "|\u00e2(?:\u20ac|\u0080)")
_ENTITY = re.compile(r"&(?:amp|quot|lt|gt|nbsp|apos|#\d{1,6}|#x[0-9a-fA-F]{1,5});")
_BREAKS = "\r\n\x0b\x0c\x85\u2028\u2029"
_NAME = 255  # letters of a class's name, as of a file's


@functools.cache
def _marks() -> str:
  """The marks that belong to the letter before them, as a range of a regular expression."""
  marks = "".join(char for code in range(0x300, 0x20000)
                  if unicodedata.category(char := chr(code)) in ("Mn", "Mc"))
  return _UNSEEN.sub("", marks)


@functools.cache
def _word() -> str:
  return rf"[^\W_](?:[^\W_]|[{_marks()}]|[{_JOINERS}](?=[^\W_]))*"


@functools.cache
def _words() -> re.Pattern:
  return re.compile(_word())


@functools.cache
def _compounds() -> re.Pattern:
  return re.compile(rf"{_word()}(?:['’‘`´.,/_‐‑-]{_word()})*")


@functools.cache
def _unspaced() -> re.Pattern:
  letters = "".join(_UNSPACED.values())
  return re.compile(rf"(?:[{letters}][{_marks()}]*)+")


@functools.cache
def _clusters() -> re.Pattern:
  return re.compile(rf"[^{_marks()}][{_marks()}]*")


def normal(text: str) -> str:
  """The text in the one form (NFC) in which texts, names and paths are compared."""
  return text if text.isascii() else unicodedata.normalize("NFC", text)


def folded(text: str) -> str:
  """Normal form with plain apostrophes and hyphens, and nothing that has no look."""
  if text.isascii():
    return text.replace("`", "'")
  return normal(_UNSEEN.sub("", text)).translate(_PLAIN)


def plain(text: str) -> str:
  """What people take for the same in one form, for encoders: as `folded`, in lower case.

  Letters of one look or sound that Unicode has twice become the plain ones (full and half width,
  ligatures), and what may be left out is: the vowel points of Arabic and Hebrew, and tatweel.
  """
  if text.isascii():
    return text.lower()
  spaced = folded(text.replace("\u200b", " "))  # which parts the words of Thai, Khmer, Burmese
  return normal(_OPTIONAL.sub("", unicodedata.normalize("NFKC", spaced))).casefold()


def without_marks(text: str) -> str:
  """The letters alone, without accents and vowel signs."""
  return "".join(char for char in unicodedata.normalize("NFD", text)
                 if unicodedata.category(char) not in ("Mn", "Mc"))


def words(text: str) -> list[str]:
  """Words of a text, as written but for their form; what apostrophes or hyphens join is apart."""
  if text.isascii():
    return _SIMPLE.findall(text)
  return _words().findall(normal(text).translate(_LETTERS_TOO))


def compounds(text: str) -> list[str]:
  """Words of a text, with what apostrophes, hyphens, points, commas, slashes or _ join in one."""
  return _compounds().findall(normal(text).translate(_LETTERS_TOO))


def pieces(word: str) -> list[str]:
  """The word; its runs in scripts without blanks as overlapping pairs of letters.

  A Chinese character is a word often enough to count by itself as well.
  """
  if word.isascii() or not _unspaced().search(word):
    return [word]
  parts, start = [], 0
  for run in _unspaced().finditer(word):
    letters = _clusters().findall(run[0])
    parts += [word[start:run.start()], *map("".join, zip(letters, letters[1:]))]
    parts += [letter for letter in letters if len(letters) == 1 or _CHINESE.match(letter)]
    start = run.end()
  return [piece for piece in [*parts, word[start:]] if piece]


def parted(word: str) -> list[str]:
  """Letters of a word, each with its marks, if it is of a script without blanks; else nothing."""
  if word.isascii() or not _unspaced().fullmatch(word):
    return []
  return _clusters().findall(word)


def unspaced(text: str) -> list[str]:
  """Which scripts without blanks between words a text has."""
  if text.isascii():
    return []
  return [name for name, letters in _UNSPACED.items() if re.search(f"[{letters}]", text)]


def odd(text: str) -> str:
  """What a text shows of having been read or kept in a way it was not written in; "" of others."""
  if "\ufffd" in text:
    return "U+FFFD, which stands for letters that were lost in a conversion"
  if not text.isascii() and _MISREAD.search(text):
    return "letters such as \u00c3\u00a9 for \u00e9, as UTF-8 shows when read in another encoding"
  if _ENTITY.search(text):
    return "HTML's signs such as &amp;"
  return ""


def mixed(name: str) -> bool:
  """Whether a word of a name mixes alphabets that have letters alike: a Cyrillic a among Latin."""
  for word in words(name):
    alphabets = {unicodedata.name(char, "").partition(" ")[0] for char in word if char.isalpha()}
    if len(alphabets & {"LATIN", "CYRILLIC", "GREEK"}) > 1:
      return True
  return False


def has_look(text: str) -> bool:
  """Whether there is anything to see: not blanks, controls and signs without a look alone."""
  return any(not char.isspace() and unicodedata.category(char) not in ("Cc", "Cf")
             for char in _UNSEEN.sub("", text))


def lone_surrogate(text: str) -> int | None:
  """Place of the first half of a surrogate pair, which is no letter and cannot be written; or None.

  JSON's escapes and names of files in another encoding bring such.
  """
  if text.isascii():
    return None
  return next((at for at, char in enumerate(text) if "\ud800" <= char <= "\udfff"), None)


def shown(text: str, limit: int = sys.maxsize) -> str:
  """The text on one line as any terminal can print it; what has no look is escaped.

  Args:
    text: any text.
    limit: characters; a longer text is cut there, and its length said.
  """
  if not text.isprintable():
    text = "".join(char if char == " " or char.isprintable() else ascii(char)[1:-1]
                   for char in text)
  return text if len(text) <= limit else f"{text[:limit]}... ({len(text):,} characters)"


def some(items: Sequence[str], count: int, between: str = ", ") -> str:
  """The first `count` of them, and how many more there are: "a, b and 3 more"."""
  last = f"{between if between.isspace() else ' '}and {len(items) - count:,} more"
  return between.join(items[:count]) + (last if len(items) > count else "")


def why_no_name(name: str) -> str:
  """Why this cannot be the name of a class; "" where it can."""
  if not name:
    return "no class; expected its name"
  if lone_surrogate(name) is not None:
    return f"class {shown(name, 60)!r} is not valid Unicode; expected UTF-8: rename it"
  odd = next((char for char in name if unicodedata.category(char) in ("Cc", "Zl", "Zp")), "")
  if odd:
    what = "a line break" if odd in _BREAKS else f"the control character {ascii(odd)}"
    return f"class {shown(name, 60)} has {what} in its name; expected one line of text"
  if len(name) > _NAME:
    return f"class of {len(name):,} letters, {shown(name, 60)}; expected {_NAME} at most"
  return ""


def alike(name: str) -> str:
  """What is left of a name without case, blanks, signs and what has no look: people read that."""
  bare = unicodedata.normalize("NFKC", _UNSEEN.sub("", name)).casefold()
  return "".join(_words().findall(bare)) or bare
