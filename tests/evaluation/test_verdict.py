"""The verdict: what is said of made-up results, word by word, and where little can be said."""

import numpy as np
import pytest

from made_results import run_of
from cmx import methods
from cmx import modalities
from cmx.evaluation import results
from cmx.evaluation import verdict

NAMES = {key: row.name for key, row in methods.METHODS.items()}
PICTURES = modalities.CMPLACES[:3]
ROWS = (modalities.NATURAL, modalities.CLIPART, modalities.DESCRIPTION)  # two pictures, a text


def matrix(pictures, text, within):
  """mAP of three modalities: pairs of pictures, pairs with text, and within each."""
  mean = np.full((3, 3), pictures)
  mean[2], mean[:, 2] = text, text
  np.fill_diagonal(mean, within)
  return mean


def row(key, pictures, text, within=0.5, seed=0, rows=ROWS, accuracy=(0.7, 0.7, 0.7)):
  return run_of(matrix(pictures, text, within), key, NAMES[key], seed, rows, accuracy=accuracy)


EIGHT = [row("bl_ind", 0.3, 0.06), row("bl_shfinal", 0.36, 0.33), row("c", 0.42, 0.39)]


def test_three_sentences_say_whether_they_meet_what_to_use_and_what_is_weakest():
  assert verdict.verdict(EIGHT).sentences == (
    "Your modalities meet: C: Tune + StatReg (GMM), the best of 3 rows, finds the same class in "
    "another modality with 40.0 % mean average precision (chance 1.0 %, within one modality "
    "50.0 %); training each modality alone (BL-Ind) reaches 14.0 %; sharing the trunk and no more "
    "(BL-ShFinal) reaches 34.0 %.",
    "Use C: Tune + StatReg (GMM): it leads the next row, BL-ShFinal, by 6.0 points (one seed, and "
    "so no spread: a small lead may be luck); without text it reaches 42.0 %, with text 39.0 % "
    "(BL-Ind 30.0 % and 6.0 %).",
    "Weakest is description (DSC), 39.0 % over its pairs: the others are not far ahead.")


def test_on_a_terminal_lines_are_80_columns_and_none_begins_with_a_sign():
  lines = verdict.to_text(verdict.verdict(EIGHT)).splitlines()
  assert max(map(len, lines)) <= 80
  assert " ".join(lines) == " ".join(verdict.verdict(EIGHT).sentences)
  assert not [line for line in lines if line.startswith("%")]


def test_the_chart_has_five_bars_for_all_pairs_and_without_and_with_text():
  groups = verdict.verdict(EIGHT).groups
  assert [group.name for group in groups] == ["all pairs", "without text", "with text"]
  bars = [[(bar.name, bar.mean and round(bar.mean, 6)) for bar in group.bars] for group in groups]
  assert bars == [[("chance", 0.01), ("BL-Ind", first), ("BL-ShFinal", second),
                   ("C: Tune + StatReg (GMM)", third), ("within a modality", 0.5)]
                  for first, second, third in ((0.14, 0.34, 0.4), (0.3, 0.36, 0.42),
                                               (0.06, 0.33, 0.39))]


def test_rows_beside_those_of_a_name_are_compared_with_that_name_s_baseline():
  runs = [results.labelled(found, "pixels") for found in EIGHT]
  runs += [results.labelled(row(key, mean, mean), "pre") for key, mean in (("bl_ind", 0.2),
                                                                           ("c", 0.45))]
  found = verdict.verdict(runs)
  assert found.best == "pre/c"
  assert "(pre: BL-Ind) reaches 20.0 %" in found.sentences[0]
  assert "it leads the next row, pixels: C: Tune + StatReg (GMM), by 5.0 points" in (
    found.sentences[1])


@pytest.mark.parametrize("pairs, words", [
  (0.45, "Your modalities meet:"), (0.3, "Your modalities meet in part:"),
  (0.1, "Your modalities do not meet:")])
def test_how_far_they_meet_is_measured_between_chance_and_what_stands_within(pairs, words):
  assert verdict.verdict([row("c", pairs, pairs)]).sentences[0].startswith(words)


def test_where_little_is_told_apart_within_there_is_nothing_that_could_meet():
  assert verdict.verdict([row("c", 0.01, 0.01, 0.03)]).sentences[0].startswith(
    "Your modalities cannot meet yet, as little is told apart even within one: ")


