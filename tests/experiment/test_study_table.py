"""The table of a study in its files: what stands where, and what captions say."""

import csv
import json

import pytest

from cmx.evaluation import scores
from cmx.experiment.study import table
import made_study

content = made_study.content

def lines(text):
  return [line for line in text.splitlines() if line.strip()]


def test_rows_stand_by_mean_with_their_spread_and_a_mark_where_they_are_apart(tmp_path):
  made = content()
  text = table.write(tmp_path, made, ["mean"])
  chance = next(i for i, line in enumerate(lines(text)) if line.startswith("chance"))
  first = lines(text)[chance - 3:chance + 1]
  rows = {row["row"]: row for row in made["measures"]["mean"]["rows"]}
  assert [line.split()[0] for line in first] == ["C:", "BL-ShFinal", "BL-Ind", "chance"]
  ind = first[-2].split()
  assert ind[1:4] == [f"{100 * rows['bl_ind']['mean']:.1f}", f"±{100 * rows['bl_ind']['std']:.1f}",
                      "-"]
  assert first[-1].split() == ["chance", "5.0", "5.0", "5.0"]
  best = rows["c"]  # a point better, which cannot be seen
  assert first[0].startswith(f"C: Tune + StatReg (GMM) {100 * best['mean']:.1f} "
                             f"±{100 * best['std']:.1f}   ")


def test_a_measure_s_table_has_interval_difference_tests_and_what_could_be_seen(tmp_path):
  made = content()
  table.write(tmp_path, made, ["mean"])
  found = next(row for row in made["measures"]["mean"]["rows"] if row["row"] == "bl_ind")
  other = found["against"]
  line = [line for line in (tmp_path / "study.md").read_text().splitlines()
          if line.startswith("| BL-Ind")][1]
  assert [word.strip() for word in line.strip("|").split("|")] == [
    "BL-Ind", f"{100 * found['mean']:.1f} ±{100 * found['std']:.1f}",
    "[{:.1f}, {:.1f}]".format(*(100 * end for end in found["interval"])),
    f"{100 * other['difference']:+.1f}",
    "[{:+.1f}, {:+.1f}]".format(*(100 * end for end in other["interval"])),
    "<0.001", table.probability(other["fisher corrected"]), f"{100 * other['smallest']:.1f}",
    "worse"]
  assert other["fisher corrected"] == pytest.approx(4 / 2 ** made_study.CLASSES)  # Holm: twice


def test_captions_say_metric_seeds_classes_queries_chance_and_tests(tmp_path):
  text = " ".join(table.write(tmp_path, content(), ["recognition", "mean"]).split())
  for part in ("mAP, defined.", "3 seeds (0-2)", "8 classes", "80 queries", "chance 5.0 %",
               "Benjamini-Hochberg", "Holm", "10,000 draws", "bootstrap over classes and seeds",
               "probability 0.8", "p <= 0.05", "worse than BL-ShFinal",
               "recognition: mean over modalities of top-1 accuracy"):
    assert part in text, part
  assert text.count("signed ranks of") == 1  # how it is done is said once


def test_one_seed_says_that_it_has_no_spread(tmp_path):
  text = " ".join(table.write(tmp_path, content(seeds=1), ["mean"]).split())
  assert "one seed has no spread, no interval and no verdict" in text and "±" not in text
  assert "bootstrap" not in text and "unclear" in text


def test_unseen_classes_and_who_cannot_play_there_are_explained(tmp_path):
  text = " ".join(table.write(tmp_path, content(
    measures=("mean", "posterior", *scores.UNSEEN), unseen="5"), [scores.UNSEEN[0]]).split())
  assert "the 5 classes that no training example of the seed shows" in text
  assert "the posterior cannot play there" in text
  assert "posterior: mean over pairs by the cosine of fc8's softmax, queries of the other" in text
  text = table.write(tmp_path, content(measures=("mean", "posterior")), ["mean"])
  assert "unseen" not in text and "cannot play" not in text


def test_values_of_a_sweep_have_a_column_and_lines_of_their_own(tmp_path):
  text = table.write(tmp_path, content(["x=1", "x=2"]), ["mean"])
  assert sum(line.startswith("x=1 ") for line in text.splitlines()) == 4 + 3  # chance once
  assert "x=2   chance" in text


