"""Rows over seeds, against direct computation from every query's score."""

import statistics

import numpy as np
import pytest
from scipy import stats

from cmx.evaluation import comparison
from cmx.evaluation import scores
from cmx.evaluation import significance

CLASSES, QUERIES = 12, 240
LABELS = np.arange(QUERIES) % CLASSES


def score(values, labels=LABELS, asked=None, chance=0.1):
  """A score of one part whose queries have these values."""
  values = np.where(np.ones(len(labels), bool) if asked is None else asked, values, np.nan)
  by_class = np.array([np.nanmean(values[labels == c]) if np.isfinite(values[labels == c]).any()
                       else np.nan for c in range(CLASSES)])  # classes are of one size
  return scores.Score(float(np.nanmean(values)), chance, by_class, by_class, values, labels)


def study(gains, seeds=3, measure="mean", noise=0.02):
  """{("", row): {seed: {measure: Score}}}: rows with gains over a common difficulty of queries."""
  hard = np.random.default_rng(0).uniform(0.2, 0.6, QUERIES)
  cells = {}
  for i, (row, gain) in enumerate(gains.items()):
    rng = np.random.default_rng(100 + i)
    cells["", row] = {seed: {measure: score(
      hard + gain + rng.normal(0, 0.01) + rng.normal(0, noise, QUERIES))}
                      for seed in range(seeds)}
  return cells


def test_rows_are_sorted_by_mean_and_have_the_spread_of_their_seeds():
  cells = study({"a": 0.0, "b": 0.2, "c": 0.1})
  content = comparison.compare(cells, "a")
  rows = content["measures"]["mean"]["rows"]
  assert [row["row"] for row in rows] == ["b", "c", "a"] and content["seeds"] == [0, 1, 2]
  values = [cells["", "b"][seed]["mean"].value for seed in range(3)]
  assert rows[0]["mean"] == pytest.approx(np.mean(values))
  assert rows[0]["std"] == pytest.approx(statistics.stdev(values))
  assert rows[0]["by_seed"] == values and rows[2]["against"] is None
  low, high = rows[0]["interval"]
  assert low < rows[0]["mean"] < high


def test_a_comparison_has_the_numbers_of_its_tests():
  cells = study({"a": 0.0, "b": 0.01, "c": 0.003})
  rows = {row["row"]: row["against"]
          for row in comparison.compare(cells, "a")["measures"]["mean"]["rows"]}
  p = {}
  for row in "bc":
    d = np.mean([cells["", row][s]["mean"].queries - cells["", "a"][s]["mean"].queries
                 for s in range(3)], axis=0)
    p[row] = stats.wilcoxon(d).pvalue
    by_class = np.array([[np.mean((cells["", row][s]["mean"].queries
                                   - cells["", "a"][s]["mean"].queries)[LABELS == c])
                          for s in range(3)] for c in range(CLASSES)])
    assert rows[row]["difference"] == pytest.approx(d.mean())
    assert rows[row]["wilcoxon"] == pytest.approx(p[row], rel=1e-6)
    assert rows[row]["fisher"] == significance.randomisation(by_class.mean(axis=1))
    assert rows[row]["smallest"] == pytest.approx(significance.smallest_difference(by_class))
    assert rows[row]["interval"] == pytest.approx(significance.interval(by_class))
  corrected = stats.false_discovery_control([p["b"], p["c"]])
  assert [rows[row]["wilcoxon corrected"] for row in "bc"] == pytest.approx(corrected, rel=1e-6)
  fisher = sorted(rows[row]["fisher"] for row in "bc")
  assert sorted(rows[row]["fisher corrected"] for row in "bc") == pytest.approx(
    [min(1, 2 * fisher[0]), max(min(1, 2 * fisher[0]), fisher[1])])


def test_a_verdict_needs_both_tests_and_more_than_could_be_seen():
  cells = study({"a": 0.2, "up": 0.3, "down": 0.1, "same": 0.2})
  rows = {row["row"]: row["against"]
          for row in comparison.compare(cells, "a")["measures"]["mean"]["rows"]}
  assert {row: found["verdict"] for row, found in rows.items() if found} == {
    "up": "better", "down": "worse", "same": "unclear"}


