"""Linear probes from one modality to another, and of the modality itself."""

import numpy as np
import pytest
from sklearn import linear_model
from sklearn import metrics

from cmx.evaluation import readouts
from cmx.evaluation.space import probes

RNG = np.random.default_rng(0)
CENTRES = RNG.normal(size=(4, 6))


def sample(count, turn=0, classes=4):
  labels = RNG.permutation(np.arange(count) % classes)
  x = np.roll(CENTRES[labels], turn, axis=1) + 0.3 * RNG.normal(size=(count, 6))
  return readouts.unit(x), labels


TRAINING = {"a": sample(60), "b": sample(60, 3)}
NEW = {"a": sample(40), "b": sample(40, 3)}


def probed(new=NEW):
  return probes.probes(*({name: part[i] for name, part in of.items()}
                         for of in (TRAINING, new) for i in (0, 1)))


def test_a_probe_is_the_balanced_accuracy_of_a_logistic_regression():
  found = probed()
  model = linear_model.LogisticRegression(C=10.0, max_iter=200, class_weight="balanced")
  told = model.fit(*TRAINING["a"]).predict(NEW["b"][0])
  expected = metrics.balanced_accuracy_score(NEW["b"][1], told)
  assert found["a", "b"].accuracy == pytest.approx(expected, abs=1e-6)
  assert found["a", "b"].chance == 0.25
  assert found["a", "a"].accuracy > 0.9 and found["b", "b"].accuracy > 0.9
  assert found["a", "b"].accuracy < 0.6  # the other's directions are others


def test_classes_that_were_not_learned_are_not_asked():
  x, labels = NEW["a"]
  found = probed({"a": (x, np.where(labels == 3, 9, labels))})
  three = labels != 3
  expected = probed({"a": (x[three], labels[three])})
  assert found["a", "a"] == expected["a", "a"]
  nothing = probed({"a": (x, labels + 20)})["a", "a"]
  assert np.isnan(nothing.accuracy) and np.isnan(nothing.chance)


def test_modalities_that_stand_apart_are_told_and_one_is_not():
  x = RNG.normal(size=(400, 6))
  assert probes.a_distance(x[:200], x[200:] + 5) == 2.0
  assert probes.a_distance(x[:200], x[200:]) < 0.3
