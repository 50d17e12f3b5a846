"""Means of word vectors, from text files that are not read whole, and from matrices."""

import gzip
import logging
import os
import zipfile
import zlib

import numpy as np
import pytest

from cmx import config as config_lib
from cmx import data as data_lib
from cmx import fields
from cmx import modalities
from cmx.data import batches
from cmx.data import splits
from cmx.data.encoders import cache
from cmx.data.encoders import word_files
from cmx.data.encoders import word_lines
from cmx.data.encoders import words

GLOVE = b"the 0.5 -1 2e-1\nbed 1 2 3\nwell-lit 4 4 4\n. . . 9 9 9\nat x@y.z 8 8 8\nBed 7 7 7\n"
VECTORS = {"the": [0.5, -1, 0.2], "bed": [1, 2, 3], "well-lit": [4, 4, 4], "Bed": [7, 7, 7]}


def written(folder, content=GLOVE, name="glove.txt"):
  path = folder / name
  path.write_bytes(content)
  return path


# -- the file


def test_a_words_line_is_found_and_read(tmp_path):
  file = word_files.WordFile(written(tmp_path))
  assert file.index.width == 3 and len(file.index.offsets) == 6
  for word, vector in VECTORS.items():
    np.testing.assert_array_equal(file.vector(word), np.float32(vector))
    assert file.vector(word).dtype == np.float32
  assert file.vector("well") is None and file.vector("lamp") is None and file.vector("") is None


def test_many_words_are_those_of_a_plain_reader(tmp_path):
  draw = np.random.default_rng(0)
  rows = {f"w{n}é": draw.normal(size=5).astype(np.float32) for n in range(3000)}
  text = "".join(f"{word} {' '.join(map(repr, map(float, row)))}\n" for word, row in rows.items())
  file = word_files.WordFile(written(tmp_path, text.encode()))
  for word in list(rows)[::7]:
    np.testing.assert_array_equal(file.vector(word), rows[word])


def test_words_of_one_hash_are_told_apart(tmp_path):
  assert zlib.crc32(b"plumless") == zlib.crc32(b"buckeroo") == 0x4DDB0C25
  file = word_files.WordFile(written(tmp_path, b"bed 0\nplumless 1\nbuckeroo 2\n"))
  assert [float(file.vector(word)[0]) for word in ("plumless", "buckeroo", "bed")] == [1, 2, 0]


@pytest.mark.parametrize("content", [
  b"6 3\n" + GLOVE,  # word2vec's first line
  b"\xef\xbb\xbf" + GLOVE, b"\xef\xbb\xbf6 3\n" + GLOVE,  # as Windows' editors save text
  GLOVE.replace(b" ", b"\t").replace(b".\t.\t.", b". . ."), GLOVE.replace(b" ", b"  "),
  GLOVE.replace(b"\n", b" \n"),  # fastText's lines end in a space
  GLOVE.replace(b"\n", b"\r\n"), GLOVE + b"\n", GLOVE.rstrip(), GLOVE + b"the 9 9 9\n"])
def test_kinds_of_files_are_read_alike_and_of_repeated_words_the_first(tmp_path, content):
  file = word_files.WordFile(written(tmp_path, content))
  for word, vector in VECTORS.items():
    np.testing.assert_array_equal(file.vector(word), np.float32(vector))


def test_the_index_is_made_once_and_anew_when_the_file_changes(tmp_path, monkeypatch):
  path, made, make = written(tmp_path), [], word_files._made
  monkeypatch.setattr(word_files, "_made", lambda path: made.append(path) or make(path))
  prints = [word_files.index(path).fingerprint for _ in range(2)]
  written(tmp_path, b"lamp 1 2\n")
  os.utime(path, ns=(1, 1))
  other = word_files.WordFile(path)
  assert len(made) == 2 and prints[0] == prints[1] != other.index.fingerprint
  assert other.index.width == 2 and other.vector("bed") is None
  assert sorted(file.name for file in tmp_path.iterdir()) == ["glove.txt", "glove.txt.index.npz"]


def test_an_index_that_was_cut_short_is_made_anew(tmp_path):
  path = written(tmp_path)
  word_files.index(path)
  kept = tmp_path / "glove.txt.index.npz"
  kept.write_bytes(kept.read_bytes()[:50])
  assert word_files.index(path).width == 3


