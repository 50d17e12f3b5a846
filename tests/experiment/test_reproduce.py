"""A whole experiment, small: its table, what it shares, resuming to the bit, what it refuses."""

import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from cmx import config as config_lib
from cmx import data
from cmx import fields
from cmx import methods
from cmx.data import opening
from cmx.evaluation import evaluate
from cmx.evaluation import features
from cmx.evaluation import retrieval
from cmx.evaluation import scores
from cmx.evaluation import verdict
from cmx.experiment import reproduce
from cmx.training import checkpoint
import tiny

ROOT = pathlib.Path(__file__).parents[2]
ROWS = ("bl_ind", "c")


def settings(root, **changes):
  return tiny.config(root, "c", **{**tiny.TWO, **changes})


@pytest.fixture(scope="module")
def whole(root, tmp_path_factory):
  """The folder and the printed table of an experiment that nothing has interrupted."""
  folder = tmp_path_factory.mktemp("experiments") / "whole"
  return folder, reproduce.reproduce(settings(root), folder, ROWS)


def files(folder):
  """{path: time of change} of everything below a folder."""
  return {path.relative_to(folder): path.stat().st_mtime_ns for path in folder.rglob("*")}


def test_the_table_has_a_line_for_each_row_and_chance_and_the_verdict_comes_last(whole):
  folder, text = whole
  for row in ROWS:
    assert re.search(rf"^{re.escape(methods.named(row).name)} +(\d+\.\d +)+", text, re.M)
  assert re.search(r"^chance +", text, re.M) and "recog-" in text and "paper" not in text
  assert max(map(len, text.splitlines())) <= 80
  results = [evaluate.load(folder / "seed_0" / row)[0] for row in ROWS]
  assert text.endswith(verdict.to_text(verdict.verdict(results)))
  assert results[0]["classes"] and set(results[0]["training"]) == set(results[0]["modalities"])


def test_the_files_lie_where_the_room_says(whole):
  folder, _ = whole
  tables = json.loads((folder / "table.json").read_text())["tables"]
  heads = (folder / "table.txt").read_text().count(">DSC")
  assert heads == len(tables)  # every table has a column of each pair
  for name in ("reference", *ROWS):
    run = folder / "seed_0" / name
    for part in ("config.json", "checkpoints", "metrics.jsonl", "features", "result.json",
               "average_precision.npz"):
      assert (run / part).exists(), part
    last = json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])
    assert 0 <= last["validation_accuracy/natural"] <= 1
  mixtures = folder / "seed_0" / "reference" / "mixtures"
  assert {path.name for path in mixtures.glob("*.npz")} == {"fc6_k2_diagonal.npz",
                                                            "fc7_k2_diagonal.npz"}


def test_what_a_finished_experiment_needs_no_more_is_gone(whole):
  for name in ("reference", *ROWS):
    run = whole[0] / "seed_0" / name
    step, = (run / "checkpoints").iterdir()
    assert {path.name for path in step.iterdir() if path.is_dir()} == {"params", "card"}
    assert [path.name for path in (run / "features").iterdir() if path.is_dir()] == ["validation"]
    for part in features.load(run / "features" / "validation").values():
      assert set(part) == {"fc7", "fc8", "label"}


def test_with_all_kept_the_numbers_are_the_same(whole, root, tmp_path):
  folder = tmp_path / "all"
  config = settings(root, log__keep_optimizer=True)
  assert reproduce.reproduce(config, folder, ROWS) == whole[1]
  reference = folder / "seed_0" / "reference"
  assert {path.name for path in (reference / "features").iterdir() if path.is_dir()} == {
    "validation", "train_fc6_20000", "train_fc7_20000"}
  for row in ROWS:
    kept, every = (features.load(each / "seed_0" / row / "features" / "validation")["natural"]
                   for each in (whole[0], folder))
    assert set(every) == {"pool5", "fc6", "fc7", "fc8", "label"}
    for layer, x in kept.items():
      np.testing.assert_array_equal(x, every[layer])


