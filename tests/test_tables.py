import csv
import json
import os

import numpy as np
import pytest

from cmx import modalities
from cmx import paper
from cmx import results
from cmx import retrieval
from cmx import tables

CODES = ("NAT", "CLP", "SPT", "LDR", "DSC")
PAIRS = ("NAT>CLP NAT>SPT NAT>LDR NAT>DSC CLP>NAT CLP>SPT CLP>LDR CLP>DSC SPT>NAT SPT>CLP SPT>LDR SPT>DSC "
         "LDR>NAT LDR>CLP LDR>SPT LDR>DSC DSC>NAT DSC>CLP DSC>SPT DSC>LDR").split()


def table_of(mean, chance=0.01, layer="fc7", rows=modalities.CMPLACES):
  m = len(rows)
  mean = np.broadcast_to(np.asarray(mean, float), (m, m)).copy()
  by_chance = np.where(np.isnan(mean), np.nan, chance)
  gallery = np.full((m, m), 2050) - np.eye(m, dtype=int)
  return retrieval.Table(layer, "cosine", tuple(r.name for r in rows), mean, by_chance, mean / 2, by_chance,
                         np.where(np.isnan(mean), 0, 2050), gallery, np.full((m, m, 2), 10))


def run_of(mean, method="c", name="C: Tune + StatReg (GMM)", seed=0, rows=modalities.CMPLACES, layers=("fc7",)):
  recognition = {r.name: retrieval.Recognition(0.1 * i + 0.1 * seed, 0.5, 40) for i, r in enumerate(rows)}
  return results.run_result(method, name, seed, rows,
                            [table_of(mean, layer=layer, rows=rows) for layer in layers], recognition)


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
  assert content["recognition"][0]["accuracy"]["CLP"] == pytest.approx({"mean": 0.2, "std": 0.1, "count": 3})


def test_one_seed_has_no_spread():
  cell = results.aggregate([run_of(0.2)])["tables"][0]["rows"][0]["map"]["cells"]["NAT>CLP"]
  assert cell == {"mean": pytest.approx(0.2), "std": None, "count": 1}


def test_rows_keep_the_order_in_which_methods_come_and_layers_get_a_table_each():
  runs = [run_of(0.1, "z", "Z", 0, layers=("fc6", "fc7")), run_of(0.2, "a", "A", 0, layers=("fc7",)),
          run_of(0.1, "z", "Z", 1, layers=("fc6", "fc7"))]
  content = results.aggregate(runs)
  assert [(t["layer"], [r["method"] for r in t["rows"]]) for t in content["tables"]] == [
    ("fc6", ["z"]), ("fc7", ["z", "a"])]


def test_an_undefined_cell_is_none_and_out_of_the_means():
  mean = np.full((5, 5), 0.1)
  mean[0, 1] = np.nan
  mean[0, 2] = 0.3
  content = results.aggregate([run_of(mean)])
  row = content["tables"][0]["rows"][0]
  assert row["map"]["cells"]["NAT>CLP"] == {"mean": None, "std": None, "count": 0}
  assert row["map"]["groups"]["mean"]["mean"] == pytest.approx((18 * 0.1 + 0.3) / 19)
  assert "1 cell(s) have no relevant item (-)" in content["tables"][0]["caption"]
  line = next(line for line in tables.to_text(content).splitlines() if line.startswith("C:"))
  assert line.split()[5:7] == ["-", "30.0"]


def test_the_paper_stands_beside_rows_that_it_has():
  content = results.aggregate([run_of(0.1), run_of(0.1, "own", "my method")], paper=True)
  rows = content["tables"][0]["rows"]
  assert rows[0]["paper"] == {"mean": pytest.approx(0.142, abs=5e-4), "no DSC": pytest.approx(0.121, abs=5e-4),
                              "DSC": pytest.approx(0.174, abs=5e-4), "same": None}
  assert rows[1]["paper"] == {"mean": None, "no DSC": None, "DSC": None, "same": None}
  assert "paper" not in results.aggregate([run_of(0.1)])["tables"][0]["rows"][0]


def test_the_papers_printed_means_are_the_means_of_its_cells():
  assert sum(len(row) for row in paper.TABLE.values()) == 168
  for method, row in paper.TABLE.items():
    # cells are rounded to 0.05 at most, so their mean is, and the printed mean once more
    assert 100 * paper.mean(method, paper.PAIRS) == pytest.approx(row[-1], abs=0.1 + 1e-9)
  assert paper.TABLE["A: Tune"][PAIRS.index("NAT>DSC")] == 19.6
  assert paper.TABLE["C: Tune + StatReg (GMM)"][PAIRS.index("DSC>NAT")] == 15.1
  assert sum(sum(row) for row in paper.TABLE.values()) == pytest.approx(1479.2)


def test_the_paper_says_nothing_of_pairs_it_lacks():
  assert paper.mean("A: Tune", ["NAT>XYZ"]) is None
  assert paper.mean("A: Tune", []) is None
  assert paper.mean("ours", paper.PAIRS) is None