@pytest.mark.parametrize("content, message", [
  (b"the 1 2 3\nbed 1 2\n", "glove.txt line 2: 2 numbers; expected 3, separated by spaces, as in "
                            "the lines before. Is the file whole"),
  (b"the 1 2\nbed 1 2 3\n", "glove.txt line 2: 3 numbers; expected 2"),
  (b"the 1 2\n\nbed\n", "glove.txt line 3: 0 numbers; expected 2"),
  (b"There is a bed\n", "glove.txt line 1: 'There is a bed'; expected a word and its numbers"),
  (b"", "glove.txt has no words; expected a word and its numbers a line")])
def test_a_line_of_another_width_is_named(tmp_path, content, message):
  with pytest.raises(ValueError, match=message):
    word_files.index(written(tmp_path, content))


@pytest.mark.parametrize("number, why", [("1.x", "could not convert string to float: b'1.x'"),
                                         ("nan", "not every number is finite")])
def test_what_is_no_number_is_named_with_its_line_where_the_word_is_read(tmp_path, number, why):
  file = word_files.WordFile(written(tmp_path, f"a 1 2\nthe 1 {number}\nbed 3 4\n".encode()))
  assert file.vector("bed").tolist() == [3, 4]
  with pytest.raises(ValueError, match=f"glove.txt line 2: {why}; expected a word and 2 numbers"):
    file.vector("the")


# -- the encoder


def test_a_texts_vector_is_the_mean_of_its_words(tmp_path):
  table = words.load(written(tmp_path))
  rows = table.encode(["The bed, the Bed.", "a well-lit bed-lamp", "lamp", ""])
  the, bed, lit, other = (np.float32(VECTORS[word]) for word in ("the", "bed", "well-lit", "Bed"))
  np.testing.assert_allclose(rows, [(the + bed + the + other) / 4, (lit + bed) / 2,
                                    np.zeros(3), np.zeros(3)], rtol=1e-6)
  assert table.encode([]).shape == (0, 3)


def test_the_share_of_words_that_the_file_lacks_is_said_once(tmp_path):
  table = words.load(written(tmp_path))
  table.encode(["the bed", "a Lamp, a bed-lamp", "well-lit"])
  assert table.said() == "50.0 % of 8 words are not in glove.txt: a 2, lamp 2"
  assert table.said() == "0.0 % of 0 words are not in glove.txt"


@pytest.mark.parametrize("name", ["glove.npz", "glove.npy"])
def test_matrices_serve_as_text_files_do(tmp_path, name):
  names, vectors = [*VECTORS, "bed"], np.float32([*VECTORS.values(), [9, 9, 9]])
  if name.endswith("npz"):
    np.savez(tmp_path / name, vocabulary=names, numbers=vectors)
  else:
    np.save(tmp_path / name, vectors)
    (tmp_path / "glove.txt").write_text("\n".join(names))
  texts = ["The bed, the Bed.", "well-lit lamp"]
  made = words.load(tmp_path / name)
  np.testing.assert_array_equal(made.encode(texts), words.load(
    written(tmp_path, name="text.txt")).encode(texts))
  assert made.said() == f"16.7 % of 6 words are not in {name}: lamp 1"


# -- through the config


class Texts:
  """A source of texts."""

  def __init__(self, *texts):
    self.labels, self._texts = np.zeros(len(texts), np.int32), texts

  def __len__(self):
    return len(self._texts)

  def __getitem__(self, index):
    return {"input": self._texts[index], "label": 0, "key": f"text/{index}"}


def encoded(tmp_path, texts=("the bed", "a lamp"), **changes):
  row = modalities.DESCRIPTION
  parts = {split: {row.name: Texts(*texts)} for split in (data_lib.TRAIN, data_lib.VALIDATION)}
  config = fields.replace(config_lib.Config(), {
    "data.root": str(tmp_path), "encoders.text": "words",
    "encoders.file": str(tmp_path / "glove.txt"), **changes})
  return cache.encoded(data_lib.Dataset("toy", ("a", "b"), (row,), parts, "x"), config)


