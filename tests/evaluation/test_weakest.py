"""Which modality is weakest, and what it lacks: each reason where made-up numbers give it."""

import numpy as np
import pytest

from made_results import run_of
from cmx import modalities
from cmx.evaluation import results
from cmx.evaluation import weakest

ROWS = modalities.CMPLACES[:3]  # NAT, CLP, SPT
CLASSES = [f"class {i}" for i in range(10)]


def said(mean, accuracy, training=(1000, 1000, 1000), classes=CLASSES, rows=ROWS):
  counts = {row.name: count for row, count in zip(rows, training)}
  run = run_of(mean, rows=rows, accuracy=accuracy, classes=classes, training=counts)
  content = results.aggregate([run])
  return weakest.sentence(content, content["tables"][0]["rows"][0])


def square(pairs_of_last, within_last, others=0.5):
  """0.5 everywhere but in the last modality's pairs, and within it."""
  mean = np.full((3, 3), others)
  mean[2], mean[:, 2], mean[2, 2] = pairs_of_last, pairs_of_last, within_last
  return mean


def test_a_modality_that_is_recognised_less_with_few_examples_wants_examples():
  assert said(square(0.3, 0.3), [0.9, 0.8, 0.4], (1000, 800, 150)) == (
    "Weakest is spatial text (SPT), 30.0 % over its pairs: it is recognised in 40 % of cases, the "
    "others in 85 %, and it has few training examples (150, 15 a class; the others 900), so more "
    "of them come first.")


def test_a_modality_that_is_recognised_less_with_many_examples_wants_another_encoder():
  assert said(square(0.3, 0.3), [0.9, 0.8, 0.4]) == (
    "Weakest is spatial text (SPT), 30.0 % over its pairs: it is recognised in 40 % of cases, the "
    "others in 85 %, so its encoder and data come before its alignment.")


def test_a_modality_that_is_recognised_and_stays_apart_wants_alignment():
  # chance 1 %: its pairs have lifts of 0.04 / 0.99 of (0.49 + 0.69) / 2 / 0.99 within: 7 %
  assert said(square(0.05, 0.7), [0.8, 0.8, 0.8]) == (
    "Weakest is spatial text (SPT), 5.0 % over its pairs: it lacks alignment, as its pairs come "
    "7 % of the way from chance to what is reached within modalities (the others 100 %), although "
    "it is recognised in 80 % of cases.")


def test_far_apart_is_said_before_recognition():
  assert "lacks alignment" in said(square(0.02, 0.4), [0.9, 0.9, 0.5])


def test_few_examples_are_said_where_nothing_else_is_behind():
  assert said(square(0.45, 0.5), [0.8, 0.8, 0.8], (1000, 1000, 150)) == (
    "Weakest is spatial text (SPT), 45.0 % over its pairs: it has few training examples (150, 15 a "
    "class; the others 1,000).")


def test_a_modality_that_is_not_far_behind_is_no_trouble():
  assert said(square(0.45, 0.5), [0.8, 0.8, 0.8]).endswith(": the others are not far ahead.")


def test_results_without_counts_and_names_are_judged_by_what_they_have():
  run = run_of(square(0.3, 0.3), rows=ROWS, accuracy=[0.9, 0.8, 0.4])
  content = results.aggregate([{key: value for key, value in run.items()
                                if key not in ("names", "training", "classes")}])
  assert weakest.sentence(content, content["tables"][0]["rows"][0]).startswith(
    "Weakest is SPT, 30.0 % over its pairs: it is recognised in 40 % of cases")
  content["recognition"] = []
  assert "recognised" not in weakest.sentence(content, content["tables"][0]["rows"][0])


def test_of_two_the_one_recognised_less_is_the_weaker():
  mean = np.full((2, 2), 0.5)
  assert said(mean, [0.9, 0.5], (900, 900), rows=ROWS[:2]) == (
    "Weakest is clipart (CLP): it is recognised in 50 % of cases, the other in 90 %, so its "
    "encoder and data come before its alignment.")
  assert said(mean, [0.9, 0.9], (900, 900), rows=ROWS[:2]).endswith("the other is not far ahead.")


def test_a_modality_without_a_class_in_common_is_named():
  mean = square(np.nan, 0.5)
  assert said(mean, [0.8, 0.8, 0.8]) == ("spatial text (SPT) shares no class with another modality "
                                        "on this split, so nothing can be said of it.")


def test_one_modality_is_not_compared():
  assert said(np.full((1, 1), 0.5), [0.5], (10,), rows=ROWS[:1]) == (
    "Which modality is weakest cannot be said of one.")


def test_names_without_codes_of_their_own_stand_once():
  rows = tuple(modalities.Modality(name, name.upper(), "vector") for name in ("pho", "cap"))
  assert said(np.full((2, 2), 0.5), [0.9, 0.5], (900, 900), rows=rows).startswith("Weakest is cap:")


@pytest.mark.parametrize("accuracy", [[0.5, 0.5, 0.5], [0.5, 0.9, 0.9]])
def test_equal_pairs_are_told_apart_by_recognition(accuracy):
  assert said(np.full((3, 3), 0.5), accuracy).startswith("Weakest is natural (NAT)")


def test_pairs_that_come_less_far_than_the_others_want_alignment_where_all_are_recognised():
  assert "it lacks alignment, as its pairs come 59 % of the way" in (  # 0.29 / 0.49
    said(square(0.3, 0.5), [0.8, 0.8, 0.8]))


def test_a_modality_that_is_far_apart_and_recognised_less_is_said_to_lack_alignment_alone():
  words = said(square(0.02, 0.4), [0.9, 0.9, 0.5], (1000, 1000, 150))
  assert "few training examples" not in words and "in 50 % of cases" in words


def test_of_two_the_pairs_are_held_against_what_there_is_to_reach():
  mean = np.array([[0.5, 0.2], [0.2, 0.5]])
  assert said(mean, [0.9, 0.8], (900, 900), rows=ROWS[:2]) == (
    "Weakest is clipart (CLP): it lacks alignment, as its pairs come 39 % of the way from chance "
    "to what is reached within modalities, although it is recognised in 80 % of cases.")


def test_pairs_below_chance_have_come_no_way():
  assert "its pairs come 0 % of the way" in said(square(0.001, 0.5), [0.8, 0.8, 0.8])


@pytest.mark.parametrize("training, few", [
  ((1000, 1000, 500), True), ((1000, 1000, 501), False), ((1000, 400, 450), False),
  ((190, 190, 190), True), ((200, 200, 200), False)])
def test_few_are_half_of_the_others_median_or_less_than_twenty_a_class(training, few):
  assert ("few training examples" in said(square(0.45, 0.5), [0.8, 0.8, 0.8], training)) is few


def test_counts_of_some_modalities_alone_are_no_counts():
  run = run_of(square(0.45, 0.5), rows=ROWS, accuracy=[0.8] * 3, classes=CLASSES,
               training={"natural": 1000, "spatial_text": 10})
  content = results.aggregate([run])
  assert weakest.sentence(content, content["tables"][0]["rows"][0]).endswith(
    "the others are not far ahead.")


def test_modalities_without_a_class_in_common_are_named_together():
  mean = np.array([[0.5, np.nan], [np.nan, 0.5]])
  assert said(mean, [0.8, 0.8], (900, 900), rows=ROWS[:2]) == (
    "natural (NAT) and clipart (CLP) share no class with another modality on this split, so "
    "nothing can be said of them.")