def test_every_layer_and_read_out_is_tabled_the_main_one_first(whole):
  table = json.loads((whole[0] / "table.json").read_text())
  kinds = [(part["layer"], part["readout"]) for part in table["tables"]]
  assert kinds[0] == ("fc7", "cosine") and len(set(kinds)) == len(kinds)
  assert set(kinds) == {("fc7", "cosine"), ("pool5", "cosine"), ("fc6", "cosine"),
                        ("fc8", "posterior")}
  for part in table["tables"]:
    assert [row["method"] for row in part["rows"]] == list(ROWS)


def test_the_reference_network_knows_its_own_modality_alone(whole):
  run = checkpoint.load_run(whole[0] / "seed_0" / "reference")
  assert [row.name for row in run.modalities] == ["natural"] and set(run.params["tower"]) == {
    "natural"}


def test_rows_start_from_the_same_reference(whole):
  configs = [checkpoint.load_run(whole[0] / "seed_0" / row).config
             for row in ("reference", *ROWS)]
  assert configs[0] == reproduce.reference_config(configs[1])
  assert configs[0] == reproduce.reference_config(configs[2])


def test_running_it_again_trains_and_writes_nothing_but_the_table(whole, root, no_training):
  folder, text = whole
  before = files(folder / "seed_0")
  assert reproduce.reproduce(settings(root), folder, ROWS) == text
  assert files(folder / "seed_0") == before


def test_a_row_can_be_added_to_a_finished_experiment(whole, root, tmp_path, no_training):
  folder = tmp_path / "more"
  shutil.copytree(whole[0], folder)
  shutil.rmtree(folder / "seed_0" / "c")
  reproduce.reproduce(settings(root), folder, ["bl_ind"])  # needs no other row
  with pytest.raises(AssertionError, match="something is trained"):
    reproduce.reproduce(settings(root), folder, ROWS)


def params(folder):
  """Digests of the parameters of every network of an experiment."""
  return {name: features.digest(checkpoint.load_run(folder / "seed_0" / name).params)
          for name in ("reference", *ROWS)}


def test_two_rows_at_once_give_what_one_after_the_other_gives(whole, root, tmp_path):
  folder = tmp_path / "at_once"
  assert reproduce.reproduce(settings(root), folder, ROWS, jobs=2) == whole[1]
  assert params(folder) == params(whole[0])
  assert (folder / "table.json").read_bytes() == (whole[0] / "table.json").read_bytes()
  reference, row = (checkpoint.load_run(folder / "seed_0" / name).provenance
                    for name in ("reference", "c"))
  assert reference["command"] == row["command"]


def test_of_rows_at_once_the_one_that_fails_is_named(root, tmp_path):
  config = settings(root, rows={"c": {"optimizer.learning_rate": 1e30, "optimizer.warmup": 0}})
  with pytest.raises(FloatingPointError, match="^c, seed 0: .* is not finite at step"):
    reproduce.reproduce(config, tmp_path, ["c", "bl_ind"], jobs=2)


def launch(root, folder, jobs):
  command = [sys.executable, "-m", "launch.reproduce", f"--workdir={folder}", f"--jobs={jobs}",
             f"--rows={','.join(ROWS)}", "--compilation_cache=", *tiny.flags(root, "c", **tiny.TWO)]
  return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True)