def test_vectors_are_kept_with_the_files_hash_and_the_missing_share_is_logged(tmp_path, caplog):
  written(tmp_path)
  with caplog.at_level(logging.INFO):
    dataset = encoded(tmp_path)
    assert dataset.modalities[0].shape == (3,)
    np.testing.assert_allclose(dataset.splits["train"]["description"][0]["input"],
                               [0.75, 0.5, 1.6])
    said = ("description train: 50.0 % of 4 words are not in glove.txt: a 1, lamp 1; 1 of 2 texts "
            "have none that is, and become zeros")
    assert caplog.messages.count(said) == 1
    encoded(tmp_path)
    assert caplog.messages.count(said) == 1  # read from disk
  written(tmp_path, b"the 1\nbed 2\n")
  other = encoded(tmp_path)
  assert other.splits["train"]["description"][0]["input"].tolist() == [1.5]
  assert other.fingerprint != dataset.fingerprint  # features of the one are not the other's
  assert len(list((tmp_path / "features").glob("toy-description-train-words-*.npy"))) == 2


@pytest.mark.parametrize("text", ["words", "hashing"])
def test_words_are_left_out_of_texts_by_lot(tmp_path, text):
  written(tmp_path)
  file = {"encoders.file": ""} if text == "hashing" else {}
  dataset = encoded(tmp_path, ["the bed the the bed"], **{"encoders.text": text}, **file)
  source = dataset.splits["train"]["description"]
  encode = source._encoder.encode
  whole, key = source[0]["input"], source[0]["key"]
  for seed in range(20):
    found = source.varied(0, np.random.default_rng(seed), 0.9)
    kept = np.random.default_rng(seed).random(5) >= 0.9
    if kept.any():
      left = " ".join(np.array("the bed the the bed".split())[kept])
      np.testing.assert_array_equal(found["input"], encode([left])[0])
    assert found["input"].any() and (found["key"], found["label"]) == (key, 0)  # one word is kept
  np.testing.assert_array_equal(source.varied(0, np.random.default_rng(0), 0)["input"], whole)
  np.testing.assert_array_equal(source[0]["input"], whole)


def test_a_batch_leaves_words_out_as_seed_and_step_say(tmp_path):
  written(tmp_path)
  dataset = encoded(tmp_path, ["the bed Bed well-lit", "the the Bed bed"])
  held = splits.hold_out(dataset, 0.5)  # a part of a source leaves words out, too
  augment = config_lib.Augment(word_dropout=0.5, vector_dropout=0)

  def batch(step, seed=0, augment=augment):
    made = batches.batch_at(batches.samplers(held), seed, step, 8, augment=augment)
    return made["description"]["input"]

  whole = batch(0, augment=config_lib.Augment(vector_dropout=0))
  np.testing.assert_array_equal(batch(3), batch(3))
  assert (batch(3) != batch(4)).any() and (batch(3) != batch(3, seed=1)).any()
  assert len(np.unique(batch(3), axis=0)) > 1 == len(np.unique(whole, axis=0))


def test_words_cannot_be_left_out_of_what_is_encoded_once(tmp_path):
  for text in ("minilm", ""):
    with pytest.raises(ValueError, match=f"augment.word_dropout 0.1 with encoders.text '{text}', "
                       "which does not encode texts anew in every batch; expected 0, or one of "
                       "hashing, words. augment.vector_dropout and vector_noise vary any vector"):
      encoded(tmp_path, **{"encoders.text": text, "encoders.file": "",
                           "augment.word_dropout": 0.1})


def test_a_file_that_is_not_there_or_not_read_is_refused(tmp_path):
  with pytest.raises(FileNotFoundError,
                     match="'words' reads config.encoders.file.*glove.txt.*hashing .*minilm"):
    encoded(tmp_path)
  with pytest.raises(FileNotFoundError, match="'words' reads config.encoders.file, and '' "):
    encoded(tmp_path, **{"encoders.file": ""})
  with pytest.raises(ValueError,
                     match="encoders.file '.*glove.txt' with encoder 'hashing'.*words or vectors"):
    encoded(tmp_path, **{"encoders.text": "hashing"})


# -- files as they are published, and texts as people write them


def binary(rows, end=b""):
  body = b"".join(word.encode() + b" " + np.float32(row).tobytes() + end
                  for word, row in rows.items())
  return f"{len(rows)} {len(next(iter(rows.values())))}\n".encode() + body


@pytest.mark.parametrize("end", [b"", b"\n"])
def test_the_binary_form_of_word2vec_is_read(tmp_path, end):
  file = word_files.WordFile(written(tmp_path, binary(VECTORS, end), "news.bin"))
  again = word_files.WordFile(tmp_path / "news.bin")  # its index comes from disk
  for word, vector in VECTORS.items():
    np.testing.assert_array_equal(file.vector(word), np.float32(vector))
    np.testing.assert_array_equal(again.vector(word), np.float32(vector))
  assert file.vector("lamp") is None and file.index.width == 3