def test_one_row_alone_is_not_chosen_and_baselines_that_were_not_tried_are_said():
  found = verdict.verdict([row("c", 0.42, 0.39)])
  assert "the only row," in found.sentences[0]
  assert ("training each modality alone (BL-Ind) was not tried; sharing the trunk and no more "
          "(BL-ShFinal) was not tried.") in found.sentences[0]
  assert found.sentences[1] == (
    "With one row there is nothing to choose from (one seed, and so no spread); without text it "
    "reaches 42.0 %, with text 39.0 %.")
  assert [bar.name for bar in found.groups[0].bars] == [
    "chance", "C: Tune + StatReg (GMM)", "within a modality"]


def test_a_baseline_that_is_best_stands_once():
  found = verdict.verdict([row("bl_ind", 0.3, 0.06), row("bl_shfinal", 0.4, 0.4)])
  assert "BL-ShFinal, the best of 2 rows" in found.sentences[0]
  assert "sharing the trunk" not in found.sentences[0]
  assert [bar.name for bar in found.groups[0].bars] == [
    "chance", "BL-Ind", "BL-ShFinal", "within a modality"]


@pytest.mark.parametrize("lead, words", [
  (0.05, "by 5.0 points (more than the two spread over 2 seeds)"),
  (0.005, "by 0.5 points (no more than the two spread over 2 seeds: either will do)")])
def test_a_lead_is_held_against_the_spread_over_seeds(lead, words):
  runs = [row(key, mean + 0.01 * seed, mean + 0.01 * seed, seed=seed) for seed in (0, 1)
          for key, mean in (("bl_shfinal", 0.3), ("c", 0.3 + lead))]
  found = verdict.verdict(runs)
  assert words in found.sentences[1] and "one seed" not in " ".join(found.sentences)
  assert f"with {100 * (0.305 + lead):.1f} ± 0.7 % mean" in found.sentences[0]


def test_what_is_unfinished_is_said_first():
  assert verdict.verdict(EIGHT, 5).sentences[0].startswith(
    "So far, 5 run(s) being unfinished: Your modalities meet")


def test_without_text_nothing_is_said_of_it():
  found = verdict.verdict([row("c", 0.4, 0.4, rows=PICTURES)])
  assert "text" not in found.sentences[1] and len(found.groups) == 1


def test_one_modality_has_nothing_to_meet():
  run = run_of(np.full((1, 1), 0.5), rows=ROWS[:1], accuracy=[0.5])
  found = verdict.verdict([run])
  assert found.sentences[0] == "There is one modality, NAT, and nothing it could meet."
  assert found.groups == []


def test_no_class_in_common_is_said():
  found = verdict.verdict([row("c", np.nan, np.nan)])
  assert "no two of them share a class on the validation split" in found.sentences[0]
  assert found.sentences[1] == "So there is nothing to choose by (one seed, and so no spread)."
  assert found.groups == []


def test_of_baselines_of_several_labels_the_first_stands_in_where_the_best_has_none():
  runs = [results.labelled(row("bl_ind", 0.3, 0.06), "pixels"),
          results.labelled(row("c", 0.42, 0.39), "pre")]
  assert "(pixels: BL-Ind) reaches 14.0 %" in verdict.verdict(runs).sentences[0]


def test_a_row_without_a_number_is_no_next_row():
  found = verdict.verdict([row("c", 0.4, 0.4), row("bl_ind", np.nan, np.nan)])
  assert found.best == "c" and "With one row there is nothing to choose from" in found.sentences[1]
  assert "(BL-Ind nothing and nothing)" in found.sentences[1]


def test_seeds_are_those_of_the_row_that_has_fewest():
  runs = [row("c", 0.42 + 0.01 * seed, 0.42, seed=seed) for seed in range(3)]
  runs += [row("bl_ind", 0.2 + 0.01 * seed, 0.2, seed=seed) for seed in range(2)]
  assert "than the two spread over 2 seeds" in verdict.verdict(runs).sentences[1]
  alone = verdict.verdict([row("c", 0.42, 0.42, seed=seed) for seed in range(3)])
  assert "nothing to choose from (means of 3 seeds)" in alone.sentences[1]


def test_a_lead_must_be_more_than_both_spreads_together():
  # each spreads by 0.7 points, and the lead is of 1.2
  runs = [row(key, mean + 0.01 * seed, mean + 0.01 * seed, seed=seed) for seed in (0, 1)
          for key, mean in (("bl_ind", 0.3), ("c", 0.312))]
  assert "by 1.2 points (no more than the two spread" in verdict.verdict(runs).sentences[1]


def test_what_stands_within_may_be_unknown():
  found = verdict.verdict([row("c", 0.4, 0.4, np.nan)])
  assert found.sentences[0].startswith("How well your modalities meet is hard to say: ")
  assert "(chance 1.0 %); " in found.sentences[0] and found.groups[0].bars[-1].mean is None