def test_significant_queries_alone_are_no_verdict():
  # a seed's luck that all its queries share: tests over queries and classes are sure, seeds not
  cells = study({"a": 0.0, "b": 0.0}, seeds=2, noise=0.001)
  for seed, luck in enumerate((0.01, 0.05)):
    one = cells["", "b"][seed]["mean"]
    cells["", "b"][seed]["mean"] = score(one.queries + luck)
  found = comparison.compare(cells, "a")["measures"]["mean"]["rows"][0]["against"]
  assert found["wilcoxon corrected"] < 0.01 and found["fisher corrected"] < 0.01
  assert abs(found["difference"]) < found["smallest"] and found["verdict"] == "unclear"


def test_an_interval_of_fractions_holds_no_other_numbers():
  values = [np.random.default_rng(seed).random(QUERIES) * (0.02, 0.6)[seed] for seed in (0, 1)]
  low, high = comparison.summary([score(each) for each in values])["interval"]
  assert low == 0.0 and 0.6 < high <= 1.0  # two seeds far apart: the interval has no bounds else


def test_a_row_is_compared_at_its_own_value():
  low, high = study({"a": 0.0, "b": 0.1}), study({"a": 0.3, "b": 0.2})
  cells = {(value, row): found for value, part in (("x=1", low), ("x=2", high))
           for (_, row), found in part.items()}
  content = comparison.compare(cells, "a")["measures"]["mean"]
  found = [(row["value"], row["row"]) for row in content["rows"]]
  assert found == [("x=1", "b"), ("x=1", "a"), ("x=2", "a"), ("x=2", "b")]
  signs = [np.sign(row["against"]["difference"]) for row in content["rows"] if row["against"]]
  assert signs == [1, -1] and content["comparisons"] == 2
  assert content["chance"] == pytest.approx({"x=1": 0.1, "x=2": 0.1})


def test_one_seed_has_no_spread_and_no_verdict():
  content = comparison.compare(study({"a": 0.0, "b": 0.3}, seeds=1), "a")
  row = content["measures"]["mean"]["rows"][0]
  assert row["std"] is None and row["interval"] is None
  assert row["against"]["smallest"] is None and row["against"]["interval"] is None
  assert row["against"]["wilcoxon"] < 0.001 and row["against"]["verdict"] == "unclear"


def test_few_queries_or_classes_have_no_test():
  asked = LABELS < 3
  cells = {("", row): {seed: {"mean": score(np.random.default_rng(i + 10 * seed).random(QUERIES),
                                            asked=asked)} for seed in range(2)}
           for i, row in enumerate("ab")}
  content = comparison.compare(cells, "a")["measures"]["mean"]
  found = next(row["against"] for row in content["rows"] if row["against"])
  assert content["classes"] == 3 and content["queries"] == 60
  assert found["fisher"] is None and found["fisher corrected"] is None
  assert found["wilcoxon"] is not None and found["smallest"] > 0


def test_classes_that_differ_between_seeds_are_paired_within_each():
  cells = {}
  for i, row in enumerate("ab"):
    cells["", row] = {}
    for seed, unseen in enumerate(((0, 1, 2), (2, 3, 4), (6, 7, 8))):
      rng = np.random.default_rng(seed)  # the same queries, the same difficulty
      values = rng.random(QUERIES) + 0.1 * i + 0.001 * rng.normal(size=QUERIES) * i
      cells["", row][seed] = {"unseen": score(values, asked=np.isin(LABELS, unseen))}
  content = comparison.compare(cells, "a")["measures"]["unseen"]
  found = content["rows"][0]["against"]
  assert content["classes"] == 8 and content["queries"] == 8 * 20
  assert found["difference"] == pytest.approx(0.1, abs=0.001)
  assert found["fisher"] == pytest.approx(2 / 2 ** 8) and found["verdict"] == "better"


def changed(cells, row, **fields):
  one = cells["", row][0]["mean"]
  cells["", row][0]["mean"] = one._replace(**fields)
  return cells


@pytest.mark.parametrize("cells, against, words", [
  (study({"a": 0, "b": 1}), "z", "'z'; expected a row of the study: a, b"),
  ({}, "a", "it has none"),
  (changed(study({"a": 0, "b": 1}), "b", labels=LABELS[::-1]), "a", "240 and 240 queries"),
  (changed(study({"a": 0, "b": 1}), "b", queries=np.full(QUERIES, np.nan)), "a", "240 and 0|0 and"),
  ({**study({"a": 0}, seeds=3), **study({"b": 0, "c": 1}, seeds=2)}, "a", r"seeds \[0, 1\]")])
def test_what_cannot_be_compared_is_refused(cells, against, words):
  with pytest.raises(ValueError, match=words):
    comparison.compare(cells, against)
