"""Top examples of units looked at and drawn; the run was never trained."""

import re

import numpy as np
import pytest

import made_findings
from cmx import data
from cmx import methods
from cmx.analysis.units import figure
from cmx.analysis.units import findings
from cmx.analysis.units import lit_tiles
from cmx.analysis.units import looks as looks_lib
from cmx.analysis.units import study
from cmx.analysis.units import subject as subject_lib
from cmx.data import encoders
from cmx.data import opening
from cmx.data.encoders import given
from cmx.evaluation import examples
from cmx.network import model

OPTIONS = made_findings.OPTIONS


def looker_of(run, found):
  raw, _ = opening.open_data(run.config)
  sources, chosen = raw.splits[data.VALIDATION], found.subject.chosen
  labels = {name: np.asarray(sources[name].labels)[part] for name, part in chosen.items()}
  return looks_lib.Looker(found, examples.Examples(raw.classes, labels, {}, sources))


# Which units, and what of their examples.

def test_the_most_consistent_units_are_shown_and_as_many_others_by_lot():
  alive, score = np.array([True] * 8 + [False]), np.array([.1, .9, .2, .8, .3, .9, .0, .4, 1.])
  chosen = looks_lib.choose(alive, score, 3, np.random.default_rng(0))
  assert chosen[:3] == [(1, looks_lib.CONSISTENT), (5, looks_lib.CONSISTENT),
                        (3, looks_lib.CONSISTENT)]
  lots = [unit for unit, why in chosen[3:] if why == looks_lib.RANDOM]
  assert len(set(lots)) == 3 and set(lots) <= {0, 2, 4, 6, 7}
  assert chosen == looks_lib.choose(alive, score, 3, np.random.default_rng(0))
  drawn = {unit for seed in range(40)
           for unit, _ in looks_lib.choose(alive, score, 3, np.random.default_rng(seed))[3:]}
  assert drawn == {0, 2, 4, 6, 7}


def test_without_scores_all_units_are_by_lot():
  chosen = looks_lib.choose(np.ones(5, bool), None, 9, np.random.default_rng(0))
  assert chosen == [(unit, looks_lib.RANDOM) for unit in range(5)]


def test_looks_are_the_top_examples_lit_where_the_map_is_above_the_threshold(run, found):
  raw, _ = opening.open_data(run.config)
  tally = found.tallies["pool5"]["natural"]
  unit = int(np.argmax(np.ptp(tally.maps, axis=(1, 2))))
  shown = looker_of(run, found)("pool5", unit, "because")
  source = raw.splits[data.VALIDATION]["natural"]
  for look, row, value in zip(shown.looks["natural"], tally.rows[unit], tally.values[unit]):
    x = source[int(found.subject.chosen["natural"][row])]
    np.testing.assert_array_equal(look.example.input, x["input"])
    assert look.value == value and look.example.category == raw.classes[x["label"]]
    assert look.lit.shape == looks_lib.POINTS and look.lit.dtype == bool
  for look, places in zip(shown.looks["natural"], tally.maps[unit]):  # corners see one place each
    above = places.reshape(2, 2) > found.tallies["pool5"]["natural"].highest[unit].min()
    np.testing.assert_array_equal(look.lit[np.ix_([10, 85], [10, 85])], above)


def test_words_are_marked_by_what_the_response_loses_without_them(run, found):
  tally = found.tallies["fc7"]["description"]
  unit = int(np.argmax(tally.values[:, 0]))
  look = looker_of(run, found)("fc7", unit, "").looks["description"][0]
  encode, row = encoders.of(run.config, "text").encode, run.modalities[2]

  def respond(text):
    found = model.apply(run.params, encode([text]), row, methods.named("c"), run.config.network)
    return float(found["fc7"][0, unit])

  whole, content = respond(look.example.input), look.example.input.lower()
  assert look.value == pytest.approx(whole, rel=1e-4) and look.marks
  for word, lost in look.marks.items():
    without = " ".join(part for part in re.findall(r"[\w'-]+", content) if part != word)
    assert lost == pytest.approx((whole - respond(without)) / whole, abs=1e-3)


def test_objects_in_the_lit_region_are_named(run, found):
  looker = looker_of(run, found)
  row = run.modalities[0]
  everything = looker._within(np.ones((2, 2), bool), row, 4)
  told = [name for name, _ in found.seen["natural"](int(found.subject.chosen["natural"][4]))]
  assert everything == tuple(dict.fromkeys(told)) and looker._within(np.zeros((2, 2), bool), row,
                                                                     4) == ()