@pytest.mark.parametrize("damage, message", [
  (lambda content: content[:-3], "ends in word 4 of the 4 of 3 numbers"),
  (lambda content: content + b"more 1234", "goes on after the 4 words of 3 numbers"),
  (lambda content: content.replace(b"4 3\n", b"9 3\n"), "ends in word 5 of the 9")])
def test_a_binary_form_that_belies_its_first_line_is_refused(tmp_path, damage, message):
  with pytest.raises(ValueError, match=message):
    word_files.index(written(tmp_path, damage(binary(VECTORS)), "news.bin"))


def packed(folder, name):
  if name.endswith(".gz"):
    content = GLOVE if name != "news.bin.gz" else binary(VECTORS)
    return written(folder, gzip.compress(content), name)
  with zipfile.ZipFile(folder / name, "w") as archive:
    archive.writestr("glove.txt", GLOVE)
  return folder / name


@pytest.mark.parametrize("name", ["glove.txt.gz", "glove.zip", "news.bin.gz"])
def test_packed_files_are_unpacked_once(tmp_path, name, monkeypatch):
  path = packed(tmp_path, name)
  file = word_files.WordFile(path)
  assert file.vector("bed").tolist() == [1, 2, 3]
  monkeypatch.setattr(word_lines, "_unpack", None)
  assert word_files.WordFile(path).index.fingerprint == file.index.fingerprint
  os.utime(path, ns=(5, 5))  # it may be another one
  with pytest.raises(TypeError):
    word_files.WordFile(path)


def test_where_nothing_can_be_written_beside_a_file_it_is_read_all_the_same(tmp_path, monkeypatch):
  path = written(tmp_path)
  monkeypatch.setattr(np, "savez", lambda *_, **__: (_ for _ in ()).throw(
    PermissionError(13, "Permission denied")))
  assert word_files.WordFile(path).vector("bed").tolist() == [1, 2, 3]


@pytest.mark.parametrize("content, words", [
  (b"new york 0.1 0.2 0.3\nbed 1.5 2 3\nthe 1 2.5 3\n", ["bed", "the"]),
  (b"bed 1.5 2 3\nto 5 0.1 0.2 0.3\nthe 1 2.5 3\nroute 66 0.1 0.2 0.3\n", ["bed", "the"]),
  (b"nan 0.1 0.2 0.3\n5 0.1 0.2 0.3\n1e5 0.1 0.2 0.3\n", ["nan", "5", "1e5"])])
def test_numbers_are_counted_from_the_right(tmp_path, content, words):
  file = word_files.WordFile(written(tmp_path, content))
  assert file.index.width == 3
  assert all(file.vector(word) is not None for word in words)


@pytest.mark.parametrize("file, text", [
  ("don't", "don’t"), ("don’t", "don't"), ("don't", "donʼt"), ("Don't", "Don’t"),
  ("well-lit", "well‑lit"), ("café", "cafe\u0301"), ("cafe\u0301", "café"),
  ("cooperate", "co\u00adoperate"), ("हिन्दी", "हिन्दी"), ("ไทย", "ไทย"), ("床", "一张床"),
  ("我家", "我家有一张床"), ("می\u200cخواهم", "می\u200cخواهم"), ("میخواهم", "می\u200cخواهم"),
  ("bed", "bed\ufeff")])
def test_a_word_is_found_however_its_signs_are_written(tmp_path, file, text):
  table = words.load(written(tmp_path, f"{file} 1 2\nzzz 3 4\n".encode()))
  assert table.encode([text])[0].tolist() == [1, 2]


def test_texts_that_become_zeros_are_said(tmp_path):
  table = words.load(written(tmp_path))
  table.encode(["the bed", "lamp", "!!", "👍"])
  assert table.said().endswith("; 3 of 4 texts have none that is, and become zeros")
  assert "become zeros" not in table.said()


def test_words_of_another_encoding_are_named_by_line(tmp_path, caplog):
  with pytest.raises(ValueError,
                     match="glove.txt line 2: the word b'caf.*iconv -f cp1252 -t utf-8 "):
    word_files.index(written(tmp_path, "bed 1\ncafé 2\n".encode("cp1252")))
  word_files.index(written(tmp_path, "bed 1\nthé 2\n".encode() + b"caf\xe9 3\n"))
  assert "as 1 of 2 words beyond ASCII; no text finds them" in caplog.text
