"""Files of weights: every format as its own writer leaves it, lists of classes, means, damage."""

import io

import made_weights
import numpy as np
import pytest

from cmx.files import caffemodel
from cmx.files import protobuf
from cmx.files import weights
from cmx.network.pretrained import labels

RNG = np.random.default_rng(0)
PAIRS = {"conv1": (np.float32(RNG.normal(size=(4, 3, 2, 2))), np.arange(4, dtype=np.float32)),
         "fc6": (np.float32(RNG.normal(size=(5, 8))), np.arange(5, dtype=np.float32))}
FLAT = {f"{layer}.{part}": array for layer, pair in PAIRS.items()
        for part, array in zip(("weight", "bias"), pair)}


def same(found, expected=FLAT):
  assert found.keys() == expected.keys()
  for name, array in expected.items():
    assert found[name].shape == array.shape
    np.testing.assert_array_equal(found[name], array)


def npz(arrays):
  stream = io.BytesIO()
  np.savez_compressed(stream, **arrays)
  return stream.getvalue()


@pytest.mark.parametrize("generation", [0, 1, 2])
def test_caffe_s_three_generations_of_layers_are_read(generation):
  same(caffemodel.read(made_weights.caffemodel(PAIRS, generation)))


def test_caffe_s_doubles_are_read():
  net = made_weights.CAFFE["NetParameter"]()
  net.layer.add(name="fc8", blobs=[made_weights.blob([[0.1, 0.2]], double=True)])
  same(caffemodel.read(net.SerializeToString()), {"fc8.weight": np.array([[0.1, 0.2]])})


@pytest.mark.parametrize("name, content", [
  ("a.caffemodel", made_weights.caffemodel(PAIRS)), ("a.npz", npz(FLAT)),
  ("a.safetensors", made_weights.safetensors(FLAT)), ("a.pth", made_weights.checkpoint(FLAT)),
  ("a.pth.tar", made_weights.checkpoint(FLAT, "torch.cuda", "_rebuild_tensor"))])
def test_each_ending_is_read_as_its_format(tmp_path, name, content):
  (tmp_path / name).write_bytes(content)
  same(weights.read(tmp_path / name))


def test_what_torch_itself_writes_is_read(tmp_path):
  torch = pytest.importorskip("torch")
  parameters = {name: torch.nn.Parameter(torch.tensor(array)) for name, array in FLAT.items()}
  parameters["fc6.weight"] = torch.tensor(FLAT["fc6.weight"].T.copy()).T  # not contiguous
  for number, zipped in enumerate((False, True)):
    path = tmp_path / f"{number}.pt"
    torch.save({"state_dict": parameters, "best": torch.tensor(0.5)}, path,
               _use_new_zipfile_serialization=zipped)
    same(weights.read(path))


@pytest.mark.parametrize("name, content", [
  ("a.caffemodel", made_weights.caffemodel(PAIRS)), ("a.npz", npz(FLAT)),
  ("a.safetensors", made_weights.safetensors(FLAT)), ("a.pth", made_weights.checkpoint(FLAT))])
def test_cut_files_are_refused_by_name_at_any_length(tmp_path, name, content):
  path = tmp_path / name
  for length in {0, 1, 9, len(content) - 1, *range(20, len(content) - 1, 41)}:
    path.write_bytes(content[:length])
    if name == "a.caffemodel" and _whole_layers(content, length):
      continue  # a network of fewer layers, which is found when they are looked for
    with pytest.raises(ValueError, match=f"{name}.*etch the file again"):
      weights.read(path)


def _whole_layers(content, length):
  """Whether a cut lies between two layers: then nothing in the format says that there were more."""
  try:
    return bool(caffemodel.read(content[:length]))
  except ValueError:
    return False


def test_a_cut_blob_is_named():
  net = made_weights.CAFFE["NetParameter"]()
  net.layer.add(name="conv3", blobs=[made_weights.blob(np.ones((2, 3)))])
  net.layer[0].blobs[0].data.pop()
  with pytest.raises(ValueError, match=r"conv3.weight of shape \[2, 3\] has 5 numbers; expected 6"):
    caffemodel.read(net.SerializeToString())


def test_a_layer_that_comes_twice_is_refused():
  twice = made_weights.caffemodel(PAIRS) + made_weights.caffemodel(PAIRS)
  with pytest.raises(ValueError, match="conv1.weight comes twice"):
    caffemodel.read(twice)


@pytest.mark.parametrize("content, words", [
  (b"\x0b\x00", "field 1 of wire type 3 at byte 0; expected protobuf"),
  (b"\x0a\x7fab", "field 1 of 127 bytes at byte 0 where 2 are left: the file is cut off"),
  (b"\x80", "no end of a number at byte 0")])
