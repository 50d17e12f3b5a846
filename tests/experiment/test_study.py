"""Whole studies, small: their numbers against direct computation, killed, shared, tampered with."""

import json
import os
import pathlib
import re
import shutil
import signal
import statistics
import subprocess
import sys
import time

import numpy as np
import pytest
from scipy import stats

from cmx.evaluation import evaluate
from cmx.experiment import reproduce
from cmx.experiment.study import plan
from cmx.experiment.study import study as study_lib
import tiny

ROOT = pathlib.Path(__file__).parents[2]
ROWS = ("bl_ind", "c")


def study(root, folder, **changes):
  options = {name: changes.pop(name) for name in ("sweep", "tune", "seeds", "against", "measures",
                                                  "rows", "holdout", "look") if name in changes}
  config = tiny.config(root, "c", **{**tiny.TWO, "data__unseen_classes": 6, **changes})
  made = study_lib.Study(config, folder, options.pop("rows", ROWS), options.pop("seeds", 2),
                         options.pop("against", "bl_ind"))
  return made._replace(**options)


@pytest.fixture(scope="module")
def whole(root, tmp_path_factory):
  """A study that nothing has interrupted: its folder, content and text."""
  made = study(root, tmp_path_factory.mktemp("studies") / "whole")
  content = study_lib.run(made)
  return made.workdir, content, study_lib.write(made, content)


def kept(folder, row, seed):
  return evaluate.load(folder / f"seed_{seed}" / row)[1]


PAIRS = ("NAT>DSC", "DSC>NAT")


def test_means_are_those_of_the_queries(whole):
  folder, content, _ = whole
  for row in content["measures"]["mean"]["rows"]:
    values = [np.mean([np.nanmean(kept(folder, row["row"], seed)[f"fc7 cosine/{pair}"])
                       for pair in PAIRS]) for seed in (0, 1)]
    assert row["by_seed"] == pytest.approx(values, rel=1e-6)
    assert row["mean"] == pytest.approx(np.mean(values), rel=1e-6)
    assert row["std"] == pytest.approx(statistics.stdev(values), rel=1e-4)


def test_the_signed_rank_test_is_that_of_queries_in_the_mean_over_seeds(whole):
  folder, content, _ = whole
  differences = []
  for pair in PAIRS:  # two modalities: a query asks one gallery
    d = [kept(folder, "c", seed)[f"fc7 cosine/{pair}"].astype(np.float64)
         - kept(folder, "bl_ind", seed)[f"fc7 cosine/{pair}"] for seed in (0, 1)]
    differences += np.mean(d, axis=0).tolist()
  found = next(row["against"] for row in content["measures"]["mean"]["rows"] if row["against"])
  assert len(differences) == content["measures"]["mean"]["queries"] == 2 * tiny.CLASSES
  expected = stats.wilcoxon(differences, zero_method="pratt").pvalue
  assert found["wilcoxon"] == found["wilcoxon corrected"] == pytest.approx(expected)
  # one example a class and modality: classes have the mean of their two queries
  by_class = np.zeros(tiny.CLASSES)
  labels = np.concatenate([kept(folder, "c", 0)[f"label/{code}"] for code in ("NAT", "DSC")])
  np.add.at(by_class, labels, differences)
  rng = np.random.default_rng(1)
  flips = np.abs([np.sum(rng.choice([-1, 1], tiny.CLASSES) * by_class) for _ in range(20_000)])
  share = np.mean(flips >= abs(by_class.sum()) - 1e-12)
  assert found["fisher"] == pytest.approx(share, abs=0.02)


def test_unseen_classes_have_columns_with_a_chance_of_their_own(whole):
  folder, content, text = whole
  alone, in_all = (content["measures"][name] for name in ("unseen alone", "unseen in all"))
  assert alone["chance"][""] == pytest.approx(np.mean(1 / np.arange(1, 7)))  # one of six
  assert in_all["chance"][""] == pytest.approx(np.mean(1 / np.arange(1, 25)))
  for row in in_all["rows"]:
    found = kept(folder, row["row"], 0)
    values = [np.mean(found[f"fc7 cosine/{pair}"][
      np.isin(found[f"label/{pair[:3]}"], found["unseen"])]) for pair in PAIRS]
    assert row["by_seed"][0] == pytest.approx(np.mean(values), rel=1e-6)
  assert alone["classes"] == len(set(kept(folder, "c", 0)["unseen"])
                                 | set(kept(folder, "c", 1)["unseen"]))
  assert "cannot play there" in " ".join(text.split())
  assert text.count("\nunseen") == 2  # their tables stand beside that of the mean


def test_files_lie_as_those_of_an_experiment_which_can_go_on_as_a_study(whole, root, no_training):
  folder, content, text = whole
  for suffix in ("txt", "md", "tex", "csv", "json", "png", "pdf"):
    assert (folder / f"study.{suffix}").stat().st_size > 0
  assert (folder / "study.txt").read_text() == text
  config = study(root, folder).config
  assert "BL-Ind" in reproduce.reproduce(config, folder, ROWS, 2)  # nothing is left to train


