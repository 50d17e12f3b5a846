import json
import re

import numpy as np
import pytest

import small_experiment
from cmx import data
from cmx.analysis import figures
from cmx.analysis.maps import figure as figure_lib
from cmx.analysis.maps import names as names_lib
from cmx.analysis.maps import tsne
from cmx.evaluation import kept
from cmx.report import map_alone
from cmx.report import map_page
from cmx.report import maps
from cmx.report import opening
from cmx.report import options
from cmx.training import checkpoint

OPTIONS = options.Options(points=30, perplexity=5.0)


@pytest.fixture
def run(tmp_path, made_up):
  small_experiment.write_run(tmp_path / "run")
  return tmp_path / "run"


def random_map(categories, count=400, seed=0):
  rng = np.random.default_rng(seed)
  centres = rng.random((categories, 2))
  label = np.arange(count) % categories
  place = np.clip(centres[label] + 0.02 * rng.normal(size=(count, 2)), 0, 1)
  sample = tsne.Sample(("natural", "line_drawing"), np.arange(count) // 7 % 2,
                       np.arange(count), label)
  return tsne.Map(sample, place, tsne.Mixing(10, 0.5, 0.5, 0.031, 0.02, 2_880))


def test_a_category_is_densest_where_most_of_its_points_are():
  place = np.array([[0.1, 0.1], [0.1, 0.12], [0.9, 0.9], [0.12, 0.1], [0.5, 0.5]])
  found = names_lib.densest(place, np.array([3, 3, 3, 3, 1]))
  np.testing.assert_allclose(found[3][0], place[[0, 1, 3]].mean(axis=0))
  assert found[3][1] == 0.75 and found[1][1] == 1.0


@pytest.mark.parametrize("categories, size", [(5, 0.02), (32, 0.018), (205, 0.012)])
def test_no_name_covers_another_or_leaves_the_map(categories, size):
  found = random_map(categories, 4 * categories)
  classes = [f"category_number_{i}" for i in range(categories)]
  names = names_lib.arrange(found.place, found.sample.label, classes, size)
  assert [name.label for name in names] == list(range(categories))
  boxes = []
  for name in names:
    half = np.array([size * 0.58 * len(name.text), size]) / 2
    boxes.append((name.at - half, name.at + half))
    assert (name.at - half >= 0).all() and (name.at + half <= 1).all()
  for i, (low, high) in enumerate(boxes):
    for other_low, other_high in boxes[:i]:
      assert (high <= other_low).any() or (other_high <= low).any()


def test_what_has_no_room_is_numbered_and_none_is_lost():
  place = np.full((40, 2), 0.5)
  classes = [f"a_name_that_is_very_long_indeed_{i}" for i in range(40)]
  names = names_lib.arrange(place, np.arange(40), classes, 0.03)
  keyed = [name for name in names if name.keyed]
  assert 0 < len(keyed) < 40 and len(names) == 40
  assert all(name.text == str(name.label + 1) for name in keyed)
  assert all(name.text == classes[name.label].replace("_", " ") for name in names if not name.keyed)


def test_equal_colours_lie_far_from_each_other():
  centres = [np.array([x, 0.0]) for x in (0.0, 0.1, 0.9, 1.0)]
  assert names_lib.colour_places(centres, 2) == [0, 1, 0, 1]
  assert names_lib.colour_places(centres, 9) == [0, 1, 2, 3]


def test_the_figure_names_modalities_and_categories():
  classes = [f"class_{i}" for i in range(12)]
  with figures.style():
    text = figures.svg(figure_lib.whole(random_map(12), classes, "A <title>"))
  for words in ("A &lt;title&gt;", "natural (", "line drawing (", "class 11", "class 0", "50 %",
                "3.1 % of the same category (2.0 % by chance)"):
    assert words in text


def test_numbered_names_stand_in_a_key():
  found = random_map(3)._replace(place=np.full((400, 2), 0.5))
  classes = ["x" * 90, "y" * 90, "z" * 90]  # wider than the map
  with figures.style():
    figure = figure_lib.whole(found, classes, "title")
  texts = [text.get_text() for text in figure.texts]
  assert [f"{i + 1} {name[:33]}..." for i, name in enumerate(classes)] == texts[-3:]  # cut


def test_an_overview_has_a_panel_for_each_map_and_draws_equal_ones_equally():
  pair = [("one", random_map(4)), ("two", random_map(4))]
  with figures.style():
    figure = figure_lib.overview(pair)
    assert figures.svg(figure) == figures.svg(figure_lib.overview(pair))
  assert [axis.get_title(loc="left") for axis in figure.axes] == ["one", "two"]
  assert "other modality 50 %, same category 3.1 %" == figure.axes[0].get_xlabel()


