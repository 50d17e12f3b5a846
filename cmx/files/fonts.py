"""Fonts that have the letters of what is to be written, known before anything is drawn.

A font draws each character that it lacks as one and the same box, without a word. Pillow's own font
has Latin letters alone; what it lacks is looked for in matplotlib's and in those of the machine.
"""

import functools
import importlib.util
import os
import pathlib
import sys
import unicodedata

from absl import logging
from PIL import ImageFont
from PIL import features

from cmx.files import text as text_lib

_PROBE = 24  # points at which glyphs are compared
_NOWHERE = "\uffff"  # no font has it: what is drawn for it is the box
_FOLDERS = {"darwin": ("/System/Library/Fonts", "/Library/Fonts", "~/Library/Fonts"),
            "win32": ("C:/Windows/Fonts",)}
_ELSEWHERE = ("/usr/share/fonts", "/usr/local/share/fonts", "~/.fonts", "~/.local/share/fonts")


def missing(text: str) -> str:
  """The characters of a text that no font of this machine has together with the others.

  Where some font has them all, none is missing; else those that the best one lacks.
  """
  lacking = [_lacking(font, text_lib.normal(text)) for font in _fonts_for(text)]
  return min(lacking, key=len)


def of(text: str, points: float) -> ImageFont.FreeTypeFont:
  """The first font that has all letters of a text; said of characters that none has."""
  return _opened(path_of(text), points)


def path_of(text: str) -> str | None:
  """File of the font of `of`; None where it is Pillow's own, which has none."""
  letters = "".join(sorted(set(text_lib.normal(text))))
  best = _best(letters)
  if lacking := _lacking(best, letters):
    _say(lacking)
  return best


def files_with(letters: str) -> list[str]:
  """Files of fonts that have some letters, each one's first; said of those that none has."""
  best = {letter: _best(letter) for letter in letters}
  lacking = "".join(letter for letter in letters if not _has(best[letter], letter))
  if lacking:
    _say(lacking)
  return list(dict.fromkeys(font for letter, font in best.items()
                            if font is not None and letter not in lacking))


@functools.lru_cache(256)
def _say(letters: str) -> None:  # once
  logging.warning("Characters %s are in no font of this machine and are drawn as boxes. Install "
                  "one that has them, such as Noto, in %s", letters, _ELSEWHERE[-1])


@functools.lru_cache(4096)
def _best(letters: str) -> str | None:
  return min(_fonts_for(letters), key=lambda font: len(_lacking(font, letters)))


def _fonts_for(text: str) -> tuple[str | None, ...]:
  """Pillow's own font where it has a text's letters, else all, in order."""
  return (None,) if not _lacking(None, text_lib.normal(text)) else (None, *_files())


def _lacking(font: str | None, text: str) -> str:
  return "".join(sorted(letter for letter in set(text) if not _has(font, letter)))


@functools.lru_cache(65_536)
def _has(font: str | None, letter: str) -> bool:
  """Whether a font has a glyph of its own for a character; blanks need none."""
  if letter.isspace() or unicodedata.category(letter) in ("Cc", "Cf"):
    return True
  if not _shapes() and (unicodedata.bidirectional(letter) in ("R", "AL")
                        or unicodedata.category(letter) == "Mc"):
    return False  # they would stand in the wrong order, and unjoined
  glyph = _opened(font, _PROBE).getmask(letter)
  return (glyph.size, bytes(glyph)) != _box(font)


@functools.cache
def _shapes() -> bool:
  """Whether Pillow can order and join the letters of Arabic, Hebrew and India's scripts here."""
  return features.check("raqm")


@functools.lru_cache(1024)
def _box(font: str | None) -> tuple[tuple[int, int], bytes]:
  glyph = _opened(font, _PROBE).getmask(_NOWHERE)
  return glyph.size, bytes(glyph)


@functools.lru_cache(1024)
def _opened(font: str | None, points: float) -> ImageFont.FreeTypeFont:
  return ImageFont.load_default(points) if font is None else ImageFont.truetype(font, points)


@functools.cache
def _files() -> tuple[str, ...]:
  """Files of fonts: matplotlib's where it is installed, then the machine's, that open."""
  paths: list[pathlib.Path] = []
  if spec := importlib.util.find_spec("matplotlib"):
    paths.append(pathlib.Path(spec.origin).parent / "mpl-data" / "fonts" / "ttf" / "DejaVuSans.ttf")
  for folder in (*_FOLDERS.get(sys.platform, ()), *_ELSEWHERE):
    for at, folders, names in os.walk(os.path.expanduser(folder)):
      folders.sort()
      paths += [pathlib.Path(at, name) for name in sorted(names, key=_plain_first)
                if name.lower().endswith((".ttf", ".otf", ".ttc"))]
  return tuple(str(path) for path in paths if path.is_file() and _opens(path))


def _plain_first(name: str) -> tuple[bool, str]:
  return any(cut in name.lower() for cut in ("bold", "italic", "oblique", "mono", "serif")), name


def _opens(path: pathlib.Path) -> bool:
  try:
    _opened(str(path), _PROBE)
  except (OSError, ValueError):
    return False
  return True
