"""Bad files of vectors: each is refused by the name of what it is, with what to do."""

import gzip
import io
import os
import pickle
import subprocess
import zipfile

import numpy as np
import pytest

from cmx.data import encoders
from cmx.data.encoders import hashing

GOOD = b"the 0.5 -1 0.2\nbed 1.5 2 3\nlamp 4.5 5 6\n"


def zipped(**members):
  stream = io.BytesIO()
  with zipfile.ZipFile(stream, "w") as file:
    for name, content in members.items():
      file.writestr(f"{name}.txt", content)
  return stream.getvalue()


def arrays(**named):
  stream = io.BytesIO()
  np.savez(stream, **named)
  return stream.getvalue()


def array(x):
  stream = io.BytesIO()
  np.save(stream, x)
  return stream.getvalue()


NAMES, VECTORS = np.array(["bed", "lamp"]), np.ones((2, 3), np.float32)
BAD = {
  "empty": ("a.txt", b"", "a.txt has no words"), "blank lines": ("a.txt", b"\n\n", "has no words"),
  "a header alone": ("a.txt", b"3 4\n", "a.txt has no words"),
  "lines of old macs": ("a.txt", GOOD.replace(b"\n", b"\r"), "end as on old Macs: tr '\\r' '\\n'"),
  "html in a gzip": ("a.gz", gzip.compress(b"<!DOCTYPE html>"), "a.gz is an HTML page"),
  "html": ("a.txt", b"<!DOCTYPE html><html>", "a.txt is an HTML page: a server answered"),
  "lfs": ("a.txt", b"version https://git-lfs.github.com/spec/v1\n", "is a Git LFS pointer"),
  "utf-16": ("a.txt", GOOD.decode().encode("utf-16"), "a.txt is text in UTF-16"),
  "cp1252": ("a.txt", GOOD + b"caf\xe9 1 2 3\n",
             "a.txt line 4: the word b'caf\\xe9' is not in UTF"),
  "fasttext's model": ("a.bin", b"\xba\x16\x4f\x2f" + bytes(99),
                       "is fastText's model (.bin): give"),
  "hdf5": ("a.txt", b"\x89HDF\r\n\x1a\n", "is an HDF5 file"),
  "pickle": ("a.pkl", pickle.dumps({"bed": [1.0]}), "is a pickle of Python"),
  "bzip2": ("a.txt.bz2", b"BZh91AY&SY", "is compressed by bzip2: unpack it"),
  "xz": ("a.txt.xz", b"\xfd7zXZ\0\0", "is compressed by xz"),
  "7z": ("a.7z", b"7z\xbc\xaf\x27\x1c", "is a 7-Zip archive"),
  "rar": ("a.rar", b"Rar!\x1a\x07", "is a RAR archive"), "tar": (
    "a.tar", b"a" * 257 + b"ustar", "is a tar archive"),
  "several in a zip": ("a.zip", zipped(a=GOOD, b=GOOD), "it holds 2 files (a.txt, b.txt)"),
  "nothing in a zip": ("a.zip", zipped(), "it holds 0 files"),
  "half a gzip": ("a.gz", gzip.compress(GOOD * 99)[:60], "a.gz cannot be unpacked"),
  "half a zip": ("a.zip", zipped(a=GOOD)[:60], "a.zip cannot be unpacked"),
  "zeros in a gzip": ("a.gz", gzip.compress(bytes(20_000_000)), "more than 100 times as large"),
  "words": ("a.txt", b"There is a bed\n", "line 1: 'There is a bed'; expected a word and its"),
  "commas": ("a.csv", b"the,0.5,1\nbed,1,2\n", "here commas separate them: tr ',' ' '"),
  "semicolons": ("a.txt", b"the;0.5;1\nbed;1;2\n", "here semicolons separate them"),
  "a short line": ("a.txt", GOOD + b"stove 1 2\n", "line 4: 2 numbers; expected 3"),
  "a long line": ("a.txt", GOOD + b"stove 1.5 2.5 3.5 4.5\n", "line 4: 4 numbers; expected 3"),
  "a line without numbers": ("a.txt", GOOD + b"stove\n", "line 4: 0 numbers; expected 3"),
  "cut short": ("a.txt", GOOD[:-4], "line 3: 1 numbers; expected 3"),
  "a number with a comma": ("a.txt", b"the 1 2 3\nbed 1,5 2 3\n", "line 2: could not convert"),
  "a header of more words": ("a.txt", b"9 3\n" + GOOD, "line 1 says 9 words, and 3 follow"),
  "a header of fewer words": ("a.txt", b"2 3\n" + GOOD, "line 1 says 2 words, and 3 follow"),
  "a header of another width": ("a.txt", b"3 5\n" + GOOD,
                                "line 1 says 5 numbers a word, line 2 has"),
  "NaN": ("a.txt", b"the 1 2\nbed nan 1\nlamp 3 4\n", "line 2: not every number is finite"),
  "beyond float32": ("a.txt", b"the 1 2\nbed 1e39 1\nlamp 3 4\n",
                     "line 2: not every number is fin"),
  "npz, html": ("a.npz", b"<html>", "a.npz is an HTML page"),
  "npz, lfs": ("a.npz", b"version https://git-lfs.github.com/spec/v1\n", "is a Git LFS pointer"),
  "npz, empty": ("a.npz", b"", "a.npz cannot be read"),
  "npz, no names": ("a.npz", arrays(x=VECTORS), "its arrays are x float32 (2, 3)"),
  "npz, few names": ("a.npz", arrays(x=VECTORS, n=NAMES[:1]), "2 vectors and 1 names"),
  "npz, objects": ("a.npz", arrays(x=VECTORS, n=NAMES.astype(object)),
                   "an array of Python objects; expected numbers, or strings of numpy's own: save "
                   "names as array.astype(str)"),
  "npz, a text": ("a.npz", b"Entry not found", "a.npz is plain text that begins 'Entry not found'"),
  "npz, no rows": ("a.npz", arrays(x=VECTORS[:0], n=NAMES[:0]), "has vectors [0, 3]; expected 1"),
  "npz, no columns": ("a.npz", arrays(x=VECTORS[:, :0], n=NAMES), "has vectors [2, 0]"),
  "npz, NaN": ("a.npz", arrays(x=VECTORS * np.nan, n=NAMES), "a.npz row 0, 'bed': vector with"),
  "npz, beyond float32": ("a.npz", arrays(x=np.full((2, 3), 1e300), n=NAMES), "a.npz row 0, 'bed'"),
  "npz, integers": ("a.npz", arrays(x=VECTORS.astype(int), n=NAMES), "its arrays are x int64"),
  "npy, no names": ("a.npy", array(VECTORS), "there is no a.txt"),
  "npy, a vector": ("a.npy", array(VECTORS[0]), "it holds float32 (3,)"),
  "npy, pickle": ("a.npy", pickle.dumps([1.0]), "a.npy is a pickle of Python"),
}


