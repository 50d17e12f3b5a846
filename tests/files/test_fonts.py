"""Fonts that have the letters of a text; characters that none has are known before drawing."""

import pytest
from PIL import features

from cmx.files import fonts
from cmx.files import text as text_lib


@pytest.fixture
def alone(monkeypatch):
  """A machine without other fonts than Pillow's own."""
  monkeypatch.setattr(fonts, "_files", lambda: ())
  fonts._best.cache_clear()
  yield
  fonts._best.cache_clear()


@pytest.mark.parametrize("text", ["table", "Wall 12", "$x_{2}^%", "a\nb\t", "", "\u200b", "(1)"])
def test_latin_letters_are_in_pillow_s_own_font(alone, text):
  assert fonts.missing(text) == "" and fonts.path_of(text) is None


@pytest.mark.parametrize("text, lacking", [
  ("\u684c\u5b50", "\u5b50\u684c"), ("table \u684c", "\u684c"), ("\u0441\u0442", "\u0441\u0442"),
  ("\u05e9", "\u05e9"), ("\u0e1b", "\u0e1b"), ("\u0928", "\u0928"), ("\U0001f4a1", "\U0001f4a1")])
def test_characters_that_no_font_has_are_named(alone, text, lacking):
  assert fonts.missing(text) == lacking


@pytest.mark.parametrize("text", ["\u0441\u0442\u043e\u043b", "\u03b6\u03ce\u03bd\u03b7",
                                  "caf\u00e9", "cafe\u0301", "\u05e9\u05d5", "\u015eeh\u0131r"])
def test_a_font_that_has_all_letters_is_chosen(text):
  pytest.importorskip("matplotlib")
  if text == "\u05e9\u05d5" and not features.check("raqm"):
    pytest.skip("this Pillow finds no FriBiDi, without which Hebrew stands in the wrong order")
  assert fonts.missing(text) == "" and fonts.path_of(text).endswith(".ttf")
  font = fonts.of(text, 20)
  assert all(bytes(font.getmask(letter)) != bytes(font.getmask("\uffff"))
             for letter in text_lib.normal(text))


def test_what_is_missing_is_said_once(alone, monkeypatch):
  said = []
  monkeypatch.setattr(fonts.logging, "warning", lambda *words: said.append(words))
  fonts._say.cache_clear()
  for _ in range(3):
    fonts.of("\u684c", 12)
  assert len(said) == 1 and "\u684c" in said[0]
