import json

import numpy as np
import pytest

from made_results import run_of
from made_results import table_of
from cmx import modalities
from cmx.data.sets.cmplaces import categories
from cmx.evaluation import paper
from cmx.evaluation import results
from cmx.evaluation import retrieval

PAIRS = ("NAT>CLP NAT>SPT NAT>LDR NAT>DSC CLP>NAT CLP>SPT CLP>LDR CLP>DSC SPT>NAT SPT>CLP "
         "SPT>LDR SPT>DSC LDR>NAT LDR>CLP LDR>SPT LDR>DSC DSC>NAT DSC>CLP DSC>SPT DSC>LDR").split()


def grid():
  """Every cell another number: 0.01 x row + 0.001 x column, fractions."""
  return 0.01 * np.arange(5)[:, None] + 0.001 * np.arange(5)[None] + 0.1


def test_pairs_stand_in_the_papers_order():
  content = results.aggregate([run_of(grid())])
  assert content["groups"]["mean"] == PAIRS
  assert list(paper.PAIRS) == PAIRS


def test_a_cell_is_query_then_target():
  cells = results.aggregate([run_of(grid())])["tables"][0]["rows"][0]["map"]["cells"]
  assert cells["NAT>DSC"]["mean"] == pytest.approx(0.104)
  assert cells["DSC>NAT"]["mean"] == pytest.approx(0.140)
  assert cells["LDR>LDR"]["mean"] == pytest.approx(0.133)


def test_means_split_by_text_and_leave_out_the_diagonal():
  mean = np.full((5, 5), 0.1)
  mean[4, :] = mean[:, 4] = 0.3
  np.fill_diagonal(mean, 0.9)
  row = results.aggregate([run_of(mean)])["tables"][0]["rows"][0]
  groups = {name: value["mean"] for name, value in row["map"]["groups"].items()}
  assert groups == pytest.approx({"mean": 0.18, "no DSC": 0.1, "DSC": 0.3, "same": 0.9})
  assert row["lift"]["groups"]["DSC"]["mean"] == pytest.approx(0.29 / 0.99)


def test_spread_over_seeds_is_the_sample_standard_deviation():
  runs = [run_of(mean, seed=seed) for seed, mean in enumerate((0.1, 0.2, 0.4))]
  content = results.aggregate(runs)
  row = content["tables"][0]["rows"][0]
  expected = {"mean": 0.7 / 3, "std": 0.1527525, "count": 3}
  assert row["seeds"] == [0, 1, 2]
  assert row["map"]["cells"]["NAT>CLP"] == pytest.approx(expected)
  assert row["map"]["groups"]["mean"] == pytest.approx(expected)
  accuracy = content["recognition"][0]["accuracy"]["CLP"]
  assert accuracy == pytest.approx({"mean": 0.2, "std": 0.1, "count": 3})


def test_one_seed_has_no_spread():
  cell = results.aggregate([run_of(0.2)])["tables"][0]["rows"][0]["map"]["cells"]["NAT>CLP"]
  assert cell == {"mean": pytest.approx(0.2), "std": None, "count": 1}


def test_rows_keep_the_order_in_which_methods_come_and_layers_get_a_table_each():
  runs = [run_of(0.1, "z", "Z", 0, layers=("fc6", "fc7")), run_of(0.2, "a", "A", 0),
          run_of(0.1, "z", "Z", 1, layers=("fc6", "fc7"))]
  content = results.aggregate(runs)
  assert [(t["layer"], [r["method"] for r in t["rows"]]) for t in content["tables"]] == [
    ("fc6", ["z"]), ("fc7", ["z", "a"])]


def test_the_paper_stands_beside_rows_that_it_has():
  runs = [run_of(0.1, classes=categories.NAMES),
          run_of(0.1, "own", "my method", classes=categories.NAMES)]
  content = results.aggregate(runs, paper=True)
  rows = content["tables"][0]["rows"]
  means = {name: value for name, value in rows[0]["paper"].items() if name != "same"}
  assert means == pytest.approx({"mean": 0.142, "no DSC": 0.121, "DSC": 0.174}, abs=5e-4)
  assert rows[1]["paper"] == {"mean": None, "no DSC": None, "DSC": None, "same": None}
  assert "paper" not in results.aggregate(runs)["tables"][0]["rows"][0]


@pytest.mark.parametrize("classes", [(), ("bed", "chair"), categories.NAMES[1:]])
def test_the_paper_does_not_stand_beside_other_categories(classes):
  content = results.aggregate([run_of(0.1, classes=classes)], paper=True)["tables"][0]
  assert "paper" not in content["rows"][0] and "slides" not in content["caption"]


def test_caption_says_metric_layer_read_out_gallery_and_chance():
  run = run_of(0.1, classes=categories.NAMES)
  caption = results.aggregate([run], paper=True)["tables"][0]["caption"]
  for part in ("Mean average precision (mAP, %)", "layer fc7", "read-out cosine", "full ranking",
               "target's validation split", "CLP N = 2,050, R = 10", "1 seed a row",
               "Chance is the expected mAP of a random ranking", "authors' slides"):
    assert part in caption


def test_one_run_s_table_is_defined_in_the_same_words():
  run = run_of(0.1)
  caption = results.aggregate([run])["tables"][0]["caption"]
  words = results.definition(run, run["tables"][0])
  assert caption.startswith(words) and "DSC: pairs with a text modality" in words


def test_the_caption_speaks_of_the_paper_only_where_it_stands_beside_a_row():
  run = run_of(0.1, "own", "my method", classes=categories.NAMES)
  caption = results.aggregate([run], paper=True)["tables"][0]["caption"]
  assert "slides" not in caption