def test_text_has_one_decimal_chance_spread_and_paper(tmp_path):
  text = tables.write(tmp_path, [run_of(0.1412, seed=0), run_of(0.1612, seed=1)], paper=True)
  lines = text.splitlines()
  head = next(i for i, line in enumerate(lines) if line.split()[:2] == ["NAT", "NAT"])
  assert lines[head + 1].split() == ["row", *[f">{pair[4:]}" for pair in PAIRS], "mean", "DSC", "DSC", "same",
                                     "lift", "mean", "no", "DSC", "DSC"]
  assert lines[head + 2].split()[5:25] == ["15.1"] * 20
  assert lines[head + 2].split()[25:] == ["15.1", "±1.4"] * 4 + ["14.3", "14.2", "12.1", "17.4"]
  assert lines[head + 3].split() == ["chance"] + ["1.0"] * 24
  assert max(map(len, lines)) <= 200


def test_caption_says_metric_layer_read_out_gallery_and_chance():
  caption = results.aggregate([run_of(0.1)], paper=True)["tables"][0]["caption"]
  for part in ("Mean average precision (mAP, %)", "layer fc7", "read-out cosine", "target's validation split",
               "full ranking", "CLP N = 2,050, R = 10", "Chance is the expected mAP of a random ranking",
               "1 seed(s) a row", "authors' slides"):
    assert part in caption


def test_files_agree_with_each_other(tmp_path):
  runs = [run_of(grid() + 0.01 * seed, method, name, seed)
          for method, name in (("a", "A: Tune"), ("x|y", "mine | yours")) for seed in (0, 1)]
  text = tables.write(tmp_path / "new" / "folder", runs, paper=True)
  folder = tmp_path / "new" / "folder"
  assert sorted(os.listdir(folder)) == ["recognition.csv", "table.csv", "table.json", "table.md", "table.txt"]
  content = json.loads((folder / "table.json").read_text())
  assert (folder / "table.txt").read_text() == text == tables.to_text(content)
  assert content == results.aggregate(runs, paper=True)
  lines = list(csv.DictReader((folder / "table.csv").open()))
  for row in content["tables"][0]["rows"]:
    by_key = {line["statistic"]: line for line in lines if line["method"] == row["method"]}
    for pair, cell in row["map"]["cells"].items():
      assert float(by_key["map"][pair]) == cell["mean"]
      assert float(by_key["map std"][pair]) == cell["std"]
    assert float(by_key["map"]["mean"]) == row["map"]["groups"]["mean"]["mean"]
    words = [f"{100 * row['map']['cells'][pair]['mean']:.1f}" for pair in PAIRS]
    assert any(line.startswith(row["name"]) and " ".join(words) in " ".join(line.split())
               for line in text.splitlines())
    name = row["name"].replace("|", "\\|")
    assert f"| {name} | {' | '.join(words)} |" in (folder / "table.md").read_text()
  assert [line["NAT>CLP"] for line in lines if line["method"] == "chance"] == ["0.01", "0.01"]
  accuracy = list(csv.DictReader((folder / "recognition.csv").open()))[0]
  assert accuracy["statistic"] == "accuracy" and float(accuracy["CLP"]) == pytest.approx(0.15)


def test_writing_again_replaces_every_file(tmp_path):
  tables.write(tmp_path, [run_of(0.1)])
  tables.write(tmp_path, [run_of(0.2)])
  content = json.loads((tmp_path / "table.json").read_text())
  assert content["tables"][0]["rows"][0]["map"]["groups"]["mean"]["mean"] == pytest.approx(0.2)


def test_a_bad_result_leaves_the_old_files_alone(tmp_path):
  tables.write(tmp_path, [run_of(0.1)])
  before = (tmp_path / "table.json").read_bytes()
  with pytest.raises(ValueError, match="c seed 0 comes twice; expected it once"):
    tables.write(tmp_path, [run_of(0.1), run_of(0.1)])
  assert (tmp_path / "table.json").read_bytes() == before


def test_two_modalities_without_text_and_one_code(tmp_path):
  rows = (modalities.named("photo1", "pixels"), modalities.named("photo2", "pixels"))
  text = tables.write(tmp_path, [run_of(0.25, rows=rows)], paper=True)
  content = json.loads((tmp_path / "table.json").read_text())
  assert content["groups"] == {"mean": ["photo1>photo2", "photo2>photo1"],
                               "same": ["photo1>photo1", "photo2>photo2"]}
  assert "paper" not in text.splitlines()[3]
  assert next(line for line in text.splitlines() if line.startswith("C:")).split()[5:7] == ["25.0", "25.0"]


def test_a_run_result_survives_json():
  run = run_of(grid())
  assert json.loads(json.dumps(run, allow_nan=False)) == run


def test_errors_say_expected_and_given():
  rows = modalities.CMPLACES
  with pytest.raises(ValueError, match="no results; expected at least one run"):
    results.aggregate([])
  with pytest.raises(ValueError, match="d seed 0 was evaluated on validation of NAT, CLP; expected validation "
                                       "of NAT, CLP, SPT, LDR, DSC as in c seed 0"):
    results.aggregate([run_of(0.1), run_of(0.1, "d", "D", rows=rows[:2])])
  with pytest.raises(ValueError, match="recognition has modalities natural; expected natural, clipart"):
    results.run_result("c", "C", 0, rows[:2], [], {"natural": retrieval.Recognition(1.0, 1.0, 1)})
  with pytest.raises(ValueError, match="table fc7 has modalities natural, clipart; expected natural$"):
    results.run_result("c", "C", 0, rows[:1], [table_of(0.1, rows=rows[:2])],
                       {"natural": retrieval.Recognition(1.0, 1.0, 1)})
