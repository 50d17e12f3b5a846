"""New examples in a run's space."""

import numpy as np
import pytest
from PIL import Image

from cmx import config as config_lib
from cmx import data
from cmx import modalities
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


def test_a_file_is_read_as_its_picture_is(run, tmp_path):
  picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8))
  picture.save(tmp_path / "a.png")
  found = embedding.embed(run, "drawing", [tmp_path / "a.png", str(tmp_path / "a.png"), picture])
  np.testing.assert_allclose(found, np.repeat(found[:1], 3, 0), atol=1e-6)


def test_texts_are_read_without_blanks_around_them_and_in_one_form(run):
  found = embedding.embed(run, "description", ["a caf\u00e9", "  a cafe\u0301\n"])
  np.testing.assert_array_equal(found[0], found[1])


@pytest.mark.parametrize("modality, inputs, message", [
  ("sculpture", ["x"], "the run has no modality 'sculpture'; expected one of natural, dr"),
  ("natural", [3], "'natural' is pixels; expected paths, PIL images or uint8 arrays .*, got int"),
  ("natural", [np.zeros((4, 4, 3))], r"'natural' is pixels; expected .*, got float64 \[4, 4, 3\]"),
  ("natural", np.zeros((4, 4, 3), np.uint8), r"'natural' is pixels; .*, got uint8 \[4, 3\]"),
  ("natural", "a.png", "inputs of modality 'natural' are str; expected a list"),
  ("description", "a red barn", "inputs of modality 'description' are str; expected a list"),
  ("description", 3, "inputs of modality 'description' are int; expected a list"),
  ("description", [3], "'description' is text; expected strings, got int"),
  ("description", ["a text", " \n"], "input 1 of modality 'description': empty text"),
  ("description", [], "no inputs of modality 'description'; expected 1 or more")])
def test_inputs_of_another_kind_are_refused(run, modality, inputs, message):
  with pytest.raises(ValueError, match=message):
    embedding.embed(run, modality, inputs)


def test_pictures_that_cannot_be_read_are_named(run, tmp_path):
  with pytest.raises(FileNotFoundError, match="missing.png"):
    embedding.embed(run, "natural", [tmp_path / "missing.png"])
  (tmp_path / "broken.png").write_bytes(b"no picture")
  with pytest.raises(ValueError, match="input 0 .*broken.png.* of modality 'natural': does not"):
    embedding.embed(run, "natural", [tmp_path / "broken.png"])


SOUND = modalities.Modality("sound", "SOU", "vector", shape=(2,))


@pytest.mark.parametrize("inputs", [
  np.array([[1, 2], [3, 4]]), [[1.0, 2.0], [3.0, 4.0]],
  [np.array([1.0, 2.0]), np.array([3.0, 4.0], np.float32)]], ids=["array", "lists", "vectors"])
def test_vectors_are_an_array_or_many(inputs):
  found = embedding.reader(config_lib.Config(), SOUND)(inputs)
  assert found.dtype == np.float32 and found.tolist() == [[1.0, 2.0], [3.0, 4.0]]


@pytest.mark.parametrize("inputs, message", [
  ([[1.0, 2.0], [3.0]], "'sound' is vectors; expected numbers .*, got vectors of different length"),
  ([1.0, 2.0], r"expected numbers \[N, E\], got float64 \[2\]"),
  ([["a", "b"]], r"expected numbers \[N, E\], got <U1 \[1, 2\]"),
  (np.zeros((2, 0)), r"expected numbers \[N, E\], got float64 \[2, 0\]"),
  ([[1.0, 2.0], [np.nan, 0.0]], "input 1 of modality 'sound': .* not finite"),
  ([[1e300, 2.0]], "input 0 of modality 'sound': .* not finite")])
def test_what_is_no_vector_is_refused(inputs, message):
  with pytest.raises(ValueError, match=message):
    embedding.reader(config_lib.Config(), SOUND)(inputs)


def test_an_unknown_layer_is_refused(run):
  with pytest.raises(ValueError, match="layer 'fc9'; expected one of pool5"):
    embedding.embed(run, "description", ["a text"], "fc9")


def test_nearest_are_those_of_the_largest_cosine():
  gallery = np.array([[2.0, 0.0], [1.0, 1.0], [0.0, 3.0], [-1.0, 0.0]], np.float32)
  rows, scores = embedding.nearest(np.array([[0.1, 1.0], [-3.0, 0.0]]), gallery, 3)
  assert rows.tolist() == [[2, 1, 0], [3, 2, 1]]
  np.testing.assert_allclose(scores[1], [1.0, 0.0, -np.sqrt(0.5)], atol=1e-6)
  assert embedding.nearest(gallery, gallery, 9)[0].shape == (4, 4)  # no more than there are


@pytest.mark.parametrize("block, queries", [(1, 1), (3, 2), (7, 5), (50, 50)])
def test_blocks_find_what_one_ranking_finds_and_ties_stand_in_order(monkeypatch, block, queries):
  rng = np.random.default_rng(0)
  gallery = rng.integers(-1, 2, (23, 3)).astype(np.float32)  # many are equal
  vectors = rng.normal(size=(6, 3)).astype(np.float32)
  monkeypatch.setattr(embedding, "_BLOCK", block)
  monkeypatch.setattr(embedding, "_QUERIES", queries)
  rows, scores = embedding.nearest(vectors, gallery, 8)
  for query, found, its in zip(vectors, rows, scores):
    lengths = np.linalg.norm(gallery, axis=1)
    cosine = gallery @ query / np.where(lengths > 0, lengths, 1) / np.linalg.norm(query)
    np.testing.assert_allclose(its, np.sort(cosine)[::-1][:8], atol=1e-6)
    np.testing.assert_allclose(cosine[found], its, atol=1e-6)
    for number in range(7):  # of equal rows the first of the gallery comes first
      same = (gallery[found[number]] == gallery[found[number + 1]]).all()
      assert not same or found[number] < found[number + 1]


@pytest.mark.parametrize("vectors, count, message", [
  (np.zeros((1, 3)), 1, r"vectors of shape \[1, 3\]; expected \[Q, 2\], the width of the gallery"),
  (np.zeros(2), 1, r"vectors of shape \[2\]; expected \[Q, 2\]"),
  (np.array([[np.nan, 0.0]]), 1, "not finite"), (np.zeros((1, 2)), 0, "0 neighbours; expected 1")])
def test_vectors_that_cannot_be_compared_are_refused(vectors, count, message):
  with pytest.raises(ValueError, match=message):
    embedding.nearest(vectors, np.zeros((4, 2), np.float32), count)
