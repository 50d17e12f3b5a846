import numpy as np
import pytest
import threadpoolctl
from sklearn import manifold

from cmx.analysis.maps import tsne
from cmx.evaluation import readouts

LABELS = {"natural": np.repeat([0, 1, 2], [50, 30, 20]),
          "drawing": np.repeat([0, 1, 2], [4, 20, 6])}


def clusters(rng, count=40, width=12, modalities=2, apart=0.0):
  """Features of three categories that modalities share, or not where they stand apart."""
  centres = np.eye(3, width)
  features = {}
  for i in range(modalities):
    label = np.arange(count) % 3
    x = centres[label] + 0.1 * rng.normal(size=(count, width))
    x[:, 3 + i] += apart
    features[f"m{i}"] = {"fc7": x.astype(np.float32), "label": label}
  return features


def sample_of(features, count=60, seed=0):
  return tsne.draw_sample({name: part["label"] for name, part in features.items()}, count, seed)


def test_a_sample_has_equally_many_of_each_modality_and_category():
  sample = tsne.draw_sample(LABELS, 36, seed=0)
  for i, name in enumerate(LABELS):
    own = sample.modality == i
    assert own.sum() == 18
    np.testing.assert_array_equal(LABELS[name][sample.row[own]], sample.label[own])
    assert len(set(sample.row[own])) == 18
  natural = np.bincount(sample.label[sample.modality == 0])
  drawing = np.bincount(sample.label[sample.modality == 1])
  np.testing.assert_array_equal(natural, [6, 6, 6])
  assert drawing[0] == 4 and drawing[1] + drawing[2] == 14  # it has no more of the first


def test_a_modality_with_too_few_gives_all_it_has():
  sample = tsne.draw_sample(LABELS, 200, seed=0)
  assert np.bincount(sample.modality).tolist() == [100, 30]


def test_samples_are_random_repeatable_and_in_mixed_order():
  first, again, other = (tsne.draw_sample(LABELS, 36, seed) for seed in (0, 0, 1))
  np.testing.assert_array_equal(first.row, again.row)
  assert set(first.row[first.modality == 0]) != set(other.row[other.modality == 0])
  assert 0 < np.argmax(first.modality) < 18 and np.any(np.diff(first.modality) < 0)


def test_the_sample_of_a_modality_does_not_depend_on_the_others():
  both = tsne.draw_sample(LABELS, 36, seed=0)
  alone = tsne.draw_sample({"drawing": LABELS["drawing"]}, 18, seed=0)
  assert set(both.row[both.modality == 1]) == set(alone.row)


@pytest.mark.parametrize("labels, count, message", [
  ({}, 10, "10 points of 0 modalities"),
  (LABELS, 1, "1 points of 2 modalities; expected one of each")])
def test_impossible_samples_are_refused(labels, count, message):
  with pytest.raises(ValueError, match=message):
    tsne.draw_sample(labels, count, 0)


def slow_mixing(x, modality, label, nearest):
  """Neighbour by neighbour; and what a shuffle of modalities or categories gives, on average."""
  other, same = [], []
  for i in range(len(x)):
    order = sorted((j for j in range(len(x)) if j != i), key=lambda j: np.sum((x[i] - x[j]) ** 2))
    other += [modality[i] != modality[j] for j in order[:nearest]]
    same += [label[i] == label[j] for j in order[:nearest]]
  pairs = [(i, j) for i in range(len(x)) for j in range(len(x)) if i != j]
  return (nearest, np.mean(other), np.mean([modality[i] != modality[j] for i, j in pairs]),
          np.mean(same), np.mean([label[i] == label[j] for i, j in pairs]), len(x))


def test_mixing_equals_the_slow_loop():
  rng = np.random.default_rng(0)
  x, modality, label = rng.normal(size=(40, 5)), rng.integers(0, 3, 40), rng.integers(0, 4, 40)
  np.testing.assert_allclose(tsne.mixing(x, modality, label, 6), slow_mixing(x, modality, label, 6))


def test_mixing_is_what_is_expected_where_modalities_are_mixed_and_zero_where_apart():
  rng = np.random.default_rng(0)
  features = clusters(rng, 300)
  sample = sample_of(features, 600)
  near = tsne.mixing(tsne.vectors(features, "fc7", sample), sample.modality, sample.label)
  assert abs(near.other - near.other_mixed) < 0.03 and near.same > 0.99
  assert near.other_mixed == pytest.approx(300 / 599)
  assert near.same_chance == pytest.approx(199 / 599)
  features = clusters(rng, 300, apart=2.0)
  apart = tsne.mixing(tsne.vectors(features, "fc7", sample), sample.modality, sample.label)
  assert apart.other == 0.0 and apart.same > 0.9


def test_fewer_points_than_neighbours_count_all_others():
  x = np.eye(4)
  found = tsne.mixing(x, np.array([0, 0, 1, 1]), np.zeros(4, int))
  assert found.nearest == 3 and found.other == pytest.approx(2 / 3) == found.other_mixed
  assert found.same == found.same_chance == 1.0