def test_failures_tuning_and_cost_are_told(tmp_path):
  tuning = {"rule": "Chosen so.", "rows": {"c": {"chosen": {"alignment.weight": 0.1}, "trials": {
    "alignment.weight=0.1": 0.3, "alignment.weight=1.0": None}}}}
  text = table.write(tmp_path, content(
    failed=["b_gmm, seed 1: loss is not finite at step 3"], tuning=tuning,
    seconds={"c": 130.0, "bl_ind": 61.0}), ["mean"])
  words = " ".join(text.split())
  assert "b_gmm, seed 1: loss is not finite at step 3" in words and "Chosen so." in words
  assert "A run took 1 min 01 s to 2 min 10 s, by row." in words
  assert lines(text)[-1].split() == ["C:", "Tune", "+", "StatReg", "(GMM)", "alignment.weight=0.1",
                                     "30.0", "-"]


def test_every_file_holds_the_same_numbers(tmp_path):
  made = content(["x=1", "x=2"])
  text = table.write(tmp_path, made, ["mean", "no DSC"])
  assert (tmp_path / "study.txt").read_text() == text
  assert json.loads((tmp_path / "study.json").read_text()) == json.loads(json.dumps(made))
  with (tmp_path / "study.csv").open() as file:
    rows = list(csv.DictReader(file))
  assert len(rows) == 3 * 2 * 3  # measures, values, rows
  one = next(row for row in made["measures"]["no DSC"]["rows"]
             if (row["value"], row["row"]) == ("x=2", "c"))
  found = next(row for row in rows if (row["measure"], row["value"], row["row"])
               == ("no DSC", "x=2", "c"))
  other = one["against"]
  assert [float(found[key]) for key in ("mean", "std", "low", "high", "difference", "smallest",
                                        "difference low", "difference high", "wilcoxon",
                                        "fisher corrected")] == [
    one["mean"], one["std"], *one["interval"], other["difference"], other["smallest"],
    *other["interval"], other["wilcoxon"], other["fisher corrected"]]
  assert found["against"] == "bl_shfinal" and found["verdict"] == other["verdict"]
  tex = (tmp_path / "study.tex").read_text()
  assert tex.count(r"\begin{tabular}") == tex.count(r"\end{table}") == 3
  assert r"$\pm$" in tex and "±" not in tex


def test_a_measure_that_there_is_not_is_refused(tmp_path):
  with pytest.raises(ValueError, match="'means'; expected one of mean, no DSC, recognition"):
    table.write(tmp_path, content(), ["means"])
  assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("p, words", [(None, "-"), (0.0004, "<0.001"), (0.001, "0.001"),
                                      (0.04999, "0.050"), (1.0, "1.000")])
def test_p_values_are_written_with_three_decimals(p, words):
  assert table.probability(p) == words


def test_an_early_look_and_chance_that_differs_between_values_are_told(tmp_path):
  made = content(["x=1", "x=2", "x=3"], missing=4)
  for found in made["measures"].values():
    found["chance"] = {"x=1": 0.05, "x=2": 0.2, "x=3": 0.1}
  words = " ".join(table.write(tmp_path, made, ["mean"]).split())
  assert "An early look: 4 runs are not there yet." in words
  assert "80 queries, chance 5.0 to 10.0 %." in words  # of the first and the last value
  assert "A run took" not in words and "Left out" not in words


def test_the_named_row_has_no_comparison_and_a_row_without_a_measure_a_dash(tmp_path):
  made = content()
  rows = made["measures"]["recognition"]["rows"]
  made["measures"]["recognition"]["rows"] = [row for row in rows if row["row"] != "c"]
  text = table.write(tmp_path, made, ["mean"])
  first = next(line for line in text.splitlines() if line.startswith("C: Tune"))
  assert first.split()[-1] == "-"
  with (tmp_path / "study.csv").open() as file:
    own = next(row for row in csv.DictReader(file) if row["row"] == "bl_shfinal")
  assert not any(own[key] for key in ("against", "difference", "wilcoxon", "smallest", "verdict"))
  assert own["seeds"] == "3" and "(named row)" in text


def test_how_a_number_is_come_by_is_said_once_and_of_several_measures_in_the_first(tmp_path):
  words = " ".join(table.write(tmp_path, content(), ["no DSC", "mean"]).split())
  assert words.count("Fisher: the two rows exchanged") == words.count("Intervals: bootstrap") == 1
  assert words.index("no DSC, beside") < words.index("Fisher: the") < words.index("mean, beside")
  assert "3 seeds (0-2), 8 classes, 80 queries, chance 5.0 %." in words
