import numpy as np
import pytest

from cmx.evaluation import boards


def made(seed=0, sizes=(9, 14, 6), width=5):
  rng = np.random.default_rng(seed)
  return {name: {"fc7": rng.normal(size=(n, width)).astype(np.float32),
                 "fc8": rng.normal(size=(n, 3)).astype(np.float32), "label": np.arange(n) % 3}
          for name, n in zip(("natural", "clipart", "text"), sizes)}


def slow_answer(features, query, target, layer, count):
  """Item by item: the cosine of each, sorted."""
  x = features[query[0]][layer][query[1]].astype(np.float64)
  scores = [float(x @ y / np.linalg.norm(x) / np.linalg.norm(y))
            for y in features[target][layer].astype(np.float64)]
  return sorted(range(len(scores)), key=lambda i: -scores[i])[:count]


def test_answers_are_the_nearest_of_every_other_modality():
  features = made()
  queries = boards.draw_queries({name: part["label"] for name, part in features.items()}, 2, 0)
  found = boards.ask(features, queries, "fc7", count=4)
  assert [(board.modality, board.row) for board in found] == queries
  for board in found:
    assert [answer.modality for answer in board.answers] == [
      name for name in features if name != board.modality]
    label = features[board.modality]["label"][board.row]
    for answer in board.answers:
      expected = slow_answer(features, (board.modality, board.row), answer.modality, "fc7", 4)
      assert answer.rows.tolist() == expected
      gallery = features[answer.modality]["label"]
      assert answer.correct.tolist() == [gallery[row] == label for row in expected]
      assert answer.expected == pytest.approx(4 * np.mean(gallery == label))


def test_precision_is_that_of_the_full_ranking():
  features = made(1)
  board, = boards.ask(features, [("natural", 4)], "fc7", count=2)
  x, gallery = features["natural"]["fc7"][4], features["clipart"]
  similarity = gallery["fc7"] @ x / np.linalg.norm(gallery["fc7"], axis=1)
  order = np.argsort(-similarity, kind="stable")
  ranks = 1 + np.flatnonzero(gallery["label"][order] == 4 % 3)
  expected = np.mean(np.arange(1, len(ranks) + 1) / ranks)
  assert board.answers[0].precision == pytest.approx(expected)


def test_a_dead_query_is_answered_in_gallery_order():
  features = made()
  features["natural"]["fc7"][0] = 0
  board, = boards.ask(features, [("natural", 0)], "fc7", count=3)
  assert board.answers[0].rows.tolist() == [0, 1, 2]


def test_a_category_that_a_modality_lacks_has_no_correct_answer():
  features = made()
  features["text"]["label"] = np.ones(6, int)
  board, = boards.ask(features, [("natural", 0)], "fc7")
  answer = board.answers[1]
  assert not answer.correct.any() and answer.expected == 0.0 and np.isnan(answer.precision)


def test_there_are_no_more_answers_than_items():
  board, = boards.ask(made(), [("natural", 0)], "fc7", count=50)
  assert [len(answer.rows) for answer in board.answers] == [14, 6]


def test_other_read_outs_rank_otherwise():
  features = made()
  posterior, = boards.ask(features, [("natural", 1)], "fc7", "posterior", 14)
  cosine, = boards.ask(features, [("natural", 1)], "fc7", "cosine", 14)
  assert posterior.answers[0].rows.tolist() != cosine.answers[0].rows.tolist()


def test_queries_are_random_repeatable_and_of_a_category_where_asked():
  labels = {name: part["label"] for name, part in made(sizes=(90, 90, 4)).items()}
  assert boards.draw_queries(labels, 3, 0) == boards.draw_queries(labels, 3, 0)
  assert boards.draw_queries(labels, 3, 0) != boards.draw_queries(labels, 3, 1)
  assert [name for name, _ in boards.draw_queries(labels, 9, 0)].count("text") == 4
  chosen = boards.draw_queries(labels, 2, 0, category=1)
  assert len(chosen) == 5  # text has one of it
  assert all(labels[name][row] == 1 for name, row in chosen)


@pytest.mark.parametrize("queries, layer, readout, message", [
  ([("natural", 0)], "fc7", "euclid", "read-out 'euclid'; expected one of cosine, "),
  ([("natural", 0)], "fc9", "cosine", "natural has no layer 'fc9'; expected one of fc7, fc8"),
  ([("natural", 9)], "fc7", "cosine", "query 9 of 'natural'; expected a row of one of natural"),
  ([("sketch", 0)], "fc7", "cosine", "query 0 of 'sketch'; expected a row of one of natural")])
def test_what_cannot_be_asked_is_refused(queries, layer, readout, message):
  with pytest.raises(ValueError, match=message):
    boards.ask(made(), queries, layer, readout)