def test_an_example_that_cannot_be_read_is_missing_and_the_rest_is_drawn(run, found, tmp_path):
  class Broken:
    labels = opening.open_data(run.config).raw.splits[data.VALIDATION]["natural"].labels

    def __len__(self):
      return len(self.labels)

    def __getitem__(self, index):
      raise OSError("no such file: picture.png")

  raw, encoded = opening.open_data(run.config)
  broken = raw._replace(splits={**raw.splits, data.VALIDATION: {
    **raw.splits[data.VALIDATION], "natural": Broken()}})
  subject, _ = subject_lib.subject(run, encoded, data.VALIDATION, ("pool5",), ("NAT", "LDR"), None)
  none_known = broken._replace(name="folders")
  some = findings.find(subject, none_known, OPTIONS._replace(layers=("pool5",)))
  problems = []
  shown = study._shown(some, none_known, tmp_path, problems)
  assert problems == ["An example of natural cannot be read: no such file: picture.png"]
  for unit in shown:
    assert (tmp_path / f"{unit['page']}.png").exists()
    assert unit["modalities"]["NAT"]["tiles"] is None and unit["modalities"]["LDR"]["tiles"]


@pytest.mark.parametrize("error", [FileNotFoundError, given.NoVector])
def test_an_encoder_that_is_gone_or_takes_no_new_texts_leaves_them_unmarked(run, found, error,
                                                                            monkeypatch):
  def gone(config, kind):
    raise error("put the package into packages/")

  looker = looker_of(run, found)
  monkeypatch.setattr(encoders, "of", gone)
  unit = int(np.argmax(found.tallies["fc7"]["description"].values[:, 0]))
  look = looker("fc7", unit, "").looks["description"][0]
  assert look.marks == {} and isinstance(look.example.input, str)
  assert looker.problems[-1] == "Nothing is marked in description: put the package into packages/"


# Pictures.

def picture(shape=(8, 8, 3)):
  return examples.Example("natural", "a_class", "key", np.full(shape, 200, np.uint8))


def test_a_tile_keeps_lit_pixels_and_dims_the_rest():
  lit = np.array([[True, False], [False, False]])
  tile = np.asarray(lit_tiles.picture(picture(), lit, 40)).astype(int)
  assert (tile[5:18, 5:18] == 200).all()
  dimmed = int(lit_tiles.DIM * 200 + (1 - lit_tiles.DIM) * lit_tiles.GREY)
  assert (tile[25:35, 25:35] == dimmed).all()
  assert np.array_equal(tile, np.asarray(lit_tiles.picture(picture((8, 8, 3)), lit, 40)))


def test_a_tile_of_a_wide_picture_is_lit_within_the_picture():
  shown = lit_tiles.picture(picture((4, 8, 3)), np.array([[True, False]]), 40)
  tile = np.asarray(shown).astype(int)
  assert (tile[12:28, 3:17] == 200).all() and (tile[12:28, 23:37] < 200).all()
  assert (tile[3:8, 3:37] == 255).all()


def test_marked_words_have_colour_behind_them_and_others_none():
  plain = np.asarray(lit_tiles.text("One boat, here", {}, 120)).astype(int)
  marked = np.asarray(lit_tiles.text("One boat, here", {"boat": 1.0, "her": 1.0}, 120)).astype(int)
  coloured = np.abs(marked - plain).sum(axis=2) > 60
  columns = np.flatnonzero(coloured.any(axis=0))
  assert coloured.sum() > 50 and columns.max() - columns.min() < 60  # one word: "here" is not "her"
  weak = np.asarray(lit_tiles.text("One boat, here", {"boat": 0.2}, 120)).astype(int)
  assert 0 < np.abs(weak - plain).sum() < np.abs(marked - plain).sum()


def test_a_long_text_is_cut_and_a_page_can_hold_dead_and_missing_examples():
  long = "word " * 900
  assert np.asarray(lit_tiles.text(long, {"word": 1.0}, 60)).shape == (60, 60, 3)
  looks = [looks_lib.Look(picture()._replace(input=None), 1.0), looks_lib.Look(picture(), 0.5)]
  rows = [figure.Row("natural", ["a"], looks), figure.Row("dead", [], [])]
  page = figure.page("A title", rows, ["A caption."])
  texts = [text.get_text() for text in page.axes[0].texts]
  assert {"A title", "natural", "dead", "dead: it answers every example alike",
          "A caption."} <= set(texts)
  assert "a class" in texts


def test_words_that_hardly_matter_are_not_marked():
  look = looks_lib.Look(picture(), 1.0, marks={"a": 0.01, "boat": 0.15, "ship": 0.9})
  assert figure.strengths(look) == {"boat": pytest.approx(0.5), "ship": 1.0}
