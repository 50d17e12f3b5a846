"""Files of named vectors, and vectors of the examples themselves."""

import hashlib

import numpy as np
import pytest

from cmx import config as config_lib
from cmx import data as data_lib
from cmx import fields
from cmx import modalities
from cmx.data import encoders
from cmx.data.encoders import cache
from cmx.data.encoders import given
from cmx.data.encoders import matrices
from test_encoders_words import Texts

NAMES = ["text/0", "text/1", "text/1", hashlib.sha256("ünder the sea".encode()).hexdigest()]
VECTORS = np.arange(4 * 5, dtype=np.float32).reshape(4, 5)


def saved(folder, suffix=".npz", names=NAMES, vectors=VECTORS):
  path = folder / f"skip{suffix}"
  if suffix == ".npz":
    np.savez(path, keys=np.array(names), vectors=vectors)
  else:
    np.save(path, vectors)
    path.with_suffix(".txt").write_text("\n".join(names))
  return path


# -- the file


@pytest.mark.parametrize("suffix", matrices.SUFFIXES)
def test_both_forms_hold_the_same_matrix(tmp_path, suffix):
  matrix = matrices.read(saved(tmp_path, suffix))
  assert matrix.names == NAMES
  np.testing.assert_array_equal(matrix.vectors, VECTORS)
  assert isinstance(matrix.vectors, np.memmap) == (suffix == ".npy")  # read as it is needed
  assert matrices.fingerprint(matrix) == matrices.fingerprint(
    matrices.read(saved(tmp_path, ".npz")))


def test_names_end_with_their_line_alone(tmp_path):
  names = ["a\u2028b", "c\x85", "d e", ""]
  for end in ("\n", "\r\n"):
    path = saved(tmp_path, ".npy")
    path.with_suffix(".txt").write_bytes("".join(name + end for name in names).encode())
    assert matrices.read(path).names == names


def test_the_fingerprint_is_of_names_and_numbers(tmp_path):
  prints = {matrices.fingerprint(matrices.read(saved(tmp_path, **change))) for change in (
    {}, {"names": ["x", *NAMES[1:]]}, {"vectors": VECTORS + 1})}
  assert len(prints) == 3


@pytest.mark.parametrize("suffix", matrices.SUFFIXES)
@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_a_file_that_was_cut_short_is_refused(tmp_path, suffix, share):
  path = saved(tmp_path, suffix)
  content = path.read_bytes()
  path.write_bytes(content[:int(share * len(content))])
  with pytest.raises(ValueError, match=f"skip{suffix} cannot be read: .*. Expected a whole .npz of "
                     "numbers .N, E. and N names, or an .npy with names in a .txt beside it"):
    matrices.read(path)


@pytest.mark.parametrize("arrays, message", [
  ({"a": VECTORS}, r"its arrays are a float32 \(4, 5\)"),
  ({"a": VECTORS, "b": VECTORS, "n": NAMES}, r"its arrays are a float32 .*, n <U64 \(4,\)"),
  ({"a": VECTORS, "n": np.array(NAMES, object)}, "an array of Python objects"),
  ({}, "its arrays are none")])
def test_an_npz_without_one_matrix_and_its_names_is_refused(tmp_path, arrays, message):
  np.savez(tmp_path / "x.npz", **arrays)
  with pytest.raises(ValueError, match=message):
    matrices.read(tmp_path / "x.npz")


def test_an_npy_without_names_or_of_another_form_is_refused(tmp_path):
  np.save(tmp_path / "x.npy", VECTORS)
  with pytest.raises(ValueError, match="there is no x.txt"):
    matrices.read(tmp_path / "x.npy")
  np.save(tmp_path / "x.npy", VECTORS[0])
  with pytest.raises(ValueError, match=r"it holds float32 \(5,\)"):
    matrices.read(tmp_path / "x.npy")


@pytest.mark.parametrize("suffix", matrices.SUFFIXES)
def test_as_many_names_as_vectors_are_expected(tmp_path, suffix):
  with pytest.raises(ValueError, match="has 4 vectors and 3 names; expected a name for each"):
    matrices.read(saved(tmp_path, suffix, NAMES[:3]))


# -- vectors of examples


def encoded(tmp_path, suffix=".npz", texts=("a bed", "a lamp", "ünder the sea"), **changes):
  row = modalities.DESCRIPTION
  splits = {data_lib.TRAIN: {row.name: Texts(*texts)}, data_lib.VALIDATION: {row.name: Texts("")}}
  config = fields.replace(config_lib.Config(), {
    "data.root": str(tmp_path), "encoders.text": "vectors",
    "encoders.file": str(tmp_path / f"skip{suffix}"), **changes})
  return cache.encoded(data_lib.Dataset("toy", ("a", "b"), (row,), splits, "x"), config)


@pytest.mark.parametrize("suffix", matrices.SUFFIXES)
def test_rows_are_found_by_key_or_text_and_those_of_one_name_averaged(tmp_path, suffix):
  saved(tmp_path, suffix)
  dataset = encoded(tmp_path, suffix)
  source = dataset.splits["train"]["description"]
  assert dataset.modalities[0].shape == (5,) and len(source) == 3
  for index, row in enumerate((VECTORS[0], (VECTORS[1] + VECTORS[2]) / 2, VECTORS[3])):
    np.testing.assert_array_equal(source[index]["input"], row)
    assert source[index]["key"] == f"text/{index}" and source[index]["label"] == 0
    assert source[index]["input"].dtype == np.float32
  assert not (tmp_path / "features").exists()  # nothing is made that could be kept


def test_examples_without_a_row_are_counted_and_the_first_is_named(tmp_path):
  saved(tmp_path)
  with pytest.raises(ValueError,
                     match="skip.npz has no row for 2 of 4 .*'text/2'.*'text/0'.*SHA-256"):
    encoded(tmp_path, texts=["a", "b", "c", "d"])


def test_a_row_that_is_not_finite_is_named(tmp_path):
  vectors = VECTORS.copy()
  vectors[2, 1] = np.inf
  saved(tmp_path, vectors=vectors)
  with pytest.raises(ValueError, match="skip.npz row 2, 'text/1', is not finite; expected numbers"):
    encoded(tmp_path)


def test_words_cannot_be_left_out_of_given_vectors(tmp_path):
  saved(tmp_path)
  with pytest.raises(ValueError, match="augment.word_dropout 0.1 with encoders.text 'vectors'"):
    encoded(tmp_path, **{"augment.word_dropout": 0.1})


def test_a_file_makes_no_vectors_of_new_texts(tmp_path):
  encoder = encoders.load("vectors", "", "text", str(saved(tmp_path)))
  np.testing.assert_array_equal(encoder.encode(["ünder the sea"]), VECTORS[3:])
  with pytest.raises(given.NoVector, match="skip.npz has no row for the text 'the sea'"):
    encoder.encode(["the sea"])


def test_a_file_that_is_not_there_is_told_its_form(tmp_path):
  with pytest.raises(FileNotFoundError, match=r"skip.npz' is not there.*\[N, E\].*\[N\].*\.npy"):
    encoded(tmp_path)
