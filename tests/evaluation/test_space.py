"""The whole of a space: of a run, of embeddings, as plain values and as text."""

import json

import numpy as np
import pytest

from cmx.evaluation import embeddings
from cmx.evaluation import readouts
from cmx.evaluation import results
from cmx.evaluation import retrieval
from cmx.evaluation.space import describe
from cmx.evaluation.space import files
from cmx.evaluation.space import measure
import made_vectors

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def of_run(tmp_path_factory):
  run, folder = made_vectors.run(), tmp_path_factory.mktemp("run")
  return run, folder, measure.of_run(run, made_vectors.DATASET, folder)


def test_every_read_out_of_every_layer_of_a_run_is_tabled(of_run):
  _, folder, content = of_run
  kinds = {(table["layer"], table["readout"]) for table in content["result"]["tables"]}
  assert kinds == {("fc8", "posterior"), *((layer, name) for layer in ("fc7", "fc6", "pool5")
                                           for name in readouts.READOUTS if name != "posterior")}
  assert content["missing"] == {} and (folder / "space.txt").exists()
  first = content["result"]["tables"][0]
  assert (first["layer"], first["readout"]) == ("fc7", "cosine")
  ours = json.loads((folder / "result.json").read_text())["tables"][0]
  assert first["map"] == ours["map"]  # the main table is the same
  assert content["space"]["probes"]  # of training examples


def test_a_run_that_is_measured_is_read(of_run, monkeypatch):
  run, folder, content = of_run
  monkeypatch.setattr(describe, "tables", None)
  assert measure.of_run(run, made_vectors.DATASET, folder) == content


def test_read_outs_of_rows_stand_side_by_side_by_layer(of_run, tmp_path):
  content = of_run[2]
  text = files.write_readouts(tmp_path, [content])
  assert "layer fc7" in text and "query_bank: " in text and "chance" in text
  lines = (tmp_path / "readouts.csv").read_text().splitlines()
  assert len(lines) == 1 + 22 * 3  # mean, std and chance of 3 x 7 + 1 tables
  assert (tmp_path / "readouts.md").read_text().count("| row |") == 3


def given(counts=(24, 30), width=(5, 5), classes=4):
  """Embeddings of two modalities, the second without the last class."""
  parts = {}
  for i, (count, size) in enumerate(zip(counts, width)):
    labels = RNG.permutation(np.arange(count) % (classes - i))
    centres = np.random.default_rng(size).normal(size=(classes, size))
    parts["ab"[i]] = {embeddings.LAYER: (centres[labels] + 0.5 * RNG.normal(size=(count, size)))
                      .astype(np.float32), "label": labels}
  rows = tuple(made_vectors.ROWS[0]._replace(name=name, code=name.upper()) for name in parts)
  return embeddings.Given(rows, tuple(f"class {i}" for i in range(classes)), parts, {}, ())


def test_measures_of_pairs_and_their_means():
  own = given()
  content, _ = measure.of_embeddings(own, None, "", "mine")
  space = content["space"]
  table = retrieval.retrieval_table(own.features, embeddings.LAYER)
  assert space["cells"]["A>B"]["measures"]["mAP"] == pytest.approx(table.mean[0, 1])
  assert space["cells"]["A>B"]["chance"]["mAP"] == pytest.approx(table.chance[0, 1])
  assert space["cells"]["A>B"]["queries"] == 18 and space["cells"]["A>B"]["left_out"] == 6
  assert space["cells"]["A>B"]["gallery"] == 30 and space["cells"]["B>B"]["gallery"] == 29
  assert describe.group(space, "mean", "mAP") == pytest.approx(table.mean[[0, 1], [1, 0]].mean())
  assert describe.group(space, "query A", "mAP") == pytest.approx(table.mean[0, 1])
  assert describe.group(space, "target A", "mAP") == pytest.approx(table.mean[1, 0])
  assert set(space["by_class"]["A>B"]) == {"class 0", "class 1", "class 2"}
  labels, values = own.features["a"]["label"], table.precision["a", "b"]
  assert space["by_class"]["A>B"]["class 1"] == pytest.approx(values[labels == 1].mean())
  expected = np.mean([space["by_class"][pair]["class 1"] for pair in ("A>B", "B>A")])
  assert describe.of_classes(space)["class 1"] == pytest.approx(expected)
  assert space["mixed"]["A"]["gallery"] == 53 and space["probes"] == {}
  assert set(space["gaps"]) == {"A>B"} and set(space["hubness"]) == {"A>A", "A>B", "B>A", "B>B"}


def test_the_text_says_definition_gallery_r_chance_and_who_is_left_out():
  content, _ = measure.of_embeddings(given(), given(), "", "mine")
  text = " ".join(files.to_text(content["space"]).split())
  for words in ("nDCG@10: sum of", "A N = 24, R = 6",
                "B N = 30, R = 10", "6 of", "left out", "own@10", "A-distance", "Hubness",
                "Linear probe", "class 2"):
    assert words in text, words
  json.dumps(content, allow_nan=False)  # plain values


def test_without_training_examples_other_read_outs_are_missing_and_said():
  content, _ = measure.of_embeddings(given(), None, "", "mine")
  assert {key.split()[1] for key in content["missing"]} == set(readouts.READOUTS) - {"cosine"}
  grid, = files.readout_grids(results.aggregate([content["result"]]), content["missing"])
  assert "Without given csls: it needs training examples" in grid.caption


def test_other_widths_go_by_read_outs_that_bear_them():
  other = dict(width=(5, 3))
  content, found = measure.of_embeddings(given(**other), given(**other), "", "mine")
  assert content["result"]["tables"][0]["readout"] == found.readout == "ridge"
  mean, chance = (describe.group(content["space"], "mean", "mAP", of)
                  for of in ("measures", "chance"))
  assert mean > chance + 0.3
  with pytest.raises(ValueError, match="widths differ: a 5, b 3; .*--train.*ridge, procrustes"):
    measure.of_embeddings(given(**other), None, "", "mine")


def test_a_layer_that_is_not_there_is_refused():
  with pytest.raises(ValueError, match="no layer 'fc9'; expected one of given"):
    measure.of_embeddings(given(), None, "fc9", "mine")


def test_a_damaged_file_names_what_to_do(tmp_path):
  assert files.load(tmp_path) is None
  (tmp_path / "space.json").write_text("{")
  with pytest.raises(ValueError, match="space.json is damaged.*launch.evaluate"):
    files.load(tmp_path)