def test_a_map_keeps_neighbours_together_and_lies_in_the_unit_square():
  features = clusters(np.random.default_rng(1), 60)
  found = tsne.make(features, "fc7", sample_of(features, 120), perplexity=10)
  assert found.place.min() == 0.0 and found.place.max() == 1.0
  in_plane = tsne.mixing(found.place, found.sample.modality, found.sample.label)
  assert in_plane.same > 0.95 and found.mixing.same > 0.95
  trust = manifold.trustworthiness(tsne.vectors(features, "fc7", found.sample), found.place)
  assert trust > 0.8


def test_what_stands_next_to_what_does_not_depend_on_how_many_points_are_drawn():
  features = clusters(np.random.default_rng(1), 60)
  few, many = (tsne.make(features, "fc7", sample_of(features, count), perplexity=5)
               for count in (20, 120))
  assert few.mixing == many.mixing and few.mixing.points == 120
  assert len(few.place) == 20


def test_the_same_seed_gives_the_same_map_on_any_number_of_threads():
  features = clusters(np.random.default_rng(2))
  sample = sample_of(features)
  maps = []
  for threads in (1, 2):
    with threadpoolctl.threadpool_limits(threads):
      maps.append(tsne.make(features, "fc7", sample, perplexity=10, seed=3).place)
  np.testing.assert_array_equal(*maps)


def test_where_a_container_hides_its_cores_there_is_no_warning(monkeypatch):
  counting = "joblib.externals.loky.backend.context"  # scikit-learn asks it, once a process
  monkeypatch.setattr("sklearn.utils._openmp_helpers._CPU_COUNTS", {})
  monkeypatch.setattr(f"{counting}._cpu_count_user", lambda count: count)
  monkeypatch.setattr(f"{counting}._count_physical_cores",
                      lambda: ("not found", ValueError("found 0 physical cores < 1")))
  features = clusters(np.random.default_rng(2))
  tsne.make(features, "fc7", sample_of(features), perplexity=10, seed=3)


def test_length_does_not_matter_direction_does():
  features = clusters(np.random.default_rng(3))
  sample = sample_of(features)
  scaled = {name: {**part, "fc7": part["fc7"] * 1e6} for name, part in features.items()}
  np.testing.assert_allclose(tsne.vectors(features, "fc7", sample),
                             tsne.vectors(scaled, "fc7", sample), rtol=1e-5)
  x = tsne.vectors(features, "fc7", sample)
  for point in range(5):
    name, row = sample.names[sample.modality[point]], sample.row[point]
    np.testing.assert_array_equal(x[point], readouts.unit(features[name]["fc7"][row][None])[0])


def test_one_feature_is_enough_for_a_plane():
  x = np.random.default_rng(4).normal(size=(20, 1)).astype(np.float32)
  assert tsne.embed(x, 5, 0).shape == (20, 2)


@pytest.mark.parametrize("perplexity", [0.5, 20, 30])
def test_fewer_points_than_perplexity_are_refused(perplexity):
  x = np.random.default_rng(5).normal(size=(20, 4))
  with pytest.raises(ValueError, match=f"perplexity {perplexity} of 20 points; expected 1 or more"):
    tsne.embed(x, perplexity, 0)


def test_a_dead_layer_is_refused():
  with pytest.raises(ValueError, match="all 20 features are equal"):
    tsne.embed(np.zeros((20, 4)), 5, 0)


def test_features_that_do_not_fit_are_refused():
  features = clusters(np.random.default_rng(6))
  sample = sample_of(features)
  with pytest.raises(ValueError, match="m0 has no layer 'fc9'; expected one of fc7"):
    tsne.make(features, "fc9", sample)
  wide = {**features, "m1": {**features["m1"], "fc7": np.ones((40, 3))}}
  with pytest.raises(ValueError, match="fc7 has width 12 in m0, 3 in m1; expected one width"):
    tsne.make(wide, "fc7", sample)
  features["m1"]["fc7"][:] = np.nan
  with pytest.raises(ValueError, match="fc7 of m1 is not finite"):
    tsne.make(features, "fc7", sample)


@pytest.mark.parametrize("scale", [1e20, 1e30, 1e36, 1e-20, 1e-36, 1e3])
def test_the_size_of_features_does_not_matter(scale):
  rng = np.random.default_rng(0)
  x = np.concatenate([rng.normal(0, 1, (10, 3)), rng.normal(9, 1, (10, 3))]).astype(np.float32)
  place = tsne.embed(x * np.float32(scale), 3.0, 0)
  assert np.isfinite(place).all() and place.min() >= -1e-6 and place.max() <= 1 + 1e-6
  gap = np.linalg.norm(place[:10].mean(0) - place[10:].mean(0))
  assert gap > max(np.linalg.norm(part - part.mean(0), axis=1).mean()
                   for part in (place[:10], place[10:]))


@pytest.mark.parametrize("x", [
  np.zeros((20, 3)), np.full((20, 3), 7.5), np.full((20, 3), 1e30),
  np.full((20, 3), np.nan), np.where(np.eye(20, 3) > 0, np.inf, 0.0)],
                         ids=["zeros", "equal", "large", "nan", "infinite"])
def test_features_without_a_finite_spread_are_refused(x):
  with pytest.raises(ValueError, match="20 features"):
    tsne.embed(x.astype(np.float32), 3.0, 0)