@pytest.mark.parametrize("jobs", [1, 2])
def test_killed_and_started_again_it_gives_the_same_table_to_the_bit(whole, root, tmp_path, jobs):
  folder = tmp_path / "killed"
  process, patience = launch(root, folder, jobs), time.monotonic() + 120
  while not (folder / "seed_0" / "c" / "metrics.jsonl").exists():  # in the last row
    assert process.poll() is None and time.monotonic() < patience, process.communicate()
    time.sleep(0.01)
  process.send_signal(signal.SIGKILL)
  process.communicate()  # which lasts as long as one of its processes does
  assert process.returncode == -signal.SIGKILL and not (folder / "table.json").exists()
  finished = files(folder / "seed_0" / "bl_ind" / "checkpoints")
  said = reproduce.reproduce(settings(root), folder, ROWS, jobs=jobs)
  assert jobs > 1 or files(folder / "seed_0" / "bl_ind" / "checkpoints") == finished
  for name in ("table.json", "table.txt", "table.csv", "table.md", "recognition.csv"):
    assert (folder / name).read_bytes() == (whole[0] / name).read_bytes(), name
  assert said == whole[1]


def test_chance_is_what_shuffled_labels_give(whole):
  found = features.load(whole[0] / "seed_0" / "c" / "features" / data.VALIDATION)
  rng, samples = np.random.default_rng(0), []
  for _ in range(100):
    shuffled = {name: {"fc7": part["fc7"], "label": rng.permutation(part["label"])}
                for name, part in found.items()}
    table = retrieval.retrieval_table(shuffled, "fc7")
    samples.append(table.mean)
  pairs = ~np.eye(len(found), dtype=bool)
  mean, error = np.mean(samples, axis=0), np.std(samples, axis=0) / np.sqrt(len(samples))
  assert (np.abs(mean - table.chance)[pairs] < 4 * error[pairs]).all()
  assert (error[pairs] < 0.01).all()


def test_unseen_classes_have_a_table_of_their_own(whole, root, tmp_path):
  run = checkpoint.load_run(whole[0] / "seed_0" / "bl_ind")
  run = run._replace(config=fields.replace(run.config, {"data.unseen_classes": 5}))
  dataset = opening.open_data(run.config).encoded
  unseen = evaluate.unseen(run.config, dataset)
  for source in dataset.splits[data.TRAIN].values():
    assert not set(source.labels) & set(unseen.tolist())
  table = evaluate.evaluate(run, dataset, tmp_path)["unseen"]
  assert {table["gallery"][pair] for pair in table["gallery"] if pair[:3] != pair[4:]} == {5}
  result, kept = evaluate.load(tmp_path)
  measured = scores.scores(result, kept)
  assert kept["unseen"].tolist() == unseen.tolist()
  pairs = [value for pair, value in table["map"].items() if pair[:3] != pair[4:]]
  assert measured["unseen alone"].value == pytest.approx(np.mean(pairs), rel=1e-6)
  assert measured["unseen in all"].chance < measured["unseen alone"].chance


def test_a_read_out_of_the_classifier_has_no_table_of_unseen_classes(whole, root, tmp_path):
  run = checkpoint.load_run(whole[0] / "seed_0" / "bl_ind")
  run = run._replace(config=fields.replace(run.config, {
    "data.unseen_classes": 5, "evaluation.readout": "posterior"}))
  result = evaluate.evaluate(run, opening.open_data(run.config).encoded, tmp_path)
  assert "unseen" not in result and result["tables"][0]["readout"] == "posterior"


def test_the_table_s_means_are_those_of_the_queries_that_are_kept(whole):
  for row in ROWS:
    result, kept = evaluate.load(whole[0] / "seed_0" / row)
    for table in result["tables"]:
      for pair, mean in table["map"].items():
        values = kept[f"{table['layer']} {table['readout']}/{pair}"]
        assert values.dtype == np.float32 and np.sum(~np.isnan(values)) == table["queries"][pair]
        if mean is not None:  # one example of a class: none is left to find among its own
          assert np.nanmean(values) == pytest.approx(mean, rel=1e-5)
    accuracy = {code: part["accuracy"] for code, part in result["recognition"].items()}
    assert accuracy == pytest.approx({code: kept[f"recognised/{code}"].mean() for code in accuracy})
    assert len(kept["classes"]) == tiny.CLASSES and not kept["unseen"].size


