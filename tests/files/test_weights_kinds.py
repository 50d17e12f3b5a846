"""Weights that are not what they seem: read where a neighbour is easy, else refused by its name."""

import io
import json
import pickle
import struct
import zipfile

import made_weights
import ml_dtypes
import numpy as np
import pytest

from cmx.files import caffemodel
from cmx.files import safetensors
from cmx.files import weights
from cmx.network.pretrained import labels
from cmx.network.pretrained import networks

ARRAY = np.float32([[1, -2, 0.5], [3, 4, 1e30]])


def tensors(header, body=b""):
  text = json.dumps(header).encode() if not isinstance(header, bytes) else header
  return struct.pack("<Q", len(text)) + text + body


def entry(kind, shape, start, end):
  return {"dtype": kind, "shape": shape, "data_offsets": [start, end]}


@pytest.mark.parametrize("kind, dtype", [
  ("BF16", ml_dtypes.bfloat16), ("F16", "<f2"), ("F64", "<f8"), ("U16", "<u2"), ("U32", "<u4"),
  ("U64", "<u8"), ("I8", "<i1"), ("BOOL", "?")])
def test_types_of_safetensors_are_read(kind, dtype):
  array = np.array([[0, 1], [1, 0]]).astype(dtype)
  found = safetensors.read(tensors({"a": entry(kind, [2, 2], 0, array.nbytes)}, array.tobytes()))
  assert found["a"].dtype == (np.float32 if kind == "BF16" else np.dtype(dtype))
  np.testing.assert_array_equal(found["a"], [[0, 1], [1, 0]])


SAFETENSORS = [
  (tensors({"a": entry("F8_E4M3", [4], 0, 4)}, b"1234"), ["a has type 'F8_E4M3'", "F32 or BF16"]),
  (tensors({"a": entry("C64", [1], 0, 8)}, b"12345678"), ["a has type 'C64'", "F32"]),
  (tensors({"a": entry("F32", [1], 0, 4), "b": entry("F32", [1], 0, 4)}, b"1234"),
   ["b begins at byte 0", "a ends at 4"]),
  (tensors({"a": entry("F32", [2], 0, 8), "b": entry("F32", [1], 4, 8)}, b"12345678"),
   ["b begins at byte 4", "a ends at 8"]),
  (tensors({"a": entry("F32", [1], 0, 4), "b": entry("F32", [1], 8, 12)}, b"1" * 12),
   ["b begins at byte 8", "a ends at 4"]),
  (tensors({"a": entry("F32", [1], 4, 8)}, b"1" * 8), ["a begins at byte 4", "header"]),
  (tensors({"a": entry("F32", [1], 0, 4)}, b"1" * 8), ["a ends at byte 4 of 8"]),
  (tensors({"a": entry("F32", [1], 0, 8)}, b"1" * 8), ["a of shape [1] needs 4 bytes"]),
  (tensors({"a": entry("F32", [1 << 40], 0, 4)}, b"1" * 4), ["a of shape", "4 bytes of data"]),
  (tensors({"a": entry("F32", [-1], 0, 4)}, b"1" * 4), ["a is described by"]),
  (tensors({"a": [1, 2]}), ["a is described by"]),
  (tensors(b'{"a": ' * 100_000), ["header is not JSON"]),
  (tensors(b'{"a": {}, "a": {}}'), ["key 'a' is there twice"]),
  (tensors(b"[]"), ["no JSON object"]),
  (struct.pack("<Q", 1 << 60) + b"{}", ["header of 1152921504606846976 bytes"])]


@pytest.mark.parametrize("content, words", SAFETENSORS)
def test_safetensors_that_do_not_hold_are_refused_by_array(tmp_path, content, words):
  refused(tmp_path / "w.safetensors", content, words)


def refused(path, content, words, read=weights.read):
  path.write_bytes(content)
  with pytest.raises(ValueError) as error:
    read(path)
  for word in (str(path), *words):
    assert word in str(error.value), str(error.value)
  return str(error.value)


LFS = (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2\nsize 244408911\n",
       ["Git LFS", "git lfs pull"])
PAGE = (b"<!DOCTYPE html><html><body>Quota exceeded</body></html>", ["HTML page"])
GZIP = (b"\x1f\x8b\x08" + b"\0" * 20, ["gzip", "unpack"])
HDF5 = (b"\x89HDF\r\n\x1a\n" + b"\0" * 20, ["HDF5"])
EMPTY = (b"", ["empty"])
ZEROS = (b"\0" * 64, ["NUL"])


