import json

import numpy as np
import pytest

from cmx import modalities
from cmx.evaluation import paper
from cmx.evaluation import results
from cmx.evaluation import retrieval

PAIRS = ("NAT>CLP NAT>SPT NAT>LDR NAT>DSC CLP>NAT CLP>SPT CLP>LDR CLP>DSC SPT>NAT SPT>CLP "
         "SPT>LDR SPT>DSC LDR>NAT LDR>CLP LDR>SPT LDR>DSC DSC>NAT DSC>CLP DSC>SPT DSC>LDR").split()


def table_of(mean, chance=0.01, layer="fc7", rows=modalities.CMPLACES):
  m = len(rows)
  mean = np.broadcast_to(np.asarray(mean, float), (m, m)).copy()
  by_chance = np.where(np.isnan(mean), np.nan, chance)
  return retrieval.Table(
    layer, "cosine", tuple(row.name for row in rows), mean, by_chance, mean / 2, by_chance,
    queries=np.where(np.isnan(mean), 0, 2050), gallery=np.full((m, m), 2050) - np.eye(m, dtype=int),
    relevant=np.full((m, m, 2), 10))


def run_of(mean, method="c", name="C: Tune + StatReg (GMM)", seed=0, rows=modalities.CMPLACES,
           layers=("fc7",)):
  recognition = {row.name: retrieval.Recognition(0.1 * i + 0.1 * seed, 0.5, 40)
                 for i, row in enumerate(rows)}
  layer_tables = [table_of(mean, layer=layer, rows=rows) for layer in layers]
  return results.run_result(method, name, seed, rows, layer_tables, recognition)


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
  content = results.aggregate([run_of(0.1), run_of(0.1, "own", "my method")], paper=True)
  rows = content["tables"][0]["rows"]
  means = {name: value for name, value in rows[0]["paper"].items() if name != "same"}
  assert means == pytest.approx({"mean": 0.142, "no DSC": 0.121, "DSC": 0.174}, abs=5e-4)
  assert rows[1]["paper"] == {"mean": None, "no DSC": None, "DSC": None, "same": None}
  assert "paper" not in results.aggregate([run_of(0.1)])["tables"][0]["rows"][0]


def test_caption_says_metric_layer_read_out_gallery_and_chance():
  caption = results.aggregate([run_of(0.1)], paper=True)["tables"][0]["caption"]
  for part in ("Mean average precision (mAP, %)", "layer fc7", "read-out cosine", "full ranking",
               "target's validation split", "CLP N = 2,050, R = 10", "1 seed(s) a row",
               "Chance is the expected mAP of a random ranking", "authors' slides"):
    assert part in caption


def test_one_run_s_table_is_defined_in_the_same_words():
  run = run_of(0.1)
  caption = results.aggregate([run])["tables"][0]["caption"]
  words = results.definition(run, run["tables"][0])
  assert caption.startswith(words) and "DSC: pairs with a text modality" in words


def test_the_caption_speaks_of_the_paper_only_where_it_stands_beside_a_row():
  caption = results.aggregate([run_of(0.1, "own", "my method")], paper=True)["tables"][0]["caption"]
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


def test_a_table_that_comes_again_is_no_second_seed():
  run = run_of(0.1, layers=("fc7", "fc6", "fc7"))
  assert [table["layer"] for table in run["tables"]] == ["fc7", "fc6"]
  assert results.aggregate([run])["tables"][0]["rows"][0]["map"]["groups"]["mean"]["count"] == 1


def test_the_mean_of_a_run_is_over_pairs_of_different_modalities_that_have_a_value():
  cells = {"NAT>LDR": 0.2, "LDR>NAT": 0.4, "NAT>DSC": None, "NAT>NAT": 0.9}
  assert results.main_mean({"tables": [{"map": cells}]}) == pytest.approx(0.3)
  assert results.main_mean({"tables": [{"map": {"NAT>NAT": 0.9}}]}) is None
