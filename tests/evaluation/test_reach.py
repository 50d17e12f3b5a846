import pytest

from cmx.evaluation import reach
from cmx.evaluation import results

CELLS = {"A>B": 0.2, "B>A": 0.4, "A>A": 0.5, "B>B": 0.9, "A>C": None, "C>A": None, "C>C": None}
ROW = {"cells": {pair: {"mean": value} for pair, value in CELLS.items()}}
CHANCE = {"cells": {pair: {"mean": None if value is None else 0.1}
                    for pair, value in CELLS.items()}}


def test_across_is_the_mean_of_pairs_and_within_of_their_two_modalities():
  assert reach.across(ROW, ["A>B", "B>A", "A>C"]) == pytest.approx(0.3)
  assert reach.within(ROW, ["A>B", "B>A"]) == pytest.approx(0.7)


def test_reach_is_the_way_from_chance_to_what_stands_within():
  assert reach.of(ROW, CHANCE, ["A>B", "B>A"]) == pytest.approx((0.2 / 0.9) / (0.6 / 0.9))


def test_what_is_not_defined_is_none():
  assert reach.across(ROW, ["A>C"]) is None and reach.of(ROW, CHANCE, ["A>C"]) is None
  assert results.lift(0.5, 1.0) is None and results.lift(0.5, None) is None
  nothing = {"cells": {pair: {"mean": 0.1} for pair in CELLS}}  # at chance within, too
  assert reach.of(nothing, CHANCE, ["A>B"]) is None


def test_pairs_reach_nothing_of_what_is_told_apart_less_than_by_chance():
  below = {"cells": {pair: {"mean": 0.05} for pair in CELLS}}  # chance is 0.1, within and across
  assert reach.lift_within(below, CHANCE, ["A>B"]) < 0
  assert reach.of(below, CHANCE, ["A>B"]) is None


def test_pairs_without_a_number_within_their_modalities_reach_nothing_that_is_known():
  across = {"cells": {**ROW["cells"], "A>A": {"mean": None}, "B>B": {"mean": None}}}
  assert reach.within(across, ["A>B"]) is None and reach.of(across, CHANCE, ["A>B"]) is None
  assert results.lift(None, 0.1) is None and results.lift(0.0, 0.2) == -0.25