def test_run_again_it_trains_nothing_and_says_the_same(whole, root, no_training):
  folder, content, text = whole
  again = study_lib.run(study(root, folder))
  for name in ("measures", "definition", "failed", "tuning"):
    assert again[name] == content[name]
  fewer = study_lib.run(study(root, folder, seeds=1, rows=["c"], against="c"))
  assert fewer["measures"]["mean"]["rows"][0]["std"] is None


def test_a_look_shows_what_is_there_and_trains_nothing(whole, root, tmp_path, no_training):
  folder, made = tmp_path / "part", study(root, tmp_path / "part", look=True)
  with pytest.raises(ValueError, match="no run is there yet"):
    study_lib.run(made)
  shutil.copytree(whole[0] / "seed_0", folder / "seed_0")
  shutil.copytree(whole[0] / "seed_1" / "c", folder / "seed_1" / "c")
  content = study_lib.run(made)
  assert content["seeds"] == [0] and content["missing"] == 2
  text = " ".join(study_lib.write(made, content).split())
  assert "An early look: 2 runs are not there yet." in text
  shutil.copytree(whole[0] / "seed_1" / "bl_ind", folder / "seed_1" / "bl_ind")
  assert study_lib.run(made)["measures"] == whole[1]["measures"]


def command(root, folder, *options):
  """A process that runs the study of `whole` in a folder."""
  return subprocess.Popen(
    [sys.executable, "-m", "launch.study", f"--workdir={folder}", f"--rows={','.join(ROWS)}",
     "--seeds=2", "--compilation_cache=", *options,
     *tiny.flags(root, "c", **tiny.TWO, data__unseen_classes=6)],
    cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_killed_and_finished_by_two_processes_it_gives_the_same_to_the_bit(whole, root, tmp_path):
  folder, patience = tmp_path / "killed", time.monotonic() + 240
  killed = command(root, folder)
  while not (folder / "seed_0" / "bl_ind" / "metrics.jsonl").exists():
    assert killed.poll() is None and time.monotonic() < patience, killed.communicate()
    time.sleep(0.01)
  killed.send_signal(signal.SIGKILL)
  killed.communicate()
  both = [command(root, folder) for _ in range(2)]
  said = [process.communicate(timeout=240) for process in both]
  assert [process.returncode for process in both] == [0, 0], said
  logs = "".join(log for _, log in said)
  there = min(map(int, re.findall(r"(\d) of 6 runs are there", logs)))
  assert there >= 1 and len(re.findall(r"study: \d/6 runs", logs)) == 6 - there, logs  # once each
  for suffix in ("txt", "csv"):
    ours, theirs = ((place / f"study.{suffix}").read_text() for place in (folder, whole[0]))
    without = "A run took"  # which differs
    assert ours.partition(without)[0] == theirs.partition(without)[0]
  measures = [json.loads((place / "study.json").read_text())["measures"]
              for place in (folder, whole[0])]
  assert measures[0] == measures[1]


def test_each_row_is_given_what_was_best_on_held_out_examples(whole, root, tmp_path):
  ladder = plan.parse(study(root, tmp_path).config, "alignment.weight=1,30")
  made = study(root, tmp_path / "tuned", rows=["c"], against="c", seeds=1, tune=[ladder],
               holdout=0.5)
  content = study_lib.run(made)
  assert "2 trials" in content["tuning"]["rule"] and set(content["tuning"]["rows"]) == {"c"}
  found = content["tuning"]["rows"]["c"]
  scored = {}
  for weight in ("1.0", "30.0"):
    folder = made.workdir / "trials" / ("" if weight == "1.0" else "alignment.weight=30.0")
    folder = folder / "seed_0" / "c"  # 1 is the config's own
    config, queries = recorded(folder), evaluate.load(folder)[1]
    assert config["data"]["holdout"] == 0.5 and config["alignment"]["weight"] == float(weight)
    assert not set(queries["unseen"]) & set(queries["label/NAT"])  # nothing is tuned on them
    scored[f"alignment.weight={weight}"] = np.mean(
      [np.mean(queries[f"fc7 cosine/{pair}"]) for pair in PAIRS])
  assert found["trials"] == pytest.approx(scored, rel=1e-6)
  best = max(scored, key=scored.get)
  assert best == f"alignment.weight={found['chosen']['alignment.weight']}"
  config = recorded(made.workdir / "seed_0" / "c")
  assert config["alignment"]["weight"] == found["chosen"]["alignment.weight"]
  assert config["data"]["holdout"] == 0.0


def recorded(folder):
  return json.loads((folder / "config.json").read_text())


def copied(whole, tmp_path):
  folder = tmp_path / "copy"
  shutil.copytree(whole[0], folder)
  return folder


def another_study(folder):
  return {"optimizer__steps": 7}, r"holds a study of another config .*\n  optimizer.steps: 7 \| 6"


def record_damaged(folder):
  (folder / "study.config.json").write_text("{")
  return {}, "study.config.json is damaged"


def tuned_otherwise(folder):
  return {"tune": [("alignment.weight", [0.1, 1.0])]}, r"alignment.weight.*0.1, 1.0.* \| {}"


def tuning_cut(folder):
  (folder / "study.tuning.json").write_text('{"hold')
  return {}, "study.tuning.json is damaged"


def failure_cut(folder):
  (folder / "seed_1" / "c" / "failure.json").write_text("{}")
  return {}, "failure.json has no 'message'; remove it"


def cell_of_another_config(folder):
  path = folder / "seed_1" / "c" / "config.json"
  path.write_text(path.read_text().replace('"learning_rate": 0.003', '"learning_rate": 0.5'))
  return {}, r"seed_1/c holds a run of another config .*\n  optimizer.learning_rate: 0.003 \| 0.5"


def foreign_files(folder):
  shutil.rmtree(folder / "seed_1" / "c")
  (folder / "seed_1" / "c").mkdir()
  (folder / "seed_1" / "c" / "letter.txt").write_text("")
  return {}, "seed_1/c holds files but no run"


@pytest.mark.parametrize("tamper", [
  another_study, record_damaged, tuned_otherwise, tuning_cut, cell_of_another_config, failure_cut,
  foreign_files])
def test_a_folder_that_was_tampered_with_is_refused(whole, root, tmp_path, no_training, tamper):
  folder = copied(whole, tmp_path)
  changes, words = tamper(folder)
  with pytest.raises(ValueError, match=words):
    study_lib.run(study(root, folder, **changes))


def labels_moved(arrays):
  return {**arrays, "label/NAT": np.roll(arrays["label/NAT"], 1)}


def one_better(arrays):
  return {name: np.ones_like(value) if name.startswith("fc7 cosine/") else value
          for name, value in arrays.items()}


@pytest.mark.parametrize("damage", [labels_moved, one_better, None])
def test_queries_that_are_damaged_are_asked_again_and_nothing_is_trained(
    whole, root, tmp_path, no_training, damage):
  folder = copied(whole, tmp_path)
  path = folder / "seed_1" / "c" / "average_precision.npz"
  state, before = path.stat(), kept(folder, "c", 1)
  if damage:
    np.savez(path, **damage(before))
  else:
    path.write_bytes(path.read_bytes()[:200])
  os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))  # as a disk does it
  content = study_lib.run(study(root, folder))
  assert content["measures"] == whole[1]["measures"] and not content["failed"]
  found = kept(folder, "c", 1)
  assert set(found) == set(before)
  for name, value in before.items():
    np.testing.assert_array_equal(found[name], value)