def test_a_run_result_survives_json():
  run = run_of(grid())
  assert json.loads(json.dumps(run, allow_nan=False)) == run


def test_errors_say_expected_and_given():
  rows = modalities.CMPLACES
  with pytest.raises(ValueError, match="no results; expected at least one run"):
    results.aggregate([])
  with pytest.raises(ValueError, match="d seed 0 was evaluated on validation of NAT, CLP; expected "
                                       "validation of NAT, CLP, SPT, LDR, DSC as in c seed 0"):
    results.aggregate([run_of(0.1), run_of(0.1, "d", "D", rows=rows[:2])])
  accuracy = {"natural": retrieval.Recognition(1.0, 1.0, 1)}
  with pytest.raises(ValueError, match="recognition has modalities natural; expected natural"):
    results.run_result("c", "C", 0, rows[:2], [], accuracy)
  with pytest.raises(ValueError, match="table fc7 has modalities natural, clipart; expected natur"):
    results.run_result("c", "C", 0, rows[:1], [table_of(0.1, rows=rows[:2])], accuracy)


def test_runs_of_other_classes_are_refused():
  runs = [run_of(0.1, seed=seed, classes=classes)
          for seed, classes in enumerate((("bed", "chair"), ("bed", "stool")))]
  with pytest.raises(ValueError, match="c seed 1 has 2 classes, bed, stool ...; expected the 2 of"):
    results.aggregate(runs)
  assert results.aggregate([runs[0], run_of(0.1, seed=1)])["classes"] == ["bed", "chair"]


def test_a_run_that_comes_twice_needs_a_name_and_with_one_is_a_row_of_its_own():
  with pytest.raises(ValueError, match="c seed 0 comes twice; expected it once.*--runs=mine="):
    results.aggregate([run_of(0.1), run_of(0.2)])
  content = results.aggregate([results.labelled(run_of(0.1), "pixels"), run_of(0.2)])
  rows = content["tables"][0]["rows"]
  assert [(row["method"], row["name"]) for row in rows] == [
    ("pixels/c", "pixels: C: Tune + StatReg (GMM)"), ("c", "C: Tune + StatReg (GMM)")]


def test_what_a_run_was_trained_on_is_recorded_by_code():
  rows = modalities.CMPLACES
  found = run_of(0.1, classes=("bed", "chair"), training={row.name: 3 for row in rows})
  assert found["names"]["LDR"] == "drawing" and found["training"]["LDR"] == 3
  old = {key: value for key, value in found.items()
         if key not in ("classes", "names", "training")}  # evaluated before they were recorded
  content = results.aggregate([old])
  assert content["classes"] == [] and content["names"] == content["training"] == {}


def test_a_table_that_comes_again_is_no_second_seed():
  run = run_of(0.1, layers=("fc7", "fc6", "fc7"))
  assert [table["layer"] for table in run["tables"]] == ["fc7", "fc6"]
  assert results.aggregate([run])["tables"][0]["rows"][0]["map"]["groups"]["mean"]["count"] == 1


def test_the_mean_of_a_run_is_over_pairs_of_different_modalities_that_have_a_value():
  cells = {"NAT>LDR": 0.2, "LDR>NAT": 0.4, "NAT>DSC": None, "NAT>NAT": 0.9}
  assert results.main_mean({"tables": [{"map": cells}]}) == pytest.approx(0.3)
  assert results.main_mean({"tables": [{"map": {"NAT>NAT": 0.9}}]}) is None


def test_a_gallery_that_nobody_asks_is_said_and_classes_of_different_sizes_are_a_range():
  run = run_of(0.5, rows=modalities.CMPLACES[:3])
  table = run["tables"][0]
  for pair in table["queries"]:
    query, target = pair.split(">")
    table["queries"][pair] = 0 if target == "NAT" else 2050
    table["relevant"][pair] = [7, 9] if (query, target) == ("NAT", "CLP") else [10, 1200]
  assert ("Gallery: NAT never; CLP N = 2,050, R = 7-1,200; SPT N = 2,050, R = 10-1,200."
          in results.definition(run, table))


def test_where_everything_is_relevant_there_is_no_lift():
  chance = np.full((2, 2), 0.2)
  chance[0, 1] = 1.0
  mean = np.array([[0.5, 1.0], [0.6, 0.5]])
  content = results.aggregate([run_of(mean, rows=modalities.CMPLACES[:2], chance=chance)])
  lift = content["tables"][0]["rows"][0]["lift"]
  assert lift["cells"]["NAT>CLP"]["mean"] is None
  assert lift["groups"]["mean"]["mean"] == lift["cells"]["CLP>NAT"]["mean"] == pytest.approx(0.5)


def test_rows_of_different_numbers_of_seeds_have_them_in_the_caption():
  runs = [run_of(0.5, key, key, seed) for key, seeds in (("c", 3), ("b", 2), ("a", 1))
          for seed in range(seeds)]
  caption = results.aggregate(runs)["tables"][0]["caption"]
  assert "1 to 3 seeds a row;" in caption and "cell(s)" not in caption
  assert "1 seed a row;" in results.aggregate(runs[-1:])["tables"][0]["caption"]


def test_recognition_stands_where_all_seeds_of_a_row_have_it():
  runs = [run_of(0.5, seed=0), run_of(0.5, seed=1), run_of(0.4, "a", "A")]
  runs[1]["recognition"] = {}
  assert [row["method"] for row in results.aggregate(runs)["recognition"]] == ["a"]
