"""Gaps between modalities and hubness, against slow loops, and what chance gives."""

import numpy as np
import pytest
from scipy import stats

from cmx.evaluation import readouts
from cmx.evaluation.space import geometry

RNG = np.random.default_rng(0)


def sample(count, width=5, offset=0.0):
  return readouts.unit(RNG.normal(size=(count, width)) + offset)


def test_gaps_are_their_definitions():
  a, b = sample(12), sample(9, offset=1.0)
  found = geometry.gap(a, b)
  assert found.centroid == pytest.approx(np.linalg.norm(a.mean(axis=0) - b.mean(axis=0)), abs=1e-6)
  x, y = a - a.mean(axis=0), b - b.mean(axis=0)

  def mean(first, second, same=False):
    return np.mean([np.linalg.norm(u - v) for i, u in enumerate(first)
                    for j, v in enumerate(second) if not (same and i == j)])
  cross = mean(x * np.sqrt(12 / 11), y * np.sqrt(9 / 8))
  expected = 2 * cross - mean(x, x, True) - mean(y, y, True)
  assert found.distribution == pytest.approx(expected, abs=1e-6)


def test_two_samples_of_one_modality_have_the_gaps_of_chance():
  found = [geometry.gap(sample(40), sample(60)) for _ in range(300)]
  squares = [(gap.centroid ** 2, gap.centroid_chance ** 2) for gap in found]
  assert np.mean(squares, axis=0)[0] == pytest.approx(np.mean(squares, axis=0)[1], rel=0.15)
  assert abs(np.mean([gap.distribution for gap in found])) < 0.01


def test_a_shift_is_a_centroid_gap_and_no_gap_of_distributions():
  x = RNG.normal(size=(300, 5))
  shifted = geometry.gap(x[:150], x[150:] + 3)
  wider = geometry.gap(x[:150], 3 * x[150:])
  assert shifted.centroid > 5 and abs(shifted.distribution) < 0.1
  assert wider.centroid < 1 and wider.distribution > 0.5


def test_distances_are_of_a_draw_where_there_are_many(monkeypatch):
  monkeypatch.setattr(geometry, "EXAMPLES", 50)
  shapes, real = [], geometry.distance.cdist
  monkeypatch.setattr(geometry.distance, "cdist",
                      lambda x, y: (shapes.append((x.shape, y.shape)), real(x, y))[1])
  geometry.gap(sample(400), sample(30))
  assert shapes == [((50, 5), (30, 5))]


@pytest.mark.parametrize("same", [False, True])
def test_hubness_is_the_skewness_of_counts(same, monkeypatch):
  monkeypatch.setattr(geometry, "_CELLS", 200)  # in several blocks
  x = sample(60)
  y = x if same else sample(45)
  scores = x @ y.T
  if same:
    np.fill_diagonal(scores, -np.inf)
  counts = np.bincount(np.argsort(-scores, axis=1)[:, :10].ravel(), minlength=len(y))
  found = geometry.hubness(x, y, same)
  assert found.skewness == pytest.approx(stats.skew(counts), abs=1e-9)
  binomial = stats.binom(len(x) - same, 10 / (len(y) - same))
  assert found.chance == pytest.approx(float(binomial.stats("s")), abs=1e-9)


def test_a_gallery_in_which_all_are_near_has_no_hubs():
  found = geometry.hubness(sample(20), sample(6))
  assert found == geometry.Hubness(0.0, 0.0)