def embedded(text):
  return json.loads(re.search(r'<script type="application/json"[^>]*>(.*?)</script>', text)[1])


def test_what_is_under_the_pointer_is_the_example_itself(run):
  report = opening.open_report(run, OPTIONS)
  opened = report.runs[0]
  drawn = maps.draw(opened.features, OPTIONS, [], run / "kept")
  text = map_page.examples("e", drawn.sample, opened.run.classes, opened.examples)
  content = embedded(text)
  pictures = 0
  for i in range(len(drawn.sample.row)):
    name = drawn.sample.names[content["modality"][i]]
    example = opened.examples(name, drawn.sample.row[i])
    assert content["categories"][content["label"][i]] == example.category
    if name == "description":
      assert content["text"][i] == example.input and content["cell"][i] == -1
    else:
      assert content["text"][i] == "" and content["cell"][i] == pictures
      pictures += 1
  assert content["rows"] * content["columns"] >= pictures == 20
  assert content["sheet"].startswith("data:image/webp;base64,")
  assert text.count("<") == 2  # of its own element: no example can end it


def test_long_texts_are_cut(run, monkeypatch):
  monkeypatch.setattr(map_page, "_LETTERS", 12)
  opened = opening.open_report(run, OPTIONS).runs[0]
  drawn = maps.draw(opened.features, OPTIONS, [], run / "kept")
  content = embedded(map_page.examples("e", drawn.sample, opened.run.classes, opened.examples))
  assert max(map(len, content["text"])) <= 12


