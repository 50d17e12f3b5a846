"""Embeddings of others: formats, order, and what is refused."""

import json

import numpy as np
import pyarrow
import pytest
from pyarrow import parquet

from cmx.evaluation import embeddings
from cmx.evaluation import features

RNG = np.random.default_rng(0)
X = RNG.normal(size=(6, 4)).astype(np.float32)
Y = np.array(["cat", "cat", "dog", "dog", "owl", "owl"])


def save(path, **arrays):
  np.savez(path, **arrays)
  return path


def one(folder, name="photo", **changes):
  arrays = {"x": X, "y": Y, **changes}
  return save(folder / f"{name}.npz", **{key: value for key, value in arrays.items()
                                         if value is not None})


def rows(given, name, layer=embeddings.LAYER):
  """Vectors and class names in the file's order again."""
  part = given.features[name]
  back = np.argsort(embeddings.order(given.parts[name]))
  return part[layer][back], [given.classes[i] for i in part["label"][back]]


def test_one_file_a_modality(tmp_path):
  given = embeddings.read([one(tmp_path), one(tmp_path, "words", text=Y)])
  assert [(row.name, row.kind) for row in given.modalities] == [("photo", "vector"),
                                                               ("words", "text")]
  assert given.classes == ("cat", "dog", "owl") and given.notes == ()
  x, names = rows(given, "words")
  np.testing.assert_array_equal(x, X)
  assert names == Y.tolist()


def test_one_file_with_several_and_classes_of_all(tmp_path):
  classes = np.array(["dog", "cat", "owl"])
  path = save(tmp_path / "all.npz", **{
    "photo/x": X, "photo/y": np.array([1, 1, 0, 0, 2, 2]), "words/x": X[:, :3],
    "words/labels": np.array([0, 0, 1, 1, 2, 2]), "classes": classes})
  given = embeddings.read([path])
  assert given.classes == ("dog", "cat", "owl")
  assert rows(given, "photo")[1] == Y.tolist()
  assert given.features["words"][embeddings.LAYER].shape == (6, 3)


def test_a_parquet_table_of_several(tmp_path):
  table = {"modality": ["photo"] * 6 + ["words"] * 6, "x": X.tolist() + X[:, :2].tolist(),
           "y": [*Y, *Y], "key": [f"{i}" for i in range(12)]}
  parquet.write_table(pyarrow.table(table), tmp_path / "all.parquet")
  given = embeddings.read([tmp_path / "all.parquet"])
  np.testing.assert_array_equal(rows(given, "photo")[0], X)
  assert given.features["words"][embeddings.LAYER].shape == (6, 2)
  assert given.parts["words"].keys == ["6", "7", "8", "9", "10", "11"]


def cmx_folder(folder, names=("cat", "dog", "owl")):
  for modality in ("photo", "words"):
    (folder / modality).mkdir(parents=True)
    np.save(folder / modality / "fc7.npy", X)
    np.save(folder / modality / "fc8.npy", X[:, :3])
    np.save(folder / modality / "label.npy", np.array([0, 1, 2, 0, 1, 2]))
    (folder / modality / "key.json").write_text(json.dumps([f"{i}" for i in range(6)]))
  (folder / "modalities.json").write_text(json.dumps(["photo", "words"]))
  if names:
    (folder / features.CLASSES).write_text(json.dumps(names))
  return folder


def test_a_folder_that_cmx_has_written_keeps_its_order_and_layers(tmp_path):
  given = embeddings.read([cmx_folder(tmp_path / "features")])
  assert given.classes == ("cat", "dog", "owl")
  assert list(given.features["photo"]) == ["fc7", "fc8", "label"]
  np.testing.assert_array_equal(given.features["photo"]["fc7"], X)
  assert embeddings.read([cmx_folder(tmp_path / "older", ())]).classes == ("0", "1", "2")


def test_rows_are_put_in_an_order_that_follows_no_class(tmp_path):
  y = np.repeat(["a", "b"], 50)
  given = embeddings.read([one(tmp_path, x=RNG.normal(size=(100, 2)), y=y)])
  assert 20 < given.features["photo"]["label"][:50].sum() < 30


def test_numbers_are_their_own_names_in_the_order_of_numbers(tmp_path):
  given = embeddings.read([one(tmp_path, y=np.array([10, 9, 2, 2, 9, 10]))])
  assert given.classes == ("2", "9", "10")


def test_classes_that_not_every_modality_has_are_said(tmp_path):
  given = embeddings.read([one(tmp_path), one(tmp_path, "words", x=X[:4], y=Y[:4])])
  assert given.notes == ("words lacks 1 of the 3 classes",)


def test_known_names_and_those_asked_for_are_text(tmp_path):
  paths = [one(tmp_path, "description"), one(tmp_path, "speech")]
  asked = embeddings.read(paths, text=["speech"])
  assert [row.kind for row in asked.modalities] == ["text", "text"]
  assert embeddings.read(paths).modalities[1].kind == "vector"
  with pytest.raises(ValueError, match="no modality 'song'.*description, speech"):
    embeddings.read(paths, text=["song"])


