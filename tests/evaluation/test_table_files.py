import csv
import json
import os

import numpy as np
import pytest

from made_results import run_of
from made_results import table_of
from cmx import modalities
from cmx.data.sets.cmplaces import categories
from cmx.evaluation import results
from cmx.evaluation import table_files

PAIRS = ("NAT>CLP NAT>SPT NAT>LDR NAT>DSC CLP>NAT CLP>SPT CLP>LDR CLP>DSC SPT>NAT SPT>CLP "
         "SPT>LDR SPT>DSC LDR>NAT LDR>CLP LDR>SPT LDR>DSC DSC>NAT DSC>CLP DSC>SPT DSC>LDR").split()


def grid():
  """Every cell another number: 0.01 x row + 0.001 x column, fractions."""
  return 0.01 * np.arange(5)[:, None] + 0.001 * np.arange(5)[None] + 0.1


def test_an_undefined_cell_is_none_and_out_of_the_means():
  mean = np.full((5, 5), 0.1)
  mean[0, 1] = np.nan
  mean[0, 2] = 0.3
  content = results.aggregate([run_of(mean)])
  row = content["tables"][0]["rows"][0]
  assert row["map"]["cells"]["NAT>CLP"] == {"mean": None, "std": None, "count": 0}
  assert row["map"]["groups"]["mean"]["mean"] == pytest.approx((18 * 0.1 + 0.3) / 19)
  assert "1 cell(s) have no relevant item (-)" in content["tables"][0]["caption"]
  line = next(line for line in table_files.to_text(content).splitlines() if line.startswith("C:"))
  assert line.split()[5:7] == ["-", "30.0"]


def test_text_has_one_decimal_chance_spread_and_paper(tmp_path):
  runs = [run_of(mean, seed=seed, classes=categories.NAMES)
          for seed, mean in enumerate((0.1412, 0.1612))]
  text = table_files.to_text(table_files.write(tmp_path, runs, paper=True))
  lines = text.splitlines()
  head = next(i for i, line in enumerate(lines) if line.split()[:2] == ["NAT", "NAT"])
  assert lines[head + 1].split() == ["row", *[f">{pair[4:]}" for pair in PAIRS], "mean", "DSC",
                                     "DSC", "same", "lift", "mean", "no", "DSC", "DSC"]
  assert lines[head + 2].split()[5:25] == ["15.1"] * 20
  assert lines[head + 2].split()[25:] == ["15.1", "±1.4"] * 4 + ["14.3", "14.2", "12.1", "17.4"]
  assert lines[head + 3].split() == ["chance"] + ["1.0"] * 24
  assert max(map(len, lines)) <= 200


def test_files_agree_with_each_other(tmp_path):
  runs = [run_of(grid() + 0.01 * seed, method, name, seed, classes=categories.NAMES)
          for method, name in (("a", "A: Tune"), ("x|y", "mine | yours")) for seed in (0, 1)]
  written = table_files.write(tmp_path / "new" / "folder", runs, paper=True)
  folder = tmp_path / "new" / "folder"
  assert sorted(os.listdir(folder)) == [
    "recognition.csv", "table.csv", "table.json", "table.md", "table.sha256.json",
    "table.sha256.json.lock", "table.txt"]
  content = json.loads((folder / "table.json").read_text())
  text = (folder / "table.txt").read_text()
  assert content == written and text == table_files.to_text(content)
  assert content == results.aggregate(runs, paper=True)
  lines = list(csv.DictReader((folder / "table.csv").read_text().splitlines()))
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
  accuracy = next(csv.DictReader((folder / "recognition.csv").read_text().splitlines()))
  assert accuracy["statistic"] == "accuracy" and float(accuracy["CLP"]) == pytest.approx(0.15)


def test_writing_again_replaces_every_file(tmp_path):
  table_files.write(tmp_path, [run_of(0.1)])
  table_files.write(tmp_path, [run_of(0.2)])
  content = json.loads((tmp_path / "table.json").read_text())
  assert content["tables"][0]["rows"][0]["map"]["groups"]["mean"]["mean"] == pytest.approx(0.2)


def test_a_bad_result_leaves_the_old_files_alone(tmp_path):
  table_files.write(tmp_path, [run_of(0.1)])
  before = (tmp_path / "table.json").read_bytes()
  with pytest.raises(ValueError, match="c seed 0 comes twice"):
    table_files.write(tmp_path, [run_of(0.1), run_of(0.1)])
  assert (tmp_path / "table.json").read_bytes() == before


def test_two_modalities_without_text_and_one_code(tmp_path):
  rows = (modalities.of_kind("photo1", "pixels"), modalities.of_kind("photo2", "pixels"))
  text = table_files.to_text(table_files.write(tmp_path, [run_of(0.25, rows=rows)], paper=True))
  content = json.loads((tmp_path / "table.json").read_text())
  assert content["groups"] == {"mean": ["photo1>photo2", "photo2>photo1"],
                               "same": ["photo1>photo1", "photo2>photo2"]}
  assert "paper" not in text
  line = next(line for line in text.splitlines() if line.startswith("C:"))
  assert line.split()[5:7] == ["25.0", "25.0"]


def test_a_caption_stands_once_and_in_lines_of_a_terminal(tmp_path):
  content = table_files.write(tmp_path, [run_of(0.1, layers=("fc7", "pool5", "fc6"))])
  text = table_files.to_text(content)
  assert text.count("full ranking") == 1 and text.count("else as above") == 2
  assert "Layer pool5, read-out cosine; else as above." in text.splitlines()
  caption = text.splitlines()[:9]
  assert " ".join(caption).endswith("over seeds.") and max(map(len, caption)) <= 80


def test_runs_without_recognition_have_no_recognition_table():
  run = results.run_result("c", "C", 0, modalities.CMPLACES, [table_of(0.1)], {})
  content = results.aggregate([run])
  assert run["recognition"] == {} and content["recognition"] == []
  assert "Recognition" not in table_files.to_text(content)


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
  table_files.write(tmp_path, [run_of(0.1)])
  before = {path.name: path.read_bytes() for path in tmp_path.iterdir()
            if path.name != "table.sha256.json"}  # says nothing of what is half written

  def full(descriptor):
    raise OSError(28, "No space left on device")

  monkeypatch.setattr(os, "fsync", full)
  with pytest.raises(OSError, match="table.json cannot be written: the disk is full"):
    table_files.write(tmp_path, [run_of(0.2)])
  assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
