"""Rows at once: how many, where it pays, what is refused; test_reproduce.py has what they give."""

import jax
import pytest

from cmx.experiment import at_once
from cmx.experiment import preflight
from cmx.runtime import cores
from cmx.runtime import crew
from cmx.runtime import devices
from cmx.runtime import hosts
from cmx.runtime import memory
from cmx.runtime import progress
import tiny

ROWS = ("bl_ind", "b_gmm", "c")


@pytest.fixture
def machine(monkeypatch):
  """Makes a machine of so many cores and bytes."""
  def make(count, size=1e12, plain=True):
    monkeypatch.setattr(cores, "count", lambda: count)
    monkeypatch.setattr(memory, "size", lambda: size)
    monkeypatch.setattr(devices, "by_cores", lambda: plain)
  return make


@pytest.fixture(scope="module")
def dataset(root):
  return tiny.dataset(root, **tiny.TWO)


@pytest.mark.parametrize("count, asked, expected", [
  (1, 0, (1, 1)), (2, 0, (2, 1)), (8, 0, (3, 2)), (64, 0, (3, 8)), (2, 1, (1, 2)),
  (8, 2, (2, 4)), (8, 9, (3, 2)), (1, 2, (2, 1))])
def test_a_row_has_its_share_of_the_cores_as_devices(root, dataset, machine, count, asked,
                                                     expected):
  machine(count)
  assert at_once.share(asked, tiny.config(root, **tiny.TWO), dataset, ROWS) == expected


def test_no_more_are_trained_at_once_than_the_memory_holds(root, dataset, machine, monkeypatch):
  config = tiny.config(root, **tiny.TWO)
  monkeypatch.setattr(preflight, "held", lambda config, dataset: (
    2e9 if config.method == "c" else 1e9, 0))
  for size, expected in ((64e9, 3), (16e9, 1), (25e9, 2)):
    machine(3, size)
    assert at_once.share(0, config, dataset, ROWS).jobs == expected
  machine(3, 1e9)
  assert at_once.share(2, config, dataset, ROWS).jobs == 2  # who asks is trusted


def test_where_cores_are_not_the_devices_one_is_trained_at_a_time(machine, monkeypatch):
  machine(8, plain=False)
  assert at_once.usual(3) == 1
  machine(8)
  assert at_once.usual(3) == 3
  monkeypatch.setattr(hosts, "several", lambda: True)
  assert at_once.usual(3) == 1


def test_several_at_once_are_refused_on_accelerators_and_on_several_hosts(monkeypatch):
  at_once.check(2)
  monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
  at_once.check(0)
  at_once.check(1)
  with pytest.raises(ValueError, match="^jobs 2 with devices of gpu; expected 1: rows that are t"):
    at_once.check(2)
  monkeypatch.setattr(hosts, "several", lambda: True)
  with pytest.raises(ValueError, match="^jobs 2 with several processes; expected 1"):
    at_once.check(2)


def test_one_line_says_how_far_all_are(monkeypatch):
  lines = []
  monkeypatch.setattr(progress.Progress, "update", lambda self, *said: lines.append(said))

  def work(begin, tasks, count, devices, moved, done):
    moved({"c, seed 0": None, "a, seed 0": progress.At("a", 1, 2, "steps")})
    done("a, seed 0")
    moved({"c, seed 0": progress.At("mixture", 1, 9, "iterations")})
    moved({"c, seed 0": progress.At("c", 10, 10, "steps")})

  monkeypatch.setattr(crew, "work", work)
  found = []
  at_once.train(None, at_once.Share(2, 1), {"c, seed 0": "c", "a, seed 0": "a"}, found.append)
  steps = at_once._STEPS
  assert lines == [(steps / 2, "c, seed 0 begins; a, seed 0: 1/2 steps"),
                   (1.0, "c, seed 0: mixture 1/9 iterations"),
                   (1.0 + steps, "c, seed 0: 10/10 steps")]
  assert found == ["a, seed 0"]
