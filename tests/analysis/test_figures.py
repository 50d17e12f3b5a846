import pathlib
import re
import sys
from xml.etree import ElementTree

import pytest

from cmx.analysis import figures


def drawing(label="a < b & c"):
  with figures.style():
    figure, ((axis,),) = figures.new(3, 2)
    axis.plot([1, 2, 3], color=figures.COLOURS[0], label=label)
    axis.scatter([1, 2], [2, 1], rasterized=True)
    axis.legend()
  return figure


def test_a_figure_is_written_as_png_and_pdf(tmp_path):
  figures.write(drawing(), tmp_path / "new", "name")
  assert (tmp_path / "new" / "name.png").read_bytes().startswith(b"\x89PNG")
  assert (tmp_path / "new" / "name.pdf").read_bytes().startswith(b"%PDF")


def test_equal_figures_give_equal_files(tmp_path):
  for folder in ("a", "b"):
    figures.write(drawing(), tmp_path / folder, "name")
  for name in ("name.png", "name.pdf"):
    assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
  assert figures.svg(drawing()) == figures.svg(drawing())


def test_svg_is_well_formed_escaped_and_takes_its_ink_from_the_page():
  text = figures.svg(drawing())
  root = ElementTree.fromstring(text)
  assert root.tag.endswith("svg") and "a &lt; b &amp; c" in text
  assert "var(--ink)" in text and "var(--muted)" in text
  assert not any(colour in text for colour in (figures.INK, figures.MUTED, figures.PAPER))


def test_svg_asks_for_nothing_from_outside_and_styles_nothing_else():
  text = figures.svg(drawing())
  addresses = set(re.findall(r'href="([^"]{0,5})', text))
  assert all(address.startswith(("data:", "#")) for address in addresses)
  assert "<style" not in text and "font-family" not in text


def test_references_within_svg_stay_whole():
  text = figures.svg(drawing())
  used = set(re.findall(r'(?:url\(#|href="#)([\w-]+)', text))
  assert used and used == set(re.findall(r' id="([\w-]+)"', text))


def test_without_matplotlib_it_says_how_to_get_it(monkeypatch):
  monkeypatch.setitem(sys.modules, "matplotlib", None)
  for draw in (drawing, lambda: figures.new(1, 1)):
    with pytest.raises(ValueError, match=r"figures need matplotlib: pip install 'cmx\[explore\]'"):
      draw()


def test_colours_and_markers_go_by_place():
  names = ["x", "y", "z"]
  assert len(set(figures.colours(names).values())) == len(set(figures.markers(names).values())) == 3


NAMES = ["cost $5 or $6", "x {", "$", "$\\frac{1}$", "a_b^c", "\\alpha", "100%", "{}", "$$", "#1"]


@pytest.mark.parametrize("name", NAMES)
def test_names_are_drawn_as_they_are(name):
  figure = drawing(name)
  with figures.style():
    figure.axes[0].set_title(name)
    figure.axes[0].set_xticks([0], [name])
  svg = ElementTree.fromstring(figures.svg(figure))
  texts = ["".join(node.itertext()).strip() for node in svg.iter() if node.tag.endswith("text")]
  assert texts.count(name) == 3


def test_letters_that_no_font_has_are_said_and_do_not_stop_a_figure(tmp_path, monkeypatch):
  said = []
  monkeypatch.setattr(figures.fonts, "_files", lambda: ())
  monkeypatch.setattr(figures.fonts.logging, "warning", lambda *words: said.append(words))
  figures.fonts._best.cache_clear()
  figures.fonts._say.cache_clear()
  assert "\u684c\u5b50" in figures.svg(drawing("\u684c\u5b50"))
  assert said and any("\u684c" in str(words) for words in said)
  figures.fonts._best.cache_clear()


@pytest.mark.parametrize("name, letters, expected", [
  ("living_room", 20, "living room"), ("x" * 300, 20, "x" * 17 + "..."), ("a\nb", 9, "a b"),
  ("", 9, "")])
def test_long_names_are_cut_with_an_ellipsis(name, letters, expected):
  assert figures.short(name, letters) == expected


def test_letters_come_from_another_font_where_one_has_them(tmp_path, monkeypatch):
  matplotlib = pytest.importorskip("matplotlib")
  stix = pathlib.Path(matplotlib.get_data_path(), "fonts", "ttf", "STIXGeneral.ttf")
  monkeypatch.setattr(figures.fonts, "_files", lambda: (str(stix),))
  monkeypatch.setattr(figures.fonts, "_say", None)  # nothing is to be said
  figures.fonts._best.cache_clear()
  figure = drawing("\u1d81")  # DejaVu Sans, matplotlib's own, has no such letter
  with figures.style():
    figures.save(figure, tmp_path / "x.png")
  assert "STIXGeneral" in figure.axes[0].get_legend().get_texts()[0].get_fontfamily()
  figures.fonts._best.cache_clear()