def answered(path):
  """What is said of a file of word vectors when it is opened and asked for a word."""
  with pytest.raises((ValueError, FileNotFoundError)) as error:
    encoders.load("words", "", "text", str(path)).encode(["the bed of 9 3", "lamp"])
  message = f"{error.value}"
  assert message.isprintable() and len(message) < 1_000, message
  return message


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_of_word_vectors_is_named_with_what_it_is(tmp_path, name):
  file, content, said = BAD[name]
  (tmp_path / file).write_bytes(content)
  assert said in answered(tmp_path / file)


def test_a_folder_is_no_file_of_word_vectors(tmp_path):
  assert "is a folder, or no file" in answered(tmp_path)


@pytest.mark.parametrize("content, said", [
  (b"bed\nlamp\n\xe9\n", "a.txt is not UTF-8: invalid continuation byte at byte 9"),
  (b"bed\n", "a.npy has 2 vectors and 1 names"), (b"", "a.npy has 2 vectors and 1 names")])
def test_bad_names_beside_vectors_are_named(tmp_path, content, said):
  (tmp_path / "a.npy").write_bytes(array(VECTORS))
  (tmp_path / "a.txt").write_bytes(content)
  assert said.split(": ")[0] in answered(tmp_path / "a.npy")


def test_names_beside_vectors_may_begin_with_a_mark_of_their_encoding(tmp_path):
  (tmp_path / "a.NPY").write_bytes(array(VECTORS))
  (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbfbed\r\nlamp\r\n")
  assert encoders.load("words", "", "text", str(tmp_path / "a.NPY")).encode(["bed"]).all()


@pytest.mark.parametrize("name", ["cp1252", "commas", "semicolons", "several in a zip"])
def test_the_command_that_a_message_names_leads_on(tmp_path, name):
  file, content, _ = BAD[name]
  (tmp_path / file).write_bytes(content)
  message = answered(tmp_path / file)
  if name == "several in a zip":
    command, new = message.split("you want: ")[1], "a.txt"
  elif name == "cp1252":
    command, new = message.split("Convert the file: ")[1], f"utf8_{file}"
  else:
    command = message.split("them: ")[1].split(" turns")[0] + f" < {file} > spaces.txt"
    new = "spaces.txt"
  assert subprocess.run(command, shell=True, cwd=tmp_path, check=False,
                        capture_output=True).returncode == 0
  os.utime(tmp_path / new)
  assert encoders.load("words", "", "text", str(tmp_path / new)).encode(["the bed"]).any()


@pytest.mark.parametrize("content, text", [
  (b" bed 1 2\n lamp 3 4\n", "bed"), (b"bed 1 2 \nlamp 3 4 \n", "bed"),
  ("fish 1 2\nbed 1 2\n".encode(), "ﬁsh"), ("x 1 2\nbed 1 2\n".encode(), "ｂｅｄ"),
  (b"don't 1 2\nbed 1 2\n", "don`t"), (b"don't 1 2\nbed 1 2\n", "don´t"),
  ("سرير 1 2\nbed 1 2\n".encode(), "سَرِير"), (b"bed_room 1 2\nbed 1 2\n", "bed_room"),
  (b"strasse 1 2\nbed 1 2\n", "STRAẞE")])
def test_a_word_is_found_however_it_is_written(tmp_path, content, text):
  (tmp_path / "a.txt").write_bytes(content)
  found = encoders.load("words", "", "text", str(tmp_path / "a.txt")).encode([text])
  np.testing.assert_array_equal(found, [[1, 2]])


def test_words_that_come_twice_are_said(tmp_path, caplog):
  (tmp_path / "a.txt").write_bytes(GOOD + b"bed 9 9 9\n")
  found = encoders.load("words", "", "text", str(tmp_path / "a.txt")).encode(["bed"])
  np.testing.assert_array_equal(found, [[1.5, 2, 3]])
  assert "a.txt has 1 words twice, such as 'bed'; the first of each counts" in caplog.text


# -- texts by the default encoder


@pytest.mark.parametrize("one, other", [
  ("cafe\u0301", "café"), ("don’t", "don't"), ("donʼt", "don't"), ("co\u00adoperate", "cooperate"),
  ("می\u200cخواهم", "میخواهم"), ("İstanbul", "i\u0307stanbul"), ("a bed\ufeff", "a bed"),
  ("ＢＥＤ", "bed"), ("ﬁsh", "fish"), ("ﾍﾞｯﾄﾞ", "ベッド"), ("سَرِير", "سرير"), ("שָׁלוֹם", "שלום"),
  ("سـرير", "سرير"), ("ﻣﺮﺣﺒﺎ", "مرحبا"), ("STRASSE", "straße"), ("ΟΔΟΣ", "οδος")])
def test_hashing_reads_alike_what_people_read_alike(one, other):
  x, y = hashing.encode([one, other])
  np.testing.assert_array_equal(x, y)


@pytest.mark.parametrize("one, other, least", [
  ("我家有一张床", "这张床很大", 0.1), ("これは大きなベッドです", "ベッドは大きい", 0.2),
  ("ฉันมีเตียงใหญ่", "เตียงใหญ่มาก", 0.3), ("मेरे पास बिस्तर है", "यह बिस्तर है", 0.3)])
def test_hashing_finds_what_texts_of_any_script_share(one, other, least):
  x, y = hashing.encode([one, other])
  assert x @ y > least


def test_a_blank_without_a_look_parts_words():
  x, y = hashing.encode(["bed\u200blamp", "bed lamp"])
  np.testing.assert_array_equal(x, y)


def test_hashing_keeps_the_vowel_signs_of_words_apart():
  x, y = hashing.encode(["की", "का"])
  assert abs(x @ y) < 1