@pytest.mark.parametrize("changes, words", [
  (dict(rows=["c", "zzz"]), "'zzz'; expected one of"),
  (dict(against="a_tune"), "'a_tune'; expected one of the study's: bl_ind, c"),
  (dict(measures=["means"]), "'means'; expected among"),
  (dict(sweep=[("optimizer.learning_rate", [0.1, -1.0])]), "learning_rate -1.0; expected 0"),
  (dict(sweep=[("network.trunk", [8])], tune=[("network.trunk", [9])]), "swept or tuned 2 times"),
  (dict(tune=[("alignment.weight", [0.1])], holdout=1.5), "holdout 1.5"),
  (dict(tune=[("alignment.weight", [0.1])], data__holdout=0.1), "data.holdout 0.1"),
  (dict(sweep=[("data.unseen_classes", [3, 23])]), "unseen_classes 23 of 24; expected 0 to 22"),
  (dict(optimizer__batch=12), "not divisible by 8 devices")])
def test_what_would_fail_later_is_refused_before_training(root, tmp_path, no_training, changes,
                                                          words):
  with pytest.raises(ValueError, match=words):
    study_lib.run(study(root, tmp_path / "new", **changes))
  assert not (tmp_path / "new").exists()


def test_fewer_queries_than_a_test_needs_are_refused_before_training(root, tmp_path, no_training,
                                                                     monkeypatch):
  monkeypatch.setattr(study_lib.significance, "FEWEST", 49)
  with pytest.raises(ValueError, match="48 validation examples are 48 queries; expected 49"):
    study_lib.run(study(root, tmp_path / "new"))
  assert not (tmp_path / "new").exists()


def fail(folder, row, seed=1):
  (folder / f"seed_{seed}" / row / "failure.json").write_text('{"message": "not finite"}')


def test_a_row_that_failed_is_left_out_and_named(whole, root, tmp_path, no_training):
  folder = copied(whole, tmp_path)
  fail(folder, "c")
  content = study_lib.run(study(root, folder))
  assert [row["row"] for row in content["measures"]["mean"]["rows"]] == ["bl_ind"]
  assert content["failed"] == ["c, seed 1: not finite"]
  with pytest.raises(ValueError, match="'c', which all are compared with, failed"):
    study_lib.run(study(root, folder, against="c"))
