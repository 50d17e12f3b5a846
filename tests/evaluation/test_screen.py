"""The table on a terminal, character by character."""

import numpy as np

from made_results import run_of
from cmx import modalities
from cmx.data.sets.cmplaces import categories
from cmx.evaluation import results
from cmx.evaluation import screen

ROWS = (modalities.NATURAL, modalities.CLIPART, modalities.DESCRIPTION)
GRID = np.array([[0.5, 0.2, 0.1], [0.25, 0.6, 0.05], [0.1, 0.15, 0.7]])


def run(mean=GRID, method="c", name="C: Tune", seed=0, **changes):
  return run_of(mean, method, name, seed, **{"rows": ROWS, "accuracy": [0.5, 0.7, 0.6],
                                             "classes": ["a", "b"], **changes})


def test_a_row_has_its_means_recognition_and_lift():
  text = screen.to_text(results.aggregate([run(), run(GRID / 2, "bl", "BL-Ind")]))
  assert text.startswith("""\
                 no              recog-
row      mean  text  text  same   nised  lift
C: Tune  14.2  22.5  10.0  60.0    60.0  13.3
BL-Ind    7.1  11.2   5.0  30.0    60.0   6.1
chance    1.0   1.0   1.0   1.0    50.0

Mean average precision""")
  assert "text: pairs with a text modality; no text: pairs without." in " ".join(text.split())
  assert text.count("full ranking") == 1 and "One seed, and so no spread." in text


def test_of_one_row_every_pair_stands_below():
  text = screen.to_text(results.aggregate([run()]))
  assert """
query > target  >NAT  >CLP  >DSC
NAT             50.0  20.0  10.0
CLP             25.0  60.0   5.0
DSC             10.0  15.0  70.0
chance           1.0   1.0   1.0
""" in text


def test_spread_stands_beside_the_mean():
  text = screen.to_text(results.aggregate([run(GRID + 0.02 * seed, seed=seed) for seed in (0, 1)]))
  line = next(line for line in text.splitlines() if line.startswith("C: Tune"))
  assert line == "C: Tune  15.2 ±1.4  23.5  11.0  61.0    60.0  14.3"
  assert "deviation over 2 seeds" in " ".join(text.split())


def test_no_line_is_wider_than_a_terminal_and_long_names_go_on_below():
  rows = [run(GRID, f"m{i}", name, seed, classes=categories.NAMES) for seed in (0, 1)
          for i, name in enumerate(("a rather long label: C: Tune + StatReg (GMM)", "x" * 70, "A"))]
  lines = screen.to_text(results.aggregate(rows, paper=True)).splitlines()
  assert max(map(len, lines)) <= 80
  words = " ".join(lines)
  assert "a rather long label: C: Tune" in " ".join(words.split())
  assert words.count("x") >= 70


def test_more_pairs_than_a_terminal_holds_are_left_to_the_files():
  rows = tuple(modalities.of_kind(f"modality{i}", "vector")._replace(code=f"M{i:05d}")
               for i in range(12))
  text = screen.to_text(results.aggregate([run(0.2, rows=rows, accuracy=[0.5] * 12)]))
  assert "Its 144 pairs are too many for a terminal" in text and ">M00003" not in text


def test_the_paper_s_mean_stands_beside_rows_of_its_categories_alone():
  five = modalities.CMPLACES
  for classes, there in ((categories.NAMES, True), (("bed", "chair"), False)):
    runs = [run_of(0.1, name="C: Tune + StatReg (GMM)", rows=five, classes=classes)]
    text = screen.to_text(results.aggregate(runs, paper=True))
    assert ("paper" in text) is there and ("14.2" in text) is there


def test_one_modality_and_no_recognition_leave_what_there_is():
  one = run(np.full((1, 1), 0.4), rows=ROWS[:1], accuracy=[0.5])
  one["recognition"] = {}
  text = screen.to_text(results.aggregate([one]))
  assert text.startswith("row      same\nC: Tune  40.0\nchance    1.0\n\nMean")


def test_chance_of_a_target_is_the_mean_over_queries_of_other_modalities():
  chance = np.array([[0.9, 0.2, 0.1], [0.02, 0.9, 0.3], [0.04, 0.4, 0.9]])
  lines = screen.to_text(results.aggregate([run(chance=chance)])).splitlines()
  assert next(line for line in lines[4:] if line.startswith("chance")).split() == [
    "chance", "3.0", "30.0", "20.0"]


def test_recognition_is_the_mean_over_modalities_and_a_dash_where_a_row_has_none():
  one, other = run(accuracy=[0.1, 0.2, 0.9]), run(GRID / 2, "bl", "BL-Ind")
  other["recognition"] = {}
  lines = screen.to_text(results.aggregate([one, other])).splitlines()
  assert [line.split()[-2] for line in lines[2:4]] == ["40.0", "-"]


def test_rows_of_different_numbers_of_seeds_say_both():
  runs = [run(seed=seed) for seed in (0, 1, 2)] + [run(GRID / 2, "bl", "BL-Ind")]
  words = " ".join(screen.to_text(results.aggregate(runs)).split())
  assert "deviation over 1 to 3 seeds." in words and "One seed" not in words