WORDS = (b"Entry not found", ["plain text that begins 'Entry not found'", "fetch"])


@pytest.mark.parametrize("content, words", [LFS, PAGE, GZIP, HDF5, EMPTY, ZEROS, WORDS],
                         ids=["lfs", "page", "gzip", "hdf5", "empty", "zeros", "words"])
@pytest.mark.parametrize("name", ["a.pth", "a.safetensors", "a.npz", "a.caffemodel", "a.PT"])
def test_another_kind_of_file_is_named_whatever_its_ending(tmp_path, name, content, words):
  refused(tmp_path / name, content, words)


@pytest.mark.parametrize("content, words", [LFS, PAGE, GZIP], ids=["lfs", "page", "gzip"])
@pytest.mark.parametrize("name", ["mean.binaryproto", "mean.npy"])
def test_another_kind_of_mean_is_named(tmp_path, name, content, words):
  refused(tmp_path / name, content, words, lambda path: weights.means(str(path)))


@pytest.mark.parametrize("name, words", [
  ("w.bin", [".bin", ".safetensors"]), ("w", ["''", ".pth"]), ("w.h5", [".h5"]),
  ("w.pth.gz", [".gz"])])
def test_an_unknown_ending_is_named_with_those_that_are_known(tmp_path, name, words):
  refused(tmp_path / name, b"x" * 100, words)


def test_a_folder_is_no_file_of_weights(tmp_path):
  with pytest.raises(ValueError, match="is a folder; expected a file of weights, one of .caffemod"):
    weights.read(tmp_path)


@pytest.mark.parametrize("name", ["w.npz", "mean.npy"])
def test_arrays_of_python_objects_are_refused_with_what_to_do(tmp_path, name):
  objects = np.array([1, None], object)
  (np.savez if name == "w.npz" else np.save)(tmp_path / name, objects)
  with pytest.raises(ValueError, match="array of Python objects; expected numbers") as error:
    weights.read(tmp_path / name) if name == "w.npz" else weights.means(str(tmp_path / name))
  assert "Fetch" not in str(error.value) and "allow_pickle" not in str(error.value)


@pytest.mark.parametrize("name, make", [
  ("net.CAFFEMODEL", lambda: made_weights.caffemodel({"a": (ARRAY, np.float32([1, 2]))}, 2)),
  ("net.PTH", lambda: made_weights.checkpoint({"a.weight": ARRAY, "a.bias": np.float32([1, 2])}))])
def test_endings_may_be_of_either_case(tmp_path, name, make):
  (tmp_path / name).write_bytes(make())
  np.testing.assert_array_equal(weights.read(tmp_path / name)["a.weight"], ARRAY)


# -- torch

def opcodes(value):
  """A pickle of dicts, lists, texts and numbers around arrays that are already opcodes."""
  if isinstance(value, bytes):
    return value
  if isinstance(value, dict):
    return b"}(" + b"".join(made_weights._text(k) + opcodes(v) for k, v in value.items()) + b"u"
  if isinstance(value, list):
    return b"](" + b"".join(map(opcodes, value)) + b"e"
  return made_weights._text(value) if isinstance(value, str) else made_weights._number(value)


def tensor(shape=(2, 3), strides=(3, 1), storage="FloatStorage", count=6):
  held = (b"(" + made_weights._text("storage") + f"ctorch\n{storage}\n".encode()
          + made_weights._text("0") + made_weights._text("cpu") + made_weights._number(count)
          + b"tQ")
  return (b"ctorch._utils\n_rebuild_tensor_v2\n(" + held + made_weights._number(0)
          + made_weights._numbers(shape) + made_weights._numbers(strides)
          + b"\x89ccollections\nOrderedDict\n)RtR")


def torch(tree, data=ARRAY.tobytes(), **members):
  stream = io.BytesIO()
  with zipfile.ZipFile(stream, "w") as archive:
    archive.writestr("archive/data.pkl", b"\x80\x02" + opcodes(tree) + b".")
    archive.writestr("archive/data/0", data)
    for name, content in members.items():
      archive.writestr(f"archive/code/__torch__/{name}.py", content)
  return stream.getvalue()