def with_nan():
  x = X.copy()
  x[3, 1] = np.nan
  return x


@pytest.mark.parametrize("changes, words", [
  ({"x": with_nan()}, r"row 3 \(class dog\) of given is not finite"),
  ({"x": X * (np.arange(6) != 4)[:, None]}, r"row 4 \(class owl\) is a vector of zeros"),
  ({"key": np.array(["p", "q", "r", "q", "s", "t"])}, "rows 1 and 3 have the same key 'q'"),
  ({"y": Y.astype(object)}, "'y' holds Python objects"),
  ({"x": np.array([[1.0], [2.0, 3.0]], dtype=object), "y": Y[:2]}, "'x' holds Python objects"),
  ({"y": Y[:5]}, r"6 rows in x but y of shape \[5\]; expected \[6\]"),
  ({"key": Y[:2]}, r"6 rows in x but key of shape \[2\]"),
  ({"x": X[0]}, r"shape \[4\]; expected numbers \[N, D\]"),
  ({"x": X[:1], "y": Y[:1]}, "1 row in x; expected 2 or more"),
  ({"x": X[:0], "y": Y[:0]}, r"shape \[0, 4\]; expected numbers \[N, D\]"),
  ({"x": X.astype(str)}, r"x of <U\d+ .*; expected numbers"),
  ({"y": None}, "no 'y' among x; expected x"),
  ({"x": None}, "no 'x' among y; expected x"),
  ({"y": np.array([0, 1, 2, 3, 0, 1]), "classes": np.array(["a", "b", "c"])},
   "label 3 in y; expected 0 to 2"),
  ({"labels": Y}, "'labels' and its other name are both there")])
def test_files_that_cannot_be_used_say_what_and_where(tmp_path, changes, words):
  path = one(tmp_path, **changes)
  with pytest.raises(ValueError, match=words) as found:
    embeddings.read([path])
  assert str(path) in str(found.value)


def test_rows_of_a_key_are_named_by_it(tmp_path):
  path = one(tmp_path, x=with_nan(), key=np.array(list("pqrstu")))
  with pytest.raises(ValueError, match=r"row 3 \(class dog, key 's'\)"):
    embeddings.read([path])


def test_files_that_do_not_go_together_say_both(tmp_path):
  photo = one(tmp_path)
  with pytest.raises(ValueError, match=r"names in .*photo.*'cat'.*numbers in .*words.*\(as 0\)"):
    embeddings.read([photo, one(tmp_path, "words", y=np.arange(6) // 2)])
  with pytest.raises(ValueError, match="photo has no class in common.*cat, dog, owl.*words: a, b"):
    embeddings.read([photo, one(tmp_path, "words", y=np.array(list("aabbaa")))])
  (tmp_path / "more").mkdir()
  with pytest.raises(ValueError, match="'photo' is in .*expected it once"):
    embeddings.read([photo, one(tmp_path / "more")])
  with pytest.raises(ValueError, match="no layer.* photo fc7, fc8; words fc7, fc8; other given"):
    embeddings.read([cmx_folder(tmp_path / "features", ()), one(tmp_path, "other", y=np.arange(6))])


def test_paths_that_are_no_embeddings_are_said(tmp_path):
  with pytest.raises(FileNotFoundError, match="a.npz is not there"):
    embeddings.read([tmp_path / "a.npz"])
  (tmp_path / "a.csv").write_text("x,y\n")
  with pytest.raises(ValueError, match=r"a.csv is of kind .csv; expected .npz, .parquet"):
    embeddings.read([tmp_path / "a.csv"])
  (tmp_path / "b.npz").write_bytes(b"PK\x03\x04cut")
  with pytest.raises(ValueError, match=r"b.npz: does not read as .npz"):
    embeddings.read([tmp_path / "b.npz"])


def test_a_table_of_unequal_lists_names_the_row(tmp_path):
  parquet.write_table(pyarrow.table({"x": [[1.0, 2.0], [3.0]], "y": ["a", "b"]}),
                      tmp_path / "words.parquet")
  with pytest.raises(ValueError, match="words.parquet: x of row 1 has 1 numbers, of row 0 2"):
    embeddings.read([tmp_path / "words.parquet"])


def test_training_examples_must_go_with_what_is_evaluated(tmp_path):
  given = embeddings.read([one(tmp_path), one(tmp_path, "words", x=X[:, :3])])
  other = np.array(list("aabbcc"))
  for i, (parts, words) in enumerate([
      ({"photo": {}}, "no training examples of 'words', only of photo"),
      ({"photo": {}, "words": {"x": X[:, :2]}}, "'words' have width 2 in given.* 3"),
      ({"photo": {"y": other}, "words": {"x": X[:, :3], "y": other}},
       "'photo' have none of the classes")]):
    folder = tmp_path / f"train{i}"
    folder.mkdir()
    training = embeddings.read([one(folder, name, **changes) for name, changes in parts.items()],
                               classes=given.classes)
    with pytest.raises(ValueError, match=words):
      embeddings.check_training(given, training)
