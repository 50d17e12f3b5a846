"""Held-out examples to tune on, and classes that no training example shows."""

import numpy as np
import pytest

from cmx import config as config_lib
from cmx import data
from cmx import modalities
from cmx.data import splits


class Numbers:
  """A source whose example is its index."""

  def __init__(self, labels):
    self.labels = np.array(labels, np.int32)

  def __len__(self):
    return len(self.labels)

  def __getitem__(self, index):
    return {"input": np.float32([index]), "label": int(self.labels[index]), "key": f"{index}"}


LABELS = {"natural": [0, 1, 2, 3] * 25, "drawing": [0] * 10 + [1] + [2, 2]}  # nothing of class 3


def dataset():
  rows = (modalities.NATURAL, modalities.DRAWING)
  return data.Dataset("made", ("a", "b", "c", "d"), rows, {
    data.TRAIN: {name: Numbers(labels) for name, labels in LABELS.items()},
    data.VALIDATION: {name: Numbers([0, 1, 2, 3]) for name in LABELS}}, "1")


def indices(source):
  return [int(source[i]["input"][0]) for i in range(len(source))]


def test_every_example_is_kept_or_held_out_and_never_both():
  parts = splits.hold_out(dataset(), 0.2).splits
  for name, labels in LABELS.items():
    kept, held = (indices(parts[split][name]) for split in (data.TRAIN, data.VALIDATION))
    assert sorted(kept + held) == list(range(len(labels)))


def test_labels_follow_their_examples():
  for sources in splits.hold_out(dataset(), 0.2).splits.values():
    for name, source in sources.items():
      assert source.labels.tolist() == [LABELS[name][i] for i in indices(source)]
      assert source[0]["label"] == source.labels[0]


@pytest.mark.parametrize("share, natural, drawing", [
  (0.2, [5, 5, 5, 5], [2, 0, 1, 0]), (0.01, [1, 1, 1, 1], [1, 0, 1, 0]),
  (0.99, [24, 24, 24, 24], [9, 0, 1, 0])])
def test_every_cell_gives_its_share_and_keeps_something(share, natural, drawing):
  held = splits.hold_out(dataset(), share).splits[data.VALIDATION]
  assert np.bincount(held["natural"].labels, minlength=4).tolist() == natural
  assert np.bincount(held["drawing"].labels, minlength=4).tolist() == drawing


def test_the_same_examples_are_held_out_every_time():
  first, second = (splits.hold_out(dataset(), 0.2).splits[data.VALIDATION] for _ in range(2))
  assert indices(first["natural"]) == indices(second["natural"])


def test_the_validation_set_is_replaced_and_the_fingerprint_says_so():
  whole, held = dataset(), splits.hold_out(dataset(), 0.2)
  assert len(whole.splits[data.VALIDATION]["natural"]) == 4
  assert len(held.splits[data.VALIDATION]["natural"]) == 20
  assert held.fingerprint == "1-holdout0.2"


@pytest.mark.parametrize("share", [0.0, 1.0, -0.5])
def test_a_share_of_nothing_or_all_is_refused(share):
  with pytest.raises(ValueError, match=f"holdout {share}; expected a share between 0 and 1"):
    splits.hold_out(dataset(), share)


def test_unseen_classes_are_drawn_by_the_seed():
  drawn = [splits.unseen_classes(24, 6, seed).tolist() for seed in range(20)]
  assert drawn[3] == splits.unseen_classes(24, 6, 3).tolist()
  assert all(len(set(labels)) == 6 and labels == sorted(labels) for labels in drawn)
  assert len({tuple(labels) for labels in drawn}) > 15


@pytest.mark.parametrize("count", [-1, 3])
def test_two_classes_at_least_are_shown(count):
  assert splits.unseen_classes(4, 2, 0).size == 2
  with pytest.raises(ValueError, match=f"unseen_classes {count} of 4; expected 0 to 2"):
    splits.unseen_classes(4, count, 0)


def test_no_training_example_shows_an_unseen_class_and_validation_keeps_all():
  parts = splits.without_classes(dataset(), np.array([0, 3])).splits
  assert set(parts[data.TRAIN]["natural"].labels) == {1, 2}
  assert parts[data.TRAIN]["drawing"].labels.tolist() == [1, 2, 2]
  assert indices(parts[data.TRAIN]["drawing"]) == [10, 11, 12]
  assert set(parts[data.VALIDATION]["natural"].labels) == {0, 1, 2, 3}


def test_a_run_sees_what_its_config_says():
  config, whole = config_lib.Config(seed=3), dataset()
  assert splits.visible(config, whole) is whole
  config.data.holdout, config.data.unseen_classes = 0.2, 2
  unseen = splits.unseen_classes(4, 2, 3)
  seen = splits.visible(config, dataset())
  assert set(seen.splits[data.TRAIN]["natural"].labels) == {0, 1, 2, 3} - set(unseen.tolist())
  held = seen.splits[data.VALIDATION]["natural"]  # and what is tuned on does not know them either
  assert len(held) == 10 and set(held.labels) == {0, 1, 2, 3} - set(unseen.tolist())
