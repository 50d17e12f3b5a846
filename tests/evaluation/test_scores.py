"""Scores by query and class against slow loops, and against the table that they are of."""

import numpy as np
import pytest

from cmx import modalities
from cmx.evaluation import results
from cmx.evaluation import retrieval
from cmx.evaluation import scores

ROWS = (modalities.NATURAL, modalities.CLIPART, modalities.DESCRIPTION)
CLASSES, UNSEEN = 6, np.array([1, 4])


def features(seed=0, counts=(40, 30, 50)):
  rng = np.random.default_rng(seed)
  found = {}
  for row, count in zip(ROWS, counts):
    labels = rng.integers(0, CLASSES - (row.code == "CLP"), count)  # one class is not in CLP
    x = np.eye(CLASSES)[labels] + rng.normal(0, 0.8, (count, CLASSES))
    found[row.name] = {"fc7": x.astype(np.float32), "fc8": x.astype(np.float32), "label": labels}
  return found


@pytest.fixture
def run():
  """(result, arrays, features) of a run that never saw two of the classes."""
  found = features()
  tables = [retrieval.retrieval_table(found, "fc7"),
            retrieval.retrieval_table(found, "fc8", "posterior")]
  part = {name: {key: x[np.isin(own["label"], UNSEEN)] for key, x in own.items()}
          for name, own in found.items()}
  result = results.run_result("c", "C", 0, ROWS, tables, {
    name: retrieval.recognition(own["fc8"], own["label"]) for name, own in found.items()})
  codes = {row.name: row.code for row in ROWS}
  return result, scores.arrays(tables, found, codes, "abcdef", UNSEEN,
                               retrieval.retrieval_table(part, "fc7")), found


def precision(found, query, gallery, item, among=range(CLASSES)):
  """AP of one query in a slow loop; None where it has nothing to find."""
  scored = []
  for i, (x, label) in enumerate(zip(found[gallery]["fc7"], found[gallery]["label"])):
    if (query == gallery and i == item) or label not in among:
      continue
    own = found[query]["fc7"][item]
    cosine = own @ x / np.linalg.norm(own) / np.linalg.norm(x)
    scored.append((-cosine, label == found[query]["label"][item]))
  hits, total = 0, []
  for rank, (_, relevant) in enumerate(sorted(scored), 1):
    hits += relevant
    total += [hits / rank] if relevant else []
  return np.mean(total) if total else None


NAMES = [row.name for row in ROWS]
PAIRS = [(q, g) for q in NAMES for g in NAMES if q != g]


def slowly(found, pairs, asked=range(CLASSES), among=range(CLASSES)):
  means = []
  for query, gallery in pairs:
    values = [precision(found, query, gallery, i, among)
              for i, label in enumerate(found[query]["label"]) if label in asked]
    means.append(np.mean([value for value in values if value is not None]))
  return np.mean(means)


def test_a_measure_is_the_mean_over_pairs_of_the_mean_over_queries(run):
  result, kept, found = run
  measured = scores.scores(result, kept)
  assert measured["mean"].value == pytest.approx(slowly(found, PAIRS), abs=1e-6)
  texts = [pair for pair in PAIRS if "description" in pair]
  assert measured["DSC"].value == pytest.approx(slowly(found, texts), abs=1e-6)
  same = [(name, name) for name in NAMES]
  assert measured["same"].value == pytest.approx(slowly(found, same), abs=1e-6)
  cells = result["tables"][0]["map"]
  assert measured["mean"].value == pytest.approx(np.mean(
    [cells[pair] for pair in results.pair_groups(result["modalities"], result["text"])["mean"]]))


def test_unseen_classes_are_asked_among_themselves_and_among_all(run):
  result, kept, found = run
  measured = scores.scores(result, kept)
  alone, all_of_them = (measured[name] for name in scores.UNSEEN)
  assert alone.value == pytest.approx(slowly(found, PAIRS, UNSEEN, UNSEEN), abs=1e-6)
  assert all_of_them.value == pytest.approx(slowly(found, PAIRS, UNSEEN), abs=1e-6)
  assert alone.chance > 2 * all_of_them.chance
  assert set(np.flatnonzero(~np.isnan(alone.by_class))) == set(UNSEEN)