@pytest.mark.parametrize("tree", [
  {"a": tensor()}, {"state_dict": {"a": tensor()}}, {"model": {"a": tensor()}, "epoch": 3},
  {"model_state_dict": {"a": tensor()}, "optimizer": {"state": {}, "lr": 1}},
  {"net": {"a": tensor()}, "acc": 90}, {"anything": {"a": tensor()}, "epoch": 1},
  {"model": {"a": tensor()}, "model_ema": {"a": tensor((3,), (1,))}},
  {"optimizer": {"b": tensor((3,), (1,))}, "state_dict": {"a": tensor()}}])
def test_the_state_dict_of_a_checkpoint_is_found(tmp_path, tree):
  (tmp_path / "w.pth").write_bytes(torch(tree))
  found = weights.read(tmp_path / "w.pth")
  assert list(found) == ["a"]
  np.testing.assert_array_equal(found["a"], ARRAY)


def test_an_expanded_array_and_bfloat16_are_read(tmp_path):
  (tmp_path / "w.pth").write_bytes(torch({"a": tensor((4, 3), (0, 1))}))
  np.testing.assert_array_equal(weights.read(tmp_path / "w.pth")["a"], [[1, -2, 0.5]] * 4)
  small = np.float32([[1, -2, 0.5], [3, 4, 8]])
  (tmp_path / "w.pth").write_bytes(
    torch({"a": tensor(storage="BFloat16Storage")}, small.astype(ml_dtypes.bfloat16).tobytes()))
  found = weights.read(tmp_path / "w.pth")["a"]
  assert found.dtype == np.float32
  np.testing.assert_array_equal(found, small)


def test_python_2_s_strings_may_be_any_bytes(tmp_path):
  name = b"U\x04caf\xc3"
  tree = b"}(" + name + made_weights._number(1) + made_weights._text("state_dict") + opcodes(
    {"a": tensor()}) + b"u"
  (tmp_path / "w.pth").write_bytes(torch(tree))
  np.testing.assert_array_equal(weights.read(tmp_path / "w.pth")["a"], ARRAY)


TORCH = [
  ({"args": b"cargparse\nNamespace\n)R", "model": {"a": tensor()}}, ["argparse.Namespace"]),
  (b"ctorchvision.models.alexnet\nAlexNet\n)R", ["torchvision.models.alexnet.AlexNet"]),
  ({"best": b"cnumpy.core.multiarray\nscalar\n)R"}, ["numpy.core.multiarray.scalar"]),
  ({"a": b"ctorch._utils\n_rebuild_qtensor\n)R"}, ["_rebuild_qtensor"]),
  ({"a": b"ctorch\nQInt8Storage\n"}, ["QInt8Storage"]),
  ({"epoch": 3, "best": "x"}, ["'epoch': int", "'best': str", "state_dict"]),
  ({"g": {"a": tensor()}, "d": {"a": tensor()}}, ["'g': dict", "'d': dict", "state_dict"]),
  ({"a": tensor(), "epoch": 3}, ["'a': array", "'epoch': int"]),
  ({}, ["empty dict"]), ([tensor()], ["list"]), ("words", ["str"]), (3, ["int"])]


@pytest.mark.parametrize("tree, words", TORCH)
def test_what_is_no_state_dict_is_refused_with_advice_that_helps(tmp_path, tree, words):
  text = refused(tmp_path / "w.pth", torch(tree), [*words, "torch.save(model.state_dict(), file)"])
  assert "Fetch" not in text  # the file is whole: fetching it again gives the same


def test_torchscript_and_other_pickles_are_named(tmp_path):
  for content in (torch({"a": tensor()}, net="class Net: pass"), pickle.dumps({"a": 1}, 2)):
    text = refused(tmp_path / "w.pt", content, ["torch.save"])
    assert "Fetch" not in text


# -- Caffe

@pytest.mark.parametrize("shape", [(1, 3), (2, 3), (1, 1), (1, 3, 2, 2), (4, 3, 2, 2)])
def test_blobs_of_the_old_form_keep_the_axes_of_one_output(shape):
  pair = np.ones(shape, np.float32), np.ones(shape[0], np.float32)
  found = caffemodel.read(made_weights.caffemodel({"fc8": pair}, 1))
  assert found["fc8.weight"].shape == shape and found["fc8.bias"].shape == shape[:1]