def test_what_is_not_protobuf_is_refused(content, words):
  with pytest.raises(ValueError, match=words):
    list(protobuf.fields(memoryview(content)))


def test_floats_may_come_one_by_one_or_in_pieces():
  one, pieces = np.float32([1, 2]).tobytes(), [b"\x00\x00", b"\x80?"]
  np.testing.assert_array_equal(protobuf.numbers([one[:4], one[4:]], "<f4"), [1, 2])
  np.testing.assert_array_equal(protobuf.numbers(pieces, "<f4"), [1])
  with pytest.raises(ValueError, match="6 bytes; expected numbers of 4"):
    protobuf.numbers([one[:6]], "<f4")


def test_an_unknown_ending_is_refused(tmp_path):
  with pytest.raises(ValueError, match=r"w.h5: ending '.h5'; expected one of .caffemodel, .safe"):
    weights.read(tmp_path / "w.h5")


def test_an_npz_of_objects_or_one_that_inflates_too_far_is_refused(tmp_path, monkeypatch):
  path = tmp_path / "w.npz"
  np.savez(path, a=np.array([{}], object))
  with pytest.raises(ValueError, match="w.npz: a is an array of Python objects"):
    weights.read(path)
  path.write_bytes(npz({"a": np.zeros(10_000)}))
  monkeypatch.setattr(weights, "_LIMIT", 1_000)
  with pytest.raises(ValueError, match="w.npz: inflates to 80,.* bytes; expected 1,000 at most"):
    weights.read(path)


def test_means_come_from_an_image_of_either_format_or_three_numbers(tmp_path):
  image = np.stack([np.full((4, 5), value) for value in (104.0, 117.0, 123.0)])
  image[:, 0] += 2
  image[:, 1] -= 2
  (tmp_path / "mean.binaryproto").write_bytes(
    made_weights.blob(image, old=True).SerializeToString())
  np.save(tmp_path / "mean.npy", image)
  for text in (tmp_path / "mean.binaryproto", tmp_path / "mean.npy", "104, 117,123"):
    np.testing.assert_allclose(weights.means(str(text)), [104, 117, 123], rtol=1e-6)


@pytest.mark.parametrize("text, words", [
  ("104,x", "weights.mean '104,x'; expected a .binaryproto, an .npy, or three numbers"),
  ("104,117", r"of shape \[2\].*expected \[3\] or \[3, H, W\]"),
  ("104,117,300", "from 104 to 300; expected .* from 0 to 255")])
def test_other_means_are_refused(text, words):
  with pytest.raises(ValueError, match=words):
    weights.means(text)


# -- lists of classes

OURS = ("abbey", "bakery_shop", "alley")


def listed(tmp_path, text):
  path = tmp_path / "classes.txt"
  path.write_text(text)
  return str(path)


@pytest.mark.parametrize("text", ["/a/abbey 0\n/b/bakery/shop 1\n/a/alley 2\n",
                                  "abbey\nBakery shop\nalley\n\n"])
def test_equal_lists_keep_the_classifier_as_it_is(tmp_path, text):
  assert labels.rows("same", listed(tmp_path, text), OURS, 3).tolist() == [0, 1, 2]


def test_classes_are_found_by_name_in_another_order(tmp_path):
  path = listed(tmp_path, "alley\nzoo\nabbey\nbakery-shop\n")
  assert labels.rows("named", path, OURS, 4).tolist() == [2, 3, 0]


def test_a_fresh_classifier_needs_no_list():
  assert labels.rows("fresh", "", OURS, 365) is None


@pytest.mark.parametrize("text, how, count, words", [
  ("abbey\nalley\nbakery_shop\n", "same", 3,
   "classes.txt:2: label 1 of the weights is 'alley', and 'bakery_shop' here. Take rows by name"),
  ("abbey\nbakery_shop\nalley\nzoo\n", "same", 4, "lists 4 classes; expected the 3 of the data"),
  ("abbey\nbakery_shop\n", "named", 2, "does not list 1 of our 3 classes: alley. Start the class"),
  ("abbey\nbakery_shop\nalley\n", "same", 205, "lists 3 classes; expected 205, as many as the wei"),
  ("abbey 1\n", "same", 1, "classes.txt:1: label 1 of 'abbey'; expected 0: lines in the order"),
  ("abbey\n\nalley\n", "same", 2, "classes.txt:2: empty line; expected a class"),
  ("abbey\n/a/abbey\n", "same", 2, "classes.txt:2: class '/a/abbey' comes twice")])
def test_lists_that_speak_of_other_classes_are_refused(tmp_path, text, how, count, words):
  with pytest.raises(ValueError, match=words):
    labels.rows(how, listed(tmp_path, text), OURS, count)


def test_a_list_is_asked_for():
  with pytest.raises(ValueError, match="weights.classes is empty: no file of weights says in wh"):
    labels.rows("same", "", OURS, 3)