def test_a_classifier_is_asked_for_the_classes_that_it_knows(run):
  result, kept, found = run
  measured = scores.scores(result, kept)
  right = [np.mean([np.argmax(x) == label for x, label in zip(own["fc8"], own["label"])
                    if label not in UNSEEN]) for own in found.values()]
  assert measured["recognition"].value == pytest.approx(np.mean(right))
  assert measured["recognition"].chance == pytest.approx(1 / 4)
  assert np.isnan(measured["posterior"].by_class[UNSEEN]).all()


def test_a_read_out_of_the_classifier_has_no_unseen_measures(run):
  result, kept, _ = run
  posterior = {**result, "tables": result["tables"][1:]}
  assert not set(scores.UNSEEN) & set(scores.scores(posterior, kept))
  assert set(scores.UNSEEN) <= set(scores.scores(result, kept))


def test_chance_is_what_random_rankings_give(run):
  result, kept, found = run
  rng, values = np.random.default_rng(1), []
  for _ in range(60):
    mixed = {name: {**own, "fc7": rng.normal(size=(len(own["label"]), 5))}
             for name, own in found.items()}
    values.append(retrieval.retrieval_table(mixed, "fc7").mean[~np.eye(3, dtype=bool)].mean())
  error = np.std(values) / np.sqrt(60)
  chance = scores.scores(result, kept)["mean"].chance
  assert abs(np.mean(values) - chance) < 4 * error and error < 0.01


def test_classes_make_up_the_value_in_two_ways(run):
  result, kept, found = run
  score = scores.scores(result, kept)["mean"]
  assert np.mean(score.by_class) == pytest.approx(score.value)
  assert np.mean(score.shares) == pytest.approx(score.value)
  share, centred = np.zeros(CLASSES), np.zeros(CLASSES)
  for query, gallery in PAIRS:
    labels = found[query]["label"]
    values = {i: precision(found, query, gallery, i) for i in range(len(labels))}
    values = {i: value for i, value in values.items() if value is not None}
    for i, value in values.items():
      share[labels[i]] += value / len(values) / 6
      centred[labels[i]] += (value - np.mean(list(values.values()))) / len(values) / 6
  np.testing.assert_allclose(score.shares, CLASSES * share, atol=1e-6)
  np.testing.assert_allclose(score.by_class, score.value + CLASSES * centred, atol=1e-6)


def test_a_class_is_no_better_for_having_more_queries():
  kept = {"classes": np.array(["a", "b"]), "unseen": np.zeros(0, int),
          "label/NAT": np.array([0] * 9 + [1]), "label/CLP": np.array([0, 1]),
          "recognised/NAT": np.ones(10, bool), "recognised/CLP": np.ones(2, bool)}
  result = {"modalities": ["NAT", "CLP"], "text": [], "tables": [{"layer": "fc7",
                                                                  "readout": "cosine"}]}
  score = scores.scores(result, kept)["recognition"]
  np.testing.assert_allclose(score.by_class, [1, 1])
  assert score.shares[0] > score.shares[1]


def test_a_query_has_the_mean_over_the_galleries_that_it_asks(run):
  result, kept, found = run
  score = scores.scores(result, kept)["mean"]
  of_clipart = 40 + 7  # natural images come first
  expected = [precision(found, "clipart", name, 7) for name in ("natural", "description")]
  assert score.queries[of_clipart] == pytest.approx(np.mean(expected), abs=1e-6)
  assert score.labels[of_clipart] == found["clipart"]["label"][7]
  lost = np.flatnonzero(found["description"]["label"] == 5)[0]  # not in CLP: one gallery is left
  assert score.queries[70 + lost] == pytest.approx(
    precision(found, "description", "natural", lost), abs=1e-6)
  assert np.isnan(scores.scores(result, kept)["no DSC"].queries[70:]).all()


def test_average_precision_is_stored_in_half_the_room(run):
  _, kept, _ = run
  assert kept["fc7 cosine/NAT>DSC"].dtype == np.float32
  assert np.isnan(kept["unseen fc7 cosine/NAT>DSC"]).sum() == np.sum(
    ~np.isin(kept["label/NAT"], UNSEEN))
