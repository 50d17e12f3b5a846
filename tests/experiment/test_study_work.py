"""Work shared through a folder: claims, what a dead process leaves, failures, the time left.

Training is replaced by a note of who was trained, where and from what.
"""

import json
import logging
import threading
import time
from concurrent import futures

import numpy as np
import pytest

from cmx import config as config_lib
from cmx.data import opening
from cmx.evaluation import evaluate
from cmx.experiment import minutes
from cmx.experiment import reproduce
from cmx.experiment.study import plan
from cmx.experiment.study import work
from cmx.files import writing
from cmx.training import checkpoint

ROWS = ("bl_ind", "c")
RESULT = {"tables": [{"map": {"NAT>LDR": 0.2, "LDR>NAT": 0.4, "NAT>NAT": 0.9}}]}


@pytest.fixture
def trained(monkeypatch):
  """(row, seed, folder) of every run that is trained, in turn; `before` is called first."""
  class Trained(list):
    before = staticmethod(lambda config: None)

  calls = Trained()

  def train_row(config, dataset, folder, reference):
    folder.mkdir(parents=True, exist_ok=True)
    calls.before(config)
    calls.append((config.method, config.seed, str(folder)))
    if config.method == reproduce.REFERENCE:
      assert folder == reference
    else:
      assert (reference / "steps").exists()
    (folder / "steps").write_text(f"{config.reference.steps}")
    return config

  def evaluated(config, dataset, folder):
    writing.write_arrays(folder / "average_precision.npz", {"x": np.zeros(1)})
    (folder / "result.json").write_text(json.dumps(RESULT))

  def latest_step(folder):
    return int((folder / "steps").read_text()) if (folder / "steps").exists() else None

  monkeypatch.setattr(opening, "open_data", lambda config: opening.Opened(None, None))
  monkeypatch.setattr(reproduce, "train_row", train_row)
  monkeypatch.setattr(evaluate, "evaluate", evaluated)
  monkeypatch.setattr(checkpoint, "latest_step", latest_step)
  monkeypatch.setattr(minutes, "rows", lambda dataset, config, count: 60.0 * count)
  monkeypatch.setattr(work, "PATIENCE_S", 0.01)
  return calls


def cells(folder, seeds=2, **changes):
  return plan.cells(config_lib.Config(**changes), folder, ROWS, seeds, [{}])


def finish(folder, **options):
  work.finish(cells(folder, **options), "study", work.Opened())


def test_every_run_is_done_once_after_its_reference(trained, tmp_path):
  finish(tmp_path)
  assert [call[:2] for call in trained] == [
    ("reference", 0), ("bl_ind", 0), ("c", 0), ("reference", 1), ("bl_ind", 1), ("c", 1)]
  assert all(evaluate.finished(cell.folder) for cell in cells(tmp_path))


def test_what_is_there_is_not_done_again(trained, tmp_path):
  finish(tmp_path, seeds=1)
  finish(tmp_path, seeds=2)
  assert [call[:2] for call in trained[3:]] == [("reference", 1), ("bl_ind", 1), ("c", 1)]


def test_a_run_that_another_process_holds_is_left_to_it_and_waited_for(trained, tmp_path, caplog):
  held = cells(tmp_path)[0].folder
  with futures.ThreadPoolExecutor(1) as pool:
    with writing.held(held):
      done = pool.submit(finish, tmp_path)
      while len(trained) < 5:
        time.sleep(0.01)
      assert ("bl_ind", 0) not in [call[:2] for call in trained] and not done.done()
    done.result()
  assert trained[-1][:2] == ("bl_ind", 0)  # who held it has died: it is free again


def test_two_processes_share_the_runs(trained, tmp_path):
  both = threading.Barrier(2)
  trained.before = lambda config: both.wait(10) if config.method == "reference" else None
  with futures.ThreadPoolExecutor(2) as pool:
    for done in [pool.submit(finish, tmp_path) for _ in range(2)]:
      done.result()
  assert sorted(call[:2] for call in trained) == sorted(
    (row, seed) for row in ("reference", *ROWS) for seed in (0, 1))


def test_a_run_whose_loss_is_not_finite_is_noted_and_the_others_go_on(trained, tmp_path, caplog):
  def diverge(config):
    if (config.method, config.seed) == ("c", 0):
      raise FloatingPointError("loss is not finite at step 3")
  trained.before = diverge
  with caplog.at_level(logging.INFO):
    finish(tmp_path)
  failed = {str(cell): work.failure(cell.folder) for cell in cells(tmp_path)}
  assert failed == {"bl_ind, seed 0": None, "c, seed 0": "loss is not finite at step 3",
                    "bl_ind, seed 1": None, "c, seed 1": None}
  assert "c seed 0 failed: loss is not finite at step 3" in caplog.text
  count = len(trained)
  finish(tmp_path)
  assert len(trained) == count  # and it is not tried for ever


def test_nothing_starts_from_a_reference_that_failed(trained, tmp_path):
  def diverge(config):
    raise FloatingPointError("loss is not finite at step 1")
  trained.before = diverge
  with pytest.raises(FloatingPointError):
    finish(tmp_path)
  assert not trained


def test_the_time_left_is_that_of_the_same_rows_before(trained, tmp_path, caplog, monkeypatch):
  clock = [0.0]
  monkeypatch.setattr(time, "monotonic", lambda: clock[0])

  def last(config):
    clock[0] += {"reference": 10, "bl_ind": 100, "c": 300}[config.method]
  trained.before = last
  with caplog.at_level(logging.INFO):
    finish(tmp_path)
  said = [line.rpartition("; ")[2] for line in caplog.messages if "/6 runs" in line]
  assert said == ["no estimate yet", "5 min 10 s left",  # a row that is not known is as the others
                  "6 min 50 s left", "6 min 40 s left", "5 min 00 s left", "all done"]
  assert "bl_ind seed 0 has mean mAP 30.0 % after 1 min 40 s" in caplog.text


def test_a_run_that_was_interrupted_says_nothing_of_the_time_that_it_takes(trained, tmp_path):
  first = cells(tmp_path)[0].folder
  first.mkdir(parents=True)
  finish(tmp_path)
  assert work.seconds(first) is None
  assert all(work.seconds(cell.folder) is not None for cell in cells(tmp_path)[1:])
  (cells(tmp_path)[1].folder / "cost.json").write_text("{")
  assert work.seconds(cells(tmp_path)[1].folder) is None


def test_a_data_set_is_opened_again_only_where_the_next_run_sees_another(monkeypatch):
  opened = []
  monkeypatch.setattr(opening, "open_data", lambda config: (
    opened.append(config.seed) or opening.Opened(object(), object())))
  data, config = work.Opened(), config_lib.Config()
  first = data.of(config)
  assert data.of(config_lib.Config(seed=1, method="bl_ind")) is first and opened == [0]
  unseen = config_lib.Config(seed=1)
  unseen.data.unseen_classes = 3
  assert data.of(unseen) is not first  # which classes those are is the seed's to say
  assert opened == [0, 1]
