"""New examples in a run's space."""

import numpy as np
import pytest
from PIL import Image

from cmx import data
from cmx.data import opening
from cmx.evaluation import embedding
from cmx.evaluation import features


@pytest.fixture(scope="module")
def raw(run):
  return data.load(run.config.data).splits[data.VALIDATION]


def extracted(run, modality, folder):
  encoded = opening.open_data(run.config).encoded
  return features.extract(run, encoded, data.VALIDATION, ["fc7"], folder, batch=24)[modality]


def test_examples_of_the_data_set_land_where_their_features_are(run, raw, tmp_path):
  order = features.order(24)
  for modality in ("natural", "description"):
    inputs = [raw[modality][int(i)]["input"] for i in order]
    found = embedding.embed(run, modality, inputs)
    np.testing.assert_allclose(found, extracted(run, modality, tmp_path / modality)["fc7"],
                               atol=1e-5)


def test_a_picture_of_any_size_and_mode_is_fitted_into_the_square(run):
  wide = Image.new("L", (64, 32), 128)
  square = Image.new("RGB", (32, 32), "white")
  square.paste((128, 128, 128), (0, 8, 32, 24))
  one, other = embedding.embed(run, "NAT", [wide, np.asarray(square)], "pool5")
  np.testing.assert_allclose(one, other, atol=1e-6)


def test_more_examples_than_a_pass_takes_are_taken_in_several(run, raw, monkeypatch):
  inputs = [raw["natural"][i]["input"] for i in range(20)]
  whole = embedding.embed(run, "natural", inputs)
  monkeypatch.setattr(embedding, "BATCH", 8)
  np.testing.assert_allclose(embedding.embed(run, "natural", inputs), whole, atol=1e-6)


@pytest.mark.parametrize("modality, inputs, message", [
  ("sculpture", ["x"], "the run has no modality 'sculpture'; expected one of natural, dr"),
  ("natural", ["x"], "'natural' is pixels; expected PIL images or uint8 arrays .*, got str"),
  ("natural", [np.zeros((4, 4, 3))], "'natural' is pixels; expected"),
  ("description", [3], "'description' is text; expected strings"),
  ("description", [], "no inputs; expected 1 or more")])
def test_inputs_of_another_kind_are_refused(run, modality, inputs, message):
  with pytest.raises(ValueError, match=message):
    embedding.embed(run, modality, inputs)


def test_an_unknown_layer_is_refused(run):
  with pytest.raises(ValueError, match="layer 'fc9'; expected one of pool5"):
    embedding.embed(run, "description", ["a text"], "fc9")


def test_neighbours_are_nearest_first_by_cosine():
  x = np.array([[2.0, 0.0], [1.0, 1.0], [0.0, 3.0], [-1.0, 0.0]], np.float32)
  found = embedding.neighbours(np.array([0.1, 1.0]), {"a": {"fc7": x}, "b": {"fc7": x[:2]}},
                               count=3)
  assert found["a"].tolist() == [2, 1, 0] and found["b"].tolist() == [1, 0]


def test_a_vector_of_another_width_is_refused():
  with pytest.raises(ValueError, match=r"vector of shape \[3\]; expected \[2\], the width of f"):
    embedding.neighbours(np.zeros(3), {"a": {"fc7": np.zeros((4, 2))}})