def test_the_sheet_of_thumbnails_has_a_limit(run, monkeypatch):
  opened = opening.open_report(run, OPTIONS).runs[0]
  drawn = maps.draw(opened.features, OPTIONS, [], run / "kept")
  whole = embedded(map_page.examples("e", drawn.sample, opened.run.classes, opened.examples))
  monkeypatch.setattr(map_page, "_SHEET", len(whole["sheet"]) // 8)
  monkeypatch.setattr(map_page, "_SIDE", 400)
  monkeypatch.setattr(small_experiment.Source, "__getitem__", lambda self, i: {
    "input": np.random.default_rng(i).integers(0, 255, (300, 300, 3), np.uint8), "label": 0,
    "key": f"{self._modality.name}/{i}"})
  small = embedded(map_page.examples("e", drawn.sample, opened.run.classes, opened.examples))
  assert len(small["sheet"]) < 40_000  # thirty pictures of noise are megabytes at 300 pixels


def test_without_examples_a_map_still_says_category_and_modality(run):
  opened = opening.open_report(run, OPTIONS).runs[0]
  drawn = maps.draw(opened.features, OPTIONS, [], run / "kept")
  content = embedded(map_page.examples("e", drawn.sample, opened.run.classes, None))
  assert content["sheet"] == "" and set(content["text"]) == {""} and len(content["label"]) == 30


def test_places_on_the_page_are_those_of_the_drawing():
  found = random_map(3)
  text = map_page.panels(found, ["a", "b", "c"], "e")
  places = np.array(re.search(r'data-places="([^"]*)"', text)[1].split(), float).reshape(-1, 2)
  x = places[:, 0] / 10_000 * (1 + 2 * figure_lib.MARGIN) - figure_lib.MARGIN
  np.testing.assert_allclose(x, found.place[:, 0], atol=1e-4)
  assert np.corrcoef(places[:, 1], found.place[:, 1])[0, 1] == pytest.approx(-1, abs=1e-6)
  assert text.count("<svg") == 2


def test_every_method_has_a_map_of_the_same_examples(tmp_path, monkeypatch):
  monkeypatch.setattr(data, "load", lambda config: small_experiment.dataset())
  small_experiment.write(tmp_path, seeds=(0,))
  found = maps.section(opening.open_report(tmp_path, OPTIONS))
  assert found.body.count('class="map"') == 2 and found.body.count("application/json") == 1
  assert found.problems == []
  for name in ("maps", "map_bl_ind", "map_c"):
    assert (tmp_path / "report" / f"{name}.png").exists()
    assert (tmp_path / "report" / f"{name}.pdf").exists()


def test_a_run_without_the_layer_is_said_and_the_others_are_drawn(tmp_path, monkeypatch):
  monkeypatch.setattr(data, "load", lambda config: small_experiment.dataset())
  small_experiment.write(tmp_path, seeds=(0,))
  for row in small_experiment.ROWS:
    (tmp_path / "seed_0/c/features/validation" / row.name / "pool5.npy").unlink()
  found = maps.section(opening.open_report(tmp_path, OPTIONS._replace(layer="pool5")))
  assert found.body.count('class="map"') == 1
  assert found.problems == ["C: Tune + StatReg (GMM) has no map: natural has no layer 'pool5'; "
                            "expected one of fc7, fc8"]


def test_fewer_points_than_perplexity_draw_with_a_smaller_one_and_say_so(run):
  found = maps.section(opening.open_report(run, OPTIONS._replace(perplexity=30.0)))
  assert found.problems == ["Perplexity 30 wants more than 30 points; the map is drawn with 9"]
  assert 'class="map"' in found.body


def test_without_features_there_is_no_map(run):
  (run / "features/validation/modalities.json").unlink()
  assert maps.section(opening.open_report(run, OPTIONS)) is None


def test_a_map_alone_is_written_in_every_form(run):
  trained = checkpoint.load_run(run, params=False)
  folder = kept.holding(run, "validation", "fc7")
  said = map_alone.write(trained, folder, "validation", ("NAT", "sketch"), OPTIONS, run / "m/x")
  assert said.startswith("The run has no modality sketch; the map is of the others\nOf the 10 ")
  assert {path.suffix for path in (run / "m").glob("x.*")} == {".html", ".png", ".pdf", ".svg"}
  text = (run / "m/x.html").read_text()
  assert "The run has no modality sketch" in text and "natural (12)" in text
  with pytest.raises(ValueError, match="modality 'sketch'; this run has natural, clipart, desc"):
    map_alone.write(trained, folder, "validation", ("sketch",), OPTIONS, run / "m/x")


def test_features_are_looked_for_where_they_lie(run):
  assert kept.holding(run, "validation", "pool5") == run / "features/validation"
  assert kept.holding(run, "validation", "fc9") == run / "features/validation_fc9"
  (run / "features/validation").rename(run / "features/validation_some")
  assert kept.holding(run, "validation", "pool5") == run / "features/validation_some"
  assert kept.holding(run, "train", "pool5") == run / "features/train_pool5"


def test_numbers_in_a_key_are_marked_where_names_are_numbers_themselves():
  place, classes = np.full((3, 2), 0.5), ["7", "x" * 200, "y" * 200]
  names = names_lib.arrange(place, np.arange(3), classes, 0.03)
  assert [(name.text, name.keyed) for name in names] == [("7", False), ("#2", True), ("#3", True)]


def test_a_letter_of_two_widths_takes_more_room():
  wide, narrow = (names_lib._box(text, 0.02) for text in ("床床", "ab"))
  assert wide[0] - narrow[0] == pytest.approx(1.12 * 0.02 * 0.58 * 1.6)
  assert wide[1] == narrow[1] == pytest.approx(1.12 * 0.02 * 1.25)


def test_a_name_moves_off_points_but_not_farther_than_they_are_worth():
  box = np.array([0.1, 0.02])
  crowd = np.full((50, 2), 0.5)
  np.testing.assert_array_equal(names_lib._free(crowd[0], box, [], crowd[:2]), [0.5, 0.5])
  moved = names_lib._free(crowd[0], box, [], crowd)
  assert (np.abs(moved - 0.5) >= box / 2).any() and np.linalg.norm(moved - 0.5) < 0.1
  assert names_lib._free(crowd[0], box, [np.array([0.0, 0.0, 1.0, 1.0])], crowd) is None


def test_categories_that_keep_together_are_named_first():
  place = np.array([[0.5, 0.5], [0.9, 0.9], [0.5, 0.5], [0.5, 0.5]])
  first, second = names_lib.arrange(place, np.array([0, 0, 1, 1]), ["aa", "bb"], 0.05)
  # all of the second is there, of the first a half
  assert np.linalg.norm(second.at - 0.5) < np.linalg.norm(first.at - 0.5) and not first.keyed


@pytest.mark.parametrize("share, words", [
  (0.0, "0"), (0.004, "0.4"), (0.0999, "10.0"), (0.1, "10"), (0.996, "100")])
def test_small_shares_have_a_decimal(share, words):
  assert figure_lib._percent(share) == words


def test_letters_of_names_are_smaller_where_there_are_many():
  assert [figure_lib._letter_size(count) for count in (30, 31, 60, 61, 120, 121)] == [
    8.0, 6.5, 6.5, 5.5, 5.5, 4.6]
