import numpy as np
import pytest

from cmx import data
from cmx import methods
from cmx.data import opening
from cmx.evaluation import features
from cmx.network import model
from cmx.runtime import devices


@pytest.fixture(scope="module")
def opened(run):
  """An untrained run and its data set."""
  return run, opening.open_data(run.config).encoded


def parts(opened, modality, layers, batch, chosen=None):
  run, dataset = opened
  row = next(row for row in run.modalities if row.name == modality)
  source = dataset.splits[data.VALIDATION][modality]
  chosen = np.arange(len(source)) if chosen is None else chosen
  return list(features.stream(run, devices.replicate(run.params), row, source, chosen, layers,
                              batch))


def test_examples_come_in_the_order_asked_for_each_once(opened):
  chosen = np.array([5, 3, 20, 0, 7, 7, 1, 2, 4, 9])
  found = parts(opened, "drawing", ["fc7"], 8, chosen)
  assert [start for start, _, _ in found] == [0, 8]
  assert [e["key"] for _, examples, _ in found for e in examples] == [
    f"drawing/validation/{i}" for i in chosen]


def test_activations_do_not_depend_on_the_size_of_a_pass(opened):
  whole = parts(opened, "natural", ["pool5", "fc7"], 24)[0][2]
  for layer in ("pool5", "fc7"):
    split = np.concatenate([found[layer] for _, _, found in parts(opened, "natural", [layer], 8)])
    assert split.shape == whole[layer].shape and split.dtype == np.float32
    np.testing.assert_allclose(split, whole[layer], rtol=1e-5, atol=1e-6)


def test_streamed_activations_are_those_of_the_network(opened):
  run, dataset = opened
  row, source = run.modalities[2], dataset.splits[data.VALIDATION]["description"]
  x = np.stack([source[i]["input"] for i in range(4)])
  expected = model.apply(run.params, x, row, methods.named("c"), run.config.network)
  found = parts(opened, "description", ["pool5", "fc6", "fc8"], 8)[0][2]
  for layer, value in found.items():
    np.testing.assert_allclose(value[:4], expected[layer], rtol=1e-5, atol=1e-6)


def test_extracted_features_are_the_streamed_ones(opened, tmp_path):
  run, dataset = opened
  stored = features.extract(run, dataset, data.VALIDATION, ["fc7"], tmp_path / "found", batch=8)
  order = features.order(len(stored["natural"]["label"]))
  found = parts(opened, "natural", ["fc7"], 8, order)
  expected = np.concatenate([part["fc7"] for *_, part in found])
  np.testing.assert_array_equal(stored["natural"]["fc7"], expected)


def test_unknown_layers_are_named_with_the_known(opened):
  with pytest.raises(ValueError, match=r"layer 'conv9'; expected one of pool5, fc6_linear, fc6"):
    parts(opened, "natural", ["conv9"], 8)