@pytest.mark.parametrize("text, words", [
  ("0.485,0.456,0.406", ["0.485", "from 0 to 255"]), ("1,1,1", ["from 0 to 255"]),
  ("0,0,0.5", ["from 0 to 255"]), ("nan,1,2", ["nan"]), ("104,117,inf", ["inf"]),
  ("-1,117,123", ["-1"]), ("104;117;123", ["104;117;123"]), ("104 117 123", ["104 117 123"]),
  ("104,117,123,0", ["[4]"])])
def test_means_that_cannot_be_are_refused(text, words):
  with pytest.raises(ValueError) as error:
    weights.means(text)
  for word in words:
    assert word in str(error.value)


@pytest.mark.parametrize("array, words", [
  (np.zeros((3, 4, 5)) + 0.5, ["from 0 to 255"]), (np.zeros((4, 5, 3)), ["[4, 5, 3]"]),
  (np.zeros((0,)), ["0 values"]), (np.array(["a", "b", "c"]), ["<U1"]),
  (np.full((3, 2, 2), 300), ["300"])])
def test_mean_images_that_cannot_be_are_refused(tmp_path, array, words):
  np.save(tmp_path / "mean.npy", array)
  with pytest.raises(ValueError) as error:
    weights.means(str(tmp_path / "mean.npy"))
  for word in ("mean.npy", *words):
    assert word in str(error.value)


def test_a_mean_of_nothing_is_one():
  np.testing.assert_array_equal(weights.means("0,0,0"), [0, 0, 0])


# -- lists of classes

@pytest.mark.parametrize("content, names", [
  (b"\xef\xbb\xbfabbey\nalley\n", ("abbey", "alley")),
  (b"abbey,0\nalley,1\n", ("abbey", "alley")), (b"abbey;0\nalley; 1\n", ("abbey", "alley")),
  (b"abbey\t0\r\nalley\t1\r\n", ("abbey", "alley")),
  (b"route 66\nabbey\nalley\n", ("route 66", "abbey", "alley")),
  (b"abbey\nstudio 54\n", ("abbey", "studio 54")),
  (b"route 66 0\nabbey 1\n", ("route 66", "abbey")), (b"1\n2\n", ("1", "2")),
  (b"a, b 0\nc, d 1\n", ("a, b", "c, d")), (b"0 abbey\n1 alley\n", ("abbey", "alley")),
  (b"0: abbey\n1: alley\n", ("abbey", "alley")), (b"0,abbey\n1,alley\n", ("abbey", "alley")),
  (b"3 d printer\nbed\n", ("3 d printer", "bed"))])
def test_lists_of_classes_are_read_as_people_write_them(tmp_path, content, names):
  (tmp_path / "classes.txt").write_bytes(content)
  assert labels.read(tmp_path / "classes.txt") == names


@pytest.mark.parametrize("content, words", [
  ("abbey\nalley\n".encode("utf-16"), ["UTF-16"]), (b"caf\xe9\n", ["UTF-8"]),
  (b"abbey 0\nalley\nzoo 2\n", [":2", "no label"]), (b"abbey 1\nalley 2\n", [":1", "expected 0"]),
  (b'["abbey",\n "alley"]', [":1", "as JSON or Python writes it"]),
  (b"{0: 'tench',\n 1: 'goldfish'}", [":1", "as JSON or Python"]),
  (b"class,label\nabbey,0\nalley,1\n", [":1", "'class,label', the head of a table"]),
  (b'"abbey"\n"alley"\n', [":1", "names in quotes"]),
  (b"abbey 0\nalley 2\nzoo 2\n", [":2", "expected 1"]), (b"abbey\nabbey\n", [":2", "twice"]),
  LFS, PAGE, GZIP])
def test_lists_of_classes_that_do_not_hold_are_refused_by_line(tmp_path, content, words):
  refused(tmp_path / "classes.txt", content, words, labels.read)


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "module._orig_mod.", "model.",
                                    "net.backbone.", "model.module."])
def test_wrappers_around_a_network_are_taken_off(prefix):
  names = ("features.0.weight", "features.0.bias", "classifier.6.weight")
  assert list(networks.without_wrapper({prefix + name: ARRAY for name in names})) == list(names)


def test_two_arrays_of_one_name_are_refused():
  with pytest.raises(ValueError, match="'conv1.weight' without its wrapper"):
    networks.without_wrapper({"conv1.weight": ARRAY, "module.conv1.weight": ARRAY})