def test_a_run_without_its_queries_is_evaluated_again_and_not_trained(whole, root, tmp_path,
                                                                      no_training):
  folder = tmp_path / "old"
  shutil.copytree(whole[0], folder)
  queries = folder / "seed_0" / "c" / "average_precision.npz"
  before = queries.read_bytes()
  queries.unlink()
  with pytest.raises(ValueError, match="average_precision.npz is missing"):
    evaluate.load(queries.parent)
  assert reproduce.reproduce(settings(root), folder, ROWS) == whole[1]
  assert queries.read_bytes() == before
  queries.write_bytes(before[:99])
  with pytest.raises(ValueError, match="seed_0/c/average_precision.npz has 99 bytes"):
    evaluate.load(queries.parent)


def test_what_a_row_changes_of_the_reference_is_refused_before_training(root, tmp_path,
                                                                        no_training):
  config = settings(root, rows={"c": {"network.trunk": 8}})
  with pytest.raises(ValueError, match=r"config.rows\['c'\] changes what the reference network "
                                       r"depends on.*\n  network.trunk: 8 \| 16"):
    reproduce.reproduce(config, tmp_path / "new", ROWS)
  assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("rows, changes, words", [
  (["c", "zzz"], {}, "method 'zzz'; expected one of"),
  ([], {}, "no rows; expected one or more"),
  (["c"], {"optimizer__batch": 12}, "batch size 12 is not divisible by 8 devices"),
  (["c"], {"mixture__components": 49}, "mixture.components 49; expected 48 at most"),
  (["c"], {"evaluation__layer": "fc9"}, "layer 'fc9'; expected one of")])
def test_what_would_fail_later_is_refused_before_training(root, tmp_path, no_training, rows,
                                                          changes, words):
  with pytest.raises(ValueError, match=words):
    reproduce.reproduce(settings(root, **changes), tmp_path / "new", rows)
  assert not (tmp_path / "new").exists()


def test_a_folder_of_another_config_is_refused_before_any_row_is_trained(whole, root, tmp_path,
                                                                         no_training):
  folder = tmp_path / "other"
  shutil.copytree(whole[0] / "seed_0" / "c", folder / "seed_1" / "c")  # trained last
  with pytest.raises(ValueError, match=r"holds a run of another config .*\n  seed: 1 \| 0"):
    reproduce.reproduce(settings(root), folder, ROWS, seeds=2)
  assert os.listdir(folder) == ["seed_1"]


def test_a_row_of_its_own_starts_no_work_before_its_folder_is_found_free(root, tmp_path,
                                                                         no_training):
  (tmp_path / "c").mkdir()
  (tmp_path / "c" / "letter.txt").write_text("")
  with pytest.raises(ValueError, match="holds files but no run"):
    reproduce.train_row(settings(root), opening.open_data(settings(root)).encoded, tmp_path / "c",
                        tmp_path / "reference")
  assert not (tmp_path / "reference").exists()


def test_the_reference_does_not_depend_on_how_rows_are_trained():
  config = config_lib.Config()
  changed = fields.replace(config, {
    "method": "bl_ind", "optimizer.steps": 7, "alignment.weight": 2.0, "evaluation.layer": "fc6",
    "mixture.layers": ("fc7",), "mixture.components": 5, "mixture.per_class": 3,
    "mixture.least_share": 0.5, "alignment.temperature": 2.0})
  assert reproduce.reference_config(changed) == reproduce.reference_config(config)
  for field, value in (("seed", 1), ("network.trunk", 8), ("reference.steps", 7)):
    other = fields.replace(config, {field: value})
    assert reproduce.reference_config(other) != reproduce.reference_config(config)


def test_the_reference_has_fields_of_its_own():
  rows = {"reference": {"augment.shift": 0}, "c": {"optimizer.steps": 3}}
  config = config_lib.Config(rows=rows)
  for row in ("c", "bl_ind"):
    reference = reproduce.reference_config(fields.for_method(config, row))
    assert (reference.method, reference.augment.shift, reference.rows) == ("reference", 0, {})
