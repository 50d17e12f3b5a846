"""The numbers of a dissected run as plain values, of made-up findings."""

import types

import numpy as np
import pytest

from cmx.analysis.units import consistency
from cmx.analysis.units import summary
from cmx.analysis.units import tally as tally_lib

CODES = ("NAT", "CLP", "SPT")
COMPARED = consistency.Consistency(
  score=np.array([0.2, 0.4, 0.123456789, 0.0]), p=np.array([0.05, 0.01, 0.06, 0.9]),
  q=np.array([0.05, 0.04, 0.051, 0.9]), p_weakest=np.array([0.06, 0.05, 0.07, 1.0]),
  pairs=np.array([[1.0, 0.1, 0.2], [0.1, 1.0, 0.3], [0.2, 0.3, 1.0]]), null=0.25, most=0.08,
  most_weakest=0.07, classes=9)


def tallied(*examples):
  """The tally of (class, responses of two units), one place each, of three classes."""
  found = tally_lib.start(3, 2, 1, top=2, highest=1)
  for row, (label, responses) in enumerate(examples):
    found = tally_lib.add(found, np.array([[responses]]), np.array([label]), row)
  return found


def findings(*tallies, compared=None, overlaps=None):
  """Findings of a layer fc7 with a tally for each of the first modalities."""
  rows = [types.SimpleNamespace(code=code, name=code.lower()) for code in CODES[:len(tallies)]]
  return types.SimpleNamespace(
    subject=types.SimpleNamespace(modalities=rows,
                                  run=types.SimpleNamespace(classes=("a", "b", "c"))),
    tallies={"fc7": {row.name: part for row, part in zip(rows, tallies)}},
    compared={} if compared is None else {"fc7": compared}, overlaps=overlaps,
    options=types.SimpleNamespace(rng=lambda layer: np.random.default_rng(0)))


ALIVE = tallied((0, [-3.0, 2.0]), (2, [-1.0, 2.0]), (2, [-2.0, 2.0]))  # the second unit is dead


def test_a_level_that_is_reached_counts_and_each_pair_stands_once():
  found = summary.layer(findings(ALIVE, ALIVE, ALIVE, compared=COMPARED), "fc7")
  assert found["units"] == 2 and found["dead"] == {"NAT": 1, "CLP": 1, "SPT": 1}
  assert found["objects"] is None and found["consistency"] == {
    "mean": pytest.approx(0.180864197), "null": 0.25, "above": 0.5, "above_most": 0.08,
    "every": 0.25, "every_most": 0.07, "discovered": 0.5, "classes": 9,
    "pairs": {"NAT>CLP": 0.1, "NAT>SPT": 0.2, "CLP>SPT": 0.3}}


def test_a_unit_s_numbers_have_six_digits_and_none_where_nothing_was_compared():
  assert summary.of_unit(findings(ALIVE, compared=COMPARED), "fc7", 2) == {
    "score": 0.123457, "p": 0.06, "q": 0.051, "p_weakest": 0.07}
  assert set(summary.of_unit(findings(ALIVE), "fc7", 2).values()) == {None}


def test_a_unit_answers_to_the_class_of_the_highest_mean_and_a_dead_one_to_none():
  made = findings(ALIVE)  # class b has no example; c has mean -1.5, a has -3
  assert summary.of_modality(made, "fc7", 0, "nat") == {"class": "c", "object": None, "iou": None}
  assert set(summary.of_modality(made, "fc7", 1, "nat").values()) == {None}


def test_a_unit_s_object_is_the_one_that_fits_best():
  iou = {"fc7": {"nat": np.array([[0.1, 0.30000004, 0.2], [0.9, 0.9, 0.9]])}}
  made = findings(ALIVE, overlaps=types.SimpleNamespace(names=("x", "y", "z"), iou=iou))
  assert summary.of_modality(made, "fc7", 0, "nat") == {"class": "c", "object": "y", "iou": 0.3}
  nothing = types.SimpleNamespace(names=(), iou={"fc7": {"nat": np.zeros((2, 0))}})
  assert summary.of_modality(findings(ALIVE, overlaps=nothing), "fc7", 0, "nat")["object"] is None
  found = summary.layer(findings(ALIVE, overlaps=nothing), "fc7")["objects"]
  assert found["best"] == {"NAT": 0.0} and found["detectors"] == {"NAT": 0.0}


@pytest.mark.parametrize("modalities, shared", [(2, None), (3, 0.5)])
def test_objects_are_shared_by_three_modalities_or_it_is_not_known(modalities, shared):
  iou = {name: np.array([[0.3, 0.1], [0.01, fit]])
         for name, fit in zip(("nat", "clp", "spt"), (0.02, 0.2, 0.5))}
  overlaps = types.SimpleNamespace(names=("x", "y"), iou={"fc7": iou})
  found = summary.layer(findings(*[ALIVE] * modalities, overlaps=overlaps), "fc7")["objects"]
  assert found["shared"] == shared and (found["shared_by_chance"] is None) is (shared is None)
  assert found["detectors"]["NAT"] == 0.5 and found["detectors"]["CLP"] == 1.0
  assert found["best"]["NAT"] == pytest.approx(0.16) and found["best"]["CLP"] == 0.25
  assert shared is None or 0.0 < found["shared_by_chance"] < 0.5


def test_every_unit_has_a_line_with_what_it_is_in_each_modality():
  lines = summary.lines(findings(ALIVE, tallied((1, [1.0, 0.0]), (0, [0.0, 1.0]))))
  assert [(line["layer"], line["unit"]) for line in lines] == [("fc7", 0), ("fc7", 1)]
  assert [(line["NAT class"], line["CLP class"]) for line in lines] == [("c", "b"), (None, "a")]
