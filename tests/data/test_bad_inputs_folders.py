"""Bad pictures, texts, vectors and folders: each is answered by name, by the check as by training.

A row of the tables below is one input and what is said of it. `refused` keeps training from
starting; `remarked` does not, and is said all the same; `read` is as good as any other.
"""

import gzip
import io
import os
import pathlib
import pickle
import struct
import zipfile
import zlib

import numpy as np
import pytest
from PIL import Image

import bad_folders as made
from cmx import data as data_lib
from cmx.data import check
from cmx.data.sets.folders import dataset as folders

pytestmark = pytest.mark.filterwarnings("ignore:.*EXIF.*:UserWarning",
                                        "ignore:.*malformed MPO.*:UserWarning",
                                        "ignore:Truncated:UserWarning")


def refused(data, *said):
  """Training refuses before its first step, and the check says the same beforehand."""
  with pytest.raises((ValueError, FileNotFoundError)) as error:
    folders.prepare(data)
    data_lib.load(data)
  message = f"{error.value}"
  try:
    report = check.check(data)
  except (ValueError, FileNotFoundError) as beforehand:
    text = f"{beforehand}"
  else:
    assert report.problems, message
    text = check.text(report)
  for part in said:
    assert part in message and part in text, (part, message, text)
  assert len(message.splitlines()) < 12 and message.isprintable() or "\n" in message
  assert max(map(len, message.splitlines())) < 1_200
  message.encode(), text.encode()


def remarked(data, *said):
  report = check.check(data)
  assert report.problems == [] and report.bad == []
  text = check.text(report)
  for part in said:
    assert part in text, (part, text)
  text.encode()
  folders.prepare(data)
  return data_lib.load(data)


def read(data):
  report = check.check(data)
  assert (report.problems, report.bad) == ([], [])
  folders.prepare(data)
  return data_lib.load(data)


@pytest.fixture(name="root")
def _root(tmp_path):
  return made.folders(tmp_path / "mine")


@pytest.fixture(name="answers", scope="module")
def _answers(tmp_path_factory):
  """{file: why} of a data set with every bad file of the tables below, beside good ones.

  The check and training say the same of each, and training does not begin where one may not be
  left out.
  """
  root = with_vectors(made.folders(tmp_path_factory.mktemp("bad") / "mine"))
  for kind, suffix, table in TABLES:
    for name, (content, _) in table.items():
      made.put(root / f"{kind}/train/bed/{name}.{suffix}", content)
  report = check.check(made.settings(root))
  with pytest.raises(ValueError, match="files cannot be used"):
    folders.prepare(made.settings(root, damaged=len(report.bad) - 1))
  data = made.settings(root, damaged=len(report.bad))
  folders.prepare(data)
  left_out = folders._left_out(folders._folder(data, folders.listing_lib.find(data.folders)))
  said = {bad["file"]: bad["why"] for bad in report.bad}
  assert said == dict(left_out) and len(said) == len(left_out)
  assert [len(source) for source in data_lib.load(data).splits["train"].values()] == [4] * 4
  return said


def answered(said, file, words):
  """One printable line, not too long, that has these words."""
  why = said[file]
  assert words in why and f"{file}: {why}".isprintable() and len(why) < 1_200
  why.encode()


# -- pictures


def picture(form="PNG", mode="RGB", size=(8, 8), **options):
  stream = io.BytesIO()
  shape = (*size[::-1], *(() if mode in ("L", "1") else (len(mode),)))
  pixels = np.random.default_rng(3).integers(0, 255, shape).astype(np.uint8)
  image = Image.fromarray(pixels) if mode != "CMYK" else Image.new(mode, size, (9, 50, 80, 20))
  image.save(stream, form, **options)
  return stream.getvalue()


def gray(values, form="TIFF"):
  stream = io.BytesIO()
  Image.fromarray(values).save(stream, form)
  return stream.getvalue()


def chunk(name, body, crc=None):
  check_sum = zlib.crc32(name + body) if crc is None else crc
  return struct.pack(">I", len(body)) + name + body + struct.pack(">I", check_sum)


def with_chunk(added, content=None):
  """A PNG with another chunk behind its header."""
  content = content or picture()
  return content[:33] + added + content[33:]


def exif(orientation, rational=(1, 1)):
  """EXIF with an orientation and a signed rational beside it, as some cameras write them."""
  entries = (struct.pack("<HHII", 0x0112, 3, 1, orientation)
             + struct.pack("<HHII", 0x9201, 10, 1, 38))
  return (b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<H", 2) + entries + bytes(4)
          + struct.pack("<ii", *rational))


def with_segment(marker, body, content=None):
  content = content or picture("JPEG")
  return content[:2] + bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body + content[2:]


def half(content):
  return content[:len(content) // 2]


def wide(form, low, high):
  return gray(np.linspace(low, high, 64).reshape(8, 8).astype(form))


LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:12\nsize 9\n"
PAGE = b"<!DOCTYPE html>\n<html><body>404</body></html>"
HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(99)


def zipped(**members):
  stream = io.BytesIO()
  with zipfile.ZipFile(stream, "w") as file:
    for name, content in members.items():
      file.writestr(name.replace("__", "/").replace("_DOT_", "."), content)
  return stream.getvalue()


BAD_PICTURES = {
  "html": (PAGE, "it is an HTML page: a server answered"),
  "html with blanks": (b"\n\n <html>", "it is an HTML page"),
  "lfs": (LFS, "it is a Git LFS pointer: the file itself was not fetched: run git lfs pull"),
  "annex": (b"/annex/objects/SHA256E-s3--a.jpg", "it is a git-annex pointer"),
  "heic": (HEIC, "it is a HEIC picture, as phones take them: convert it to PNG or JPEG"),
  "jxl": (b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(50), "it is a JPEG XL picture"),
  "svg": (b"<svg xmlns='http://www.w3.org/2000/svg'></svg>", "it is an SVG drawing"),
  "svg with a prologue": (b"<?xml version='1.0'?>\n<svg></svg>", "it is an SVG drawing"),
  "pdf": (b"%PDF-1.4\n%\xe2\xe3", "it is a PDF"),
  "postscript": (b"%!PS-Adobe-3.0 EPSF-3.0", "it is a PostScript file"),
  "photoshop": (b"8BPS\0\1" + bytes(90), "it is a Photoshop file"),
  "gzip": (gzip.compress(picture()), "it is compressed by gzip: unpack it"),
  "zip": (zipped(a_DOT_png=b"x"), "it is a zip archive: unpack it"),
  "word document": (zipped(word__document_DOT_xml="x"), "it is a Word document"),
  "npy": (b"\x93NUMPY\1\0" + bytes(90), "it is a NumPy array"),
  "pickle": (pickle.dumps([1]), "it is a pickle of Python"),
  "hdf5": (b"\x89HDF\r\n\x1a\n" + bytes(9), "it is an HDF5 file"),
  "video": (b"\0\0\0\x18ftypisom\0\0\0\0mp41" + bytes(90), "it is a video"),
  "sound": (b"RIFF\x24\0\0\0WAVEfmt " + bytes(30), "it is a sound"),
  "dicom": (b"\x01" + bytes(127) + b"DICM", "it is a DICOM picture"),
  "xml": (b"<?xml version='1.0'?><Error>denied</Error>", "it is XML"),
  "utf-16": ("words".encode("utf-16"), "it is text in UTF-16"),
  "utf-16 without its mark": ("no picture".encode("utf-16-be"), "it is text in UTF-16"),
  "a server's answer": (b'{"error": "not found"}', "it is plain text that begins '{\"error\": "),
  "an address": (b"data:image/png;base64,iVBORw0", "it is plain text that begins 'data:image/p"),
  "lines before it": (b"\r\n" + picture("JPEG"), "no format that is known begins with b'\\r\\n"),
  "zeros": (bytes(500), "it is of NUL bytes alone: fetch the file again"),
  "empty": (b"", "empty file"),
  "words": (b"a photo of a bed", "does not decode as an image: it is plain text that begins"),
  "half a png": (half(picture(size=(90, 90))), "does not decode as an image"),
  "half a jpeg": (half(picture("JPEG", size=(90, 90))), "does not decode as an image"),
  "half a webp": (half(picture("WEBP", size=(90, 90))), "does not decode as an image"),
  "half a gif": (half(picture("GIF", "L", size=(90, 90))), "does not decode as an image"),
  "signature alone": (picture()[:8], "does not decode as an image"),
  "pixels damaged": (picture().replace(b"IDAT", b"IDAX"), "does not decode as an image"),
  "too many pixels": (b"P4 9000 9000\n", "9000 x 9000 pixels; expected 80,000,000 at most"),
  "a bomb": (b"P4 90000 90000\n", "more than 80,000,000 pixels"),
  "integers of 32 bits": (wide(np.int32, 0, 100_000), "integers of 0 to 100,000 in an image"),
  "negative integers": (wide(np.int32, -5, 100), "integers of -5 to 100 in an image of 32 bits"),
  "float to 255": (wide(np.float32, 0, 255), "float image with values outside [0, 1]"),
  "float with NaN": (gray(np.full((8, 8), np.nan, np.float32)), "float image with values outside"),
  "float with infinity": (gray(np.full((8, 8), np.inf, np.float32)), "float image with values"),
}


@pytest.mark.parametrize("name", BAD_PICTURES)
def test_a_bad_picture_is_named_with_what_it_is(answers, name):
  answered(answers, f"photo/train/bed/{name}.jpg", BAD_PICTURES[name][1])


GOOD_PICTURES = {
  "text of three million letters": with_chunk(chunk(b"zTXt",
                                                    b"k\0\0" + zlib.compress(b"a" * 3_000_000))),
  "text that does not inflate": with_chunk(chunk(b"zTXt", b"k\0\0rubbish")),
  "text with a wrong sum": with_chunk(chunk(b"tEXt", b"k\0v", crc=1)),
  "international text of its kind": with_chunk(
    chunk(b"iTXt", b"k\0\1\0\0\0" + zlib.compress(b"a" * 3_000_000))),
  "profile that does not inflate": with_chunk(chunk(b"iCCP", b"p\0\0rubbish")),
  "profile too large": with_chunk(chunk(b"iCCP", b"p\0\0" + zlib.compress(bytes(3_000_000)))),
  "unknown chunk with a wrong sum": with_chunk(chunk(b"abCd", b"x", crc=1)),
  "exif that is none": with_chunk(chunk(b"eXIf", b"rubbish")),
  "gamma of no number": with_chunk(chunk(b"gAMA", b"")),
  "time of another length": with_chunk(chunk(b"tIME", b"x")),
  "resolution of another length": with_chunk(chunk(b"pHYs", b"x")),
  "exif, a rational below zero": with_segment(0xE1, exif(6, (-1, 0))),
  "exif, orientation 77": with_segment(0xE1, exif(77)),
  "exif, cut short": with_segment(0xE1, exif(6)[:20]),
  "exif that is rubbish": with_segment(0xE1, b"Exif\0\0rubbish"),
  "photoshop's segment damaged": with_segment(0xED, b"Photoshop 3.0\0" + b"8BIM\4\4\xff\xff"),
  "profile damaged": with_segment(0xE2, b"ICC_PROFILE\0\1\1rubbish"),
  "several pictures announced": with_segment(0xE2, b"MPF\0rubbish"),
  "ducky": with_segment(0xEC, b"Ducky\0rubbish"),
  "comment": with_segment(0xFE, b"\xff\xfe\0"),
  "cmyk": picture("JPEG", "CMYK"), "gray": picture("JPEG", "L"), "bits": picture("PNG", "L",
                                                                                 bits=1),
  "progressive": picture("JPEG", progressive=True),
  "bytes behind the end": picture("JPEG") + b"more", "png and more": picture() + b"more",
  "transparent": picture("PNG", "RGBA"), "webp": picture("WEBP", exif=exif(6, (-1, 0))[6:]),
  "png with exif": picture("PNG", exif=exif(6)[6:]),
}


def test_what_stands_beside_a_picture_never_costs_it_nor_does_its_suffix(root):
  suffixes = "jfif jpe JPG Jpeg jif pjpeg apng pnm mpo".split()
  for name, content in GOOD_PICTURES.items():
    made.put(root / f"photo/train/bed/{name}.png", content)
  for suffix in suffixes:
    made.put(root / f"photo/train/bed/suffix.{suffix}", picture("JPEG"))
  source = read(made.settings(root)).splits["train"]["photo"]
  examples = [source[index] for index in range(len(source))]
  pixels = {pathlib.Path(example["key"]).name: example["input"] for example in examples}
  for name in GOOD_PICTURES:
    assert pixels[f"{name}.png"].std() > 5 or name in ("cmyk", "bits"), name
  assert {f"suffix.{suffix}" for suffix in suffixes} < set(pixels)


def test_a_turned_picture_is_turned_whatever_else_its_exif_says(root):
  image = Image.new("RGB", (16, 16), "blue")
  image.paste("red", (0, 0, 16, 8))  # red above
  stream = io.BytesIO()
  image.save(stream, "JPEG", quality=95)
  made.put(root / "photo/train/bed/0.png",
           with_segment(0xE1, exif(6, (-1, 0)), stream.getvalue()))
  x = read(made.settings(root)).splits["train"]["photo"][0]["input"]
  assert x[4, 6, 0] > 200 > 55 > x[4, 1, 0]  # a quarter clockwise: above comes to the right


@pytest.mark.parametrize("values, said", [
  (np.linspace(0, 4095, 64).astype(np.uint16), "pictures of 12 bits in 16, which come out dark"),
  (np.linspace(0, 1023, 64).astype(np.uint16), "pictures of 10 bits in 16"),
  (np.linspace(0, 255, 64).astype(np.uint16), "pictures of 8 bits in 16"),
  (np.linspace(0, 3, 64).astype(np.int32), "pictures of 2 bits in 16"),
  (np.arange(64).astype(np.uint8) % 2, "pictures without anything brighter than 25 of 255, as ma"),
  (np.linspace(0, 0.05, 64).astype(np.float32), "pictures without anything brighter than 25"),
  (np.zeros(64, np.uint8), "pictures of plain white or black: 1 (photo/train/bed/0.png)"),
  (np.full(64, 255, np.uint8), "pictures of plain white or black: 1 (photo/train/bed/0.png)")])
def test_a_doubtful_picture_is_remarked(root, values, said):
  form = "PNG" if values.dtype in (np.uint8, np.uint16) else "TIFF"
  made.put(root / "photo/train/bed/0.png", gray(values.reshape(8, 8), form))
  remarked(made.settings(root), said)


def test_a_dark_picture_is_remarked_though_it_is_not_square(root):
  made.put(root / "photo/train/bed/0.png", gray(20 * np.eye(8, 20, dtype=np.uint8), "PNG"))
  remarked(made.settings(root), "pictures without anything brighter than 25 of 255")


# -- texts


BAD_TEXTS = {
  "empty": (b"", "empty text"), "blanks": (b" \n\t", "empty text"),
  "bom alone": (b"\xef\xbb\xbf", "empty text"),
  "no-break blanks": ("\u00a0\u2003".encode(), "empty text"),
  "NULs": (bytes(9), "empty text"), "more NULs": (bytes(99), "no plain text: it is of NUL bytes"),
  "zero-width blanks": ("\u200b\u200b\n\u2060".encode(), "empty text: blanks, NULs or signs"),
  "direction marks": ("\u200f\u202e".encode(), "empty text: blanks, NULs or signs"),
  "controls": (b"\1\2\3", "empty text: blanks, NULs or signs"),
  "latin-1": (b"caf\xe9", "text is not UTF-8: unexpected end of data at byte 3; save it as UTF-8"),
  "utf-16": ("words".encode("utf-16"), "no plain text: it is text in UTF-16: save it as plain"),
  "utf-16 without its mark": ("the words".encode("utf-16-le"), "it is text in UTF-16: save it"),
  "utf-32": ("words".encode("utf-32"), "no plain text: it is text in UTF-32"),
  "html": (PAGE, "no plain text: it is an HTML page"), "lfs": (LFS, "it is a Git LFS pointer"),
  "rtf": (b"{\\rtf1 words}", "it is an RTF document: save it as plain text"),
  "pdf": (b"%PDF-1.4\n\xe2\xe3\0", "it is a PDF"),
  "word": (zipped(word__document_DOT_xml="x"), "it is a Word document: save it as plain text"),
  "odt": (zipped(mimetype="application/vnd.oasis.opendocument.text"), "a document of LibreOffice"),
  "old word": (b"\xd0\xcf\x11\xe0\xa1\xb1" + bytes(50), "an old document of Microsoft Office"),
  "gzip": (gzip.compress(b"a bed"), "it is compressed by gzip"),
  "png": (picture(), "it is a PNG picture"),
  "long": (b"a" * 1_000_001, "1,000,001 bytes of text; expected 1,000,000 at most"),
}


@pytest.mark.parametrize("name", BAD_TEXTS)
def test_a_bad_text_is_named_with_what_it_is(answers, name):
  answered(answers, f"note/train/bed/{name}.txt", BAD_TEXTS[name][1])


@pytest.mark.parametrize("text, said", [
  ("👍🎉", "texts without a word, of which encoders by words make zero vectors: 1"),
  ("?! ...", "texts without a word"), ("___", "texts without a word"), ("🇫🇷", "texts without a"),
  ("我家有一张床", "script without blanks between words (Chinese characters)"),
  ("これはベッド", "script without blanks between words (Japanese)"),
  ("เตียงนอน", "script without blanks between words (Thai)"),
  ("bed in 東京 ไทย", "script without blanks between words (Chinese characters, Thai)"),
  ("a caf\ufffd", "texts with U+FFFD, which stands for letters that were lost"),
  ("a cafÃ© bed", "texts with letters such as Ã© for é, as UTF-8 shows when read in another"),
  ("donâ€™t", "texts with letters such as Ã© for é"), ("a &quot;big&quot; bed", "HTML's signs"),
  ("a bed &#39;n more", "texts with HTML's signs such as &amp;"),
  ("NaN", "texts that say 'NaN' alone, as tables do where a cell is empty"),
  ("null", "texts that say 'null' alone")])
def test_a_doubtful_text_is_remarked(root, text, said):
  made.put(root / "note/train/bed/0.txt", text)
  remarked(made.settings(root), said, "(note/train/bed/0.txt)")


# -- vectors


def npy(x):
  stream = io.BytesIO()
  np.save(stream, x, allow_pickle=True)
  return stream.getvalue()


BAD_VECTORS = {
  "empty": (b"", "empty file"), "zeros": (bytes(99), "it is of NUL bytes alone"),
  "html": (PAGE, "does not read as .npy: it is an HTML page"),
  "lfs": (LFS, "does not read as .npy: it is a Git LFS pointer"),
  "npz": (zipped(x_DOT_npy=npy(np.zeros(3))), "it is NumPy arrays (.npz): name it .npz"),
  "pickle": (pickle.dumps([1.0]), "it is a pickle of Python"),
  "gzip": (gzip.compress(b"1"), "it is compressed by gzip"),
  "words": (b"1 2 3", "does not read as .npy"), "matrix": (npy(np.zeros((3, 1))), "[3, 1]"),
  "scalar": (npy(np.float32(3)), "array of shape []; expected one vector"),
  "none": (npy(np.zeros(0)), "vectors of 0 entries"), "wide": (npy(np.zeros(70_000)), "70,000"),
  "strings": (npy(np.array(["1", "2", "3"])), "array of <U1; expected numbers"),
  "objects": (npy(np.array([1, None, 2], object)), "array of object; expected numbers"),
  "complex": (npy(np.zeros(3, complex)), "array of complex128; expected numbers"),
  "dates": (npy(np.zeros(3, "M8[s]")), "expected numbers"),
  "NaN": (npy(np.array([1, np.nan, 2])), "not finite"), "inf": (npy(np.full(3, np.inf)), "not fin"),
  "beyond float32": (npy(np.full(3, 1e300)), "not finite"),
  "half": (npy(np.zeros(99))[:300], "does not read as .npy"),
  "another width": (npy(np.arange(4.0)), "vector of 4 entries; expected 3"),
}


def with_vectors(root):
  """With a modality of vectors in files of their own."""
  for s, split in enumerate(made.SPLITS):
    for c, name in enumerate(made.CLASSES):
      for i in range(2):
        made.put(root / f"touch/{split}/{name}/{i}.npy", npy(np.arange(3.0) + 9 * s + 3 * c + i))
  return root


@pytest.mark.parametrize("name", BAD_VECTORS)
def test_a_bad_vector_is_named_with_what_it_is(answers, name):
  answered(answers, f"touch/train/bed/{name}.npy", BAD_VECTORS[name][1])


TABLES = (("photo", "jpg", BAD_PICTURES), ("note", "txt", BAD_TEXTS),
             ("touch", "npy", BAD_VECTORS))


@pytest.mark.parametrize("kind, suffix, table", TABLES, ids=["picture", "text", "vector"])
def test_one_bad_file_is_enough_to_be_refused(root, kind, suffix, table):
  file = f"{kind}/train/bed/1.{suffix}"
  made.put(with_vectors(root) / file, table["lfs"][0])
  refused(made.settings(root), f"{file}: ", "it is a Git LFS pointer")


@pytest.mark.parametrize("x, said", [
  (np.zeros(3), "vectors of zeros alone: 1 (touch/train/bed/1.npy)"),
  (np.full(3, 1e6), "vectors with entries beyond 10,000; scale them"),
  (np.full(3, -1e30), "vectors with entries beyond 10,000")])
def test_a_doubtful_vector_is_remarked(root, x, said):
  made.put(with_vectors(root) / "touch/train/bed/1.npy", npy(x))
  remarked(made.settings(root), said)


def table(x=np.ones((2, 3)), y=(0, 1), classes=made.CLASSES, **more):
  stream = io.BytesIO()
  named = {name: value for name, value in (("x", x), ("y", y), ("classes", classes))
           if value is not None}
  np.savez(stream, **{name: np.array(value) for name, value in {**named, **more}.items()})
  return stream.getvalue()


def doubled():
  stream = io.BytesIO(table())
  with pytest.warns(UserWarning), zipfile.ZipFile(stream, "a") as file:
    file.writestr("y.npy", npy(np.array([1, 0])))
  return stream.getvalue()


BAD_TABLES = {
  "empty": (lambda: b"", "does not read as .npz: it is empty"),
  "html": (lambda: PAGE, "does not read as .npz: it is an HTML page"),
  "lfs": (lambda: LFS, "it is a Git LFS pointer"),
  "npy": (lambda: npy(np.zeros(3)), "it is a NumPy array"),
  "mat": (lambda: b"MATLAB 5.0 MAT-file" + bytes(99), "it is a MATLAB file"),
  "a zip of texts": (lambda: zipped(a_DOT_txt="x"), "no 'x' in the table"),
  "class twice": (lambda: table(classes=("bed", "bed")), "class 'bed' is there twice in classes"),
  "class in two forms": (lambda: table(classes=("é", "e\u0301")), "is there twice in classes"),
  "class of two lines": (lambda: table(classes=("bed", "la\nmp")), "has a line break in its name"),
  "class without name": (lambda: table(classes=("bed", " ")), "no class; expected its name"),
  "label without name": (lambda: table(y=("bed", "")), "no class; expected its name"),
  "label of two lines": (lambda: table(y=("bed", "la\rmp"), classes=None), "has a line break"),
  "y and labels": (lambda: table(labels=("lamp", "bed")), "y and labels, which differ"),
  "array twice": (doubled, "an array that is there twice"),
  "label beyond": (lambda: table(y=(0, 2)), "label 2 in y; expected 0 to 1"),
  "label below": (lambda: table(y=(0, -1)), "label -1 in y; expected 0 to 1"),
  "label of no class": (lambda: table(y=("bed", "sofa")), "label 'sofa' in y"),
  "rows": (lambda: table(y=(0, 1, 0)), "2 rows in x but y of shape [3]"),
  "floats": (lambda: table(y=(0.0, 1.0)), "y of float64; expected integers or strings"),
  "one hot": (lambda: table(y=np.eye(2, dtype=int)), "y of shape [2, 2]; expected [2]"),
  "NaN": (lambda: table(x=np.array([[1, 2, 3], [1, np.nan, 3]])), "sound/train.npz#1: vector with"),
  "width": (lambda: table(x=np.ones((2, 5))), "vector of 3 entries; expected 5"),
}


@pytest.mark.parametrize("name", BAD_TABLES)
def test_a_bad_table_is_named_with_what_it_is(root, name):
  content, said = BAD_TABLES[name]
  made.put(root / "sound/train.npz", content())
  refused(made.settings(root), "sound/", said)


# -- folders


def move(root, old, new):
  (root / new).parent.mkdir(parents=True, exist_ok=True)
  (root / old).rename(root / new)


def split_first(root):
  for modality in ("photo", "note", "sound"):
    for split in made.SPLITS:
      suffix = ".npz" if modality == "sound" else ""
      move(root, f"{modality}/{split}{suffix}", f"{split}/{modality}{suffix}")
    (root / modality).rmdir()


def without_splits(root):
  for name in made.CLASSES:
    move(root, f"photo/train/{name}", f"photo/{name}")
  for split in made.SPLITS:
    (root / f"photo/{split}").rename(root.parent / f"away_{split}")


BAD_FOLDERS = {
  "class of two lines": (lambda r: move(r, "note/train/bed", "note/train/be\nd"),
                         "note/train/be\\nd: class be\\nd has a line break in its name"),
  "class with a tab": (lambda r: move(r, "note/train/bed", "note/train/be\td"),
                       "class be\\td has the control character '\\t' in its name"),
  "class with a line separator": (lambda r: move(r, "note/train/bed", "note/train/be\u2028d"),
                                  "has a line break in its name"),
  "class of blanks": (lambda r: move(r, "note/train/bed", "note/train/  "), "no class; expected"),
  "class not in UTF-8": (lambda r: move(r, "note/train/bed", "note/train/caf\udce9"),
                         "class 'caf\\\\udce9' is not valid Unicode"),
  "modality of two lines": (lambda r: move(r, "note", "no\nte"),
                            "no\\nte: modality's name; expected"),
  "modality with a blank": (lambda r: move(r, "note", "my note"), "my note: modality's name"),
  "modality with a point": (lambda r: move(r, "note", "note.v2"), "note.v2: modality's name"),
  "modality with a dash in front": (lambda r: move(r, "note", "-note"), "-note: modality's name"),
  "modality of 250 letters": (lambda r: move(r, "note", "n" * 250),
                              "250 bytes; expected 100 at most"),
  "modality of 60 letters of two bytes": (lambda r: move(r, "note", "é" * 60),
                                          "120 bytes; expected"),
  "modality not in UTF-8": (lambda r: move(r, "note", "n\udce9"), "modality's name; expected"),
  "splits first": (split_first, "has splits first, as in train/note/bed; splits come second: "
                   "note/train/bed"),
  "one modality": (lambda r: [(r / m).rename(r.parent / m) for m in ("photo", "sound")],
                   "1 modality with examples (note); expected 2 or more"),
  "a level too high": (lambda r: move(r.parent, "mine", "mine2/inner") or move(
    r.parent, "mine2", "mine"), "mine has folders inner where modalities are expected; give the "
                       "folder below it"),
  "no splits": (without_splits, "photo: bed, lamp where splits are expected; expected photo/train"),
  "a split of another name": (lambda r: move(r, "note/validation", "note/dev"),
                              "note/dev: not a split; expected note/train and note/validation"),
  "a table of another name": (lambda r: move(r, "sound/train.npz", "sound/all.npz"),
                              "sound/all.npz: not a split's folder or table"),
  "a split that is a file": (lambda r: made.put(r / "note/test", "x"),
                             "note/test: a file; expected"),
  "a file beside the classes": (lambda r: made.put(r / "note/train/x.txt", "x"),
                                "note/train/x.txt: not in a class's folder"),
  "a folder in a class": (lambda r: (r / "note/train/bed/more").mkdir(),
                          "a folder inside a class's"),
  "classes a level deeper": (lambda r: (move(r, "note/train/bed", "note/train/a/bed"),
                                        move(r, "note/train/lamp", "note/train/a/lamp")),
                             "note/train/a: folders (bed, lamp) inside a class's folder, and no "
                             "files; classes lie one level deep"),
  "a link to nowhere": (lambda r: (r / "photo/train/sofa").symlink_to("photo/train/bed"),
                        "photo/train/sofa: a link to photo/train/bed, which is not there: a link "
                        "is read from the folder that it is in"),
  "a link to nowhere from the top": (lambda r: (r / "photo/train/sofa").symlink_to("/nowhere/x"),
                                     "a link to /nowhere/x, which is not there; expected files"),
  "a link to itself": (lambda r: (r / "photo/train/sofa").symlink_to("sofa"),
                       "photo/train/sofa: a link to sofa, which leads back to itself"),
  "a file's link to nowhere": (lambda r: (r / "photo/train/bed/9.png").symlink_to("8.png"),
                               "photo/train/bed/9.png: a link to 8.png, which is not there"),
  "a split's link to nowhere": (lambda r: (r / "photo/test").symlink_to("gone"),
                                "photo/test: a link to gone, which is not there"),
  "a pipe": (lambda r: os.mkfifo(r / "photo/train/bed/9.png"),
             "photo/train/bed/9.png: neither a file nor a folder"),
  "no suffix": (lambda r: made.put(r / "photo/train/bed/9", picture()),
                "file type without suffix; expected one of .png"),
  "no suffix, a picture": (lambda r: made.put(r / "photo/train/bed/9", picture()),
                           "It is a PNG picture: name it .png"),
  "heic": (lambda r: made.put(r / "photo/train/bed/9.heic", HEIC), "It is a HEIC picture"),
  "svg": (lambda r: made.put(r / "photo/train/bed/9.svg", "<svg/>"), "It is an SVG drawing"),
  "a camera's raw file": (lambda r: made.put(r / "photo/train/bed/9.NEF", picture("TIFF")),
                          "It is a camera's raw file: convert it to PNG or JPEG"),
  "half a download": (lambda r: made.put(r / "photo/train/bed/9.jpg.part", "x"), "file type .part"),
  "kinds mixed": (lambda r: made.put(r / "photo/train/bed/9.txt", "x"), "modality 'photo' mixes"),
  "nothing in a modality": (lambda r: (r / "smell").mkdir(), "modality 'smell' is empty"),
  "no training examples": (lambda r: (r / "sound/train.npz").unlink(), "has no training examples"),
  "no validation examples": (lambda r: (r / "sound/validation.npz").unlink(),
                             "has no validation examples"),
}


@pytest.mark.parametrize("name", BAD_FOLDERS)
def test_bad_folders_are_named(root, name):
  damage, said = BAD_FOLDERS[name]
  damage(root)
  refused(made.settings(root), said)


ODD_FOLDERS = {
  "blanks and underscores": (lambda r: [move(r, f"photo/{s}/bed", f"photo/{s}/liv_room")
                                        or move(r, f"note/{s}/bed", f"note/{s}/liv room")
                                        for s in made.SPLITS],
                             "differ by blanks, signs or letters that look alike only: liv room, "
                             "liv_room; they count as different classes"),
  "hyphens": (lambda r: move(r, "note/train/bed", "note/train/be-d"), "be-d, bed; they count"),
  "case": (lambda r: move(r, "note/train/bed", "note/train/BED"), "differ by case only: BED, bed"),
  "a sign without a look": (lambda r: move(r, "note/train/bed", "note/train/b\u200ded"),
                            "look alike only: bed, b\\u200ded"),
  "a split with a blank behind": (lambda r: made.put(r / "note/train /bed/9.txt", "x"),
                                  "modality 'note' has train and train , which are read as one"),
  "a class of no name": (lambda r: move(r, "note/train/bed", "note/train/NaN"),
                         "names as tables have where a cell is empty: NaN"),
  "a class of two alphabets": (lambda r: move(r, "note/train/bed", "note/train/b\u0435d"),
                               "names of letters of several alphabets, which look alike: b\\u0435"),
  "a class misread": (lambda r: move(r, "note/train/bed", "note/train/cafÃ©"),
                      "names that seem misread: cafÃ©"),
  "a blank behind": (lambda r: made.put(r / "note/train/bed /9.txt", "x"),
                     "folders 'bed' and 'bed ' in note/train are read as one class, bed"),
  "val and validation": (lambda r: made.put(r / "note/val/bed/9.txt", "x"),
                         "modality 'note' has val and validation, which are read as one split"),
  "train and training": (lambda r: made.put(r / "note/Training/bed/9.txt", "x"),
                         "modality 'note' has Training and train, which are read as one split"),
  "a table and a folder": (lambda r: made.put(r / "sound/train/bed/9.npy", npy(np.arange(3.0))),
                           "modality 'sound' has train and train.npz, which are read as one split"),
  "a code and its name": (lambda r: (move(r, "photo", "natural"), move(
    r, "natural/train/bed", "NAT/train/bed")), "modality 'natural' is there under two names"),
  "modalities alike": (lambda r: [made.put(r / f"Note/{s}/bed/{s}.txt", f"x {s}")
                                  for s in made.SPLITS],
                       "differ by case only: Note, note; they count as different modalities"),
  "a class linked to another": (lambda r: (r / "photo/train/sofa").symlink_to("bed"),
                                "photo/train/sofa is a link to photo/train/bed, whose files count"),
  "a split linked to another": (lambda r: (r / "photo/test").symlink_to("train"),
                                "photo/test is a link to photo/train"),
  "an empty class": (lambda r: (r / "photo/train/sofa").mkdir(),
                     "a class's folder without files: photo/train/sofa"),
  "a test split": (lambda r: made.put(r / "note/test/bed/9.txt", "x"),
                   "its split test is not used"),
  "a file beside modalities": (lambda r: made.put(r / "README.md", "x"), "passed over: README.md"),
}


@pytest.mark.parametrize("name", ODD_FOLDERS)
def test_odd_folders_are_remarked(root, name):
  damage, said = ODD_FOLDERS[name]
  damage(root)
  remarked(made.settings(root), said)


LEFT_BEHIND = (
  "__MACOSX", "@eaDir", "lost+found", "__pycache__", "Icon\r", "ehthumbs.db", "Thumbs.db",
  "desktop.ini", ".DS_Store", "._0.png", "$RECYCLE.BIN", "System Volume Information",
  "0.png:Zone.Identifier", "#recycle", ".ipynb_checkpoints", "0.txt~", "Picasa.ini",
  "_gsdata_", "Icon\uf00d")


@pytest.mark.parametrize("place", ["", "photo", "photo/train", "photo/train/bed"])
def test_what_desktops_leave_behind_is_passed_over_and_counted(root, place):
  for name in LEFT_BEHIND:
    if name.startswith(("_", "@", "$", "#", ".ip", "lost", "System")):
      (root / place / name).mkdir()
    else:
      made.put(root / place / name, "x")
  dataset = remarked(made.settings(root), "passed over: ", f", {len(LEFT_BEHIND) - 5} more")
  assert [len(source) for source in dataset.splits["train"].values()] == [4, 4, 4]


def test_the_advice_against_splits_that_come_first_leads_on(root):
  split_first(root)
  with pytest.raises(ValueError) as error:
    check.check(made.settings(root))
  command = f"{error.value}".split("To turn them: ")[1]
  # the sound's tables lie beside the folders, and move as these do but for their names
  for split in made.SPLITS:
    move(root, f"{split}/sound.npz", f"sound/{split}.npz")
  assert os.system(command) == 0
  read(made.settings(root))


# -- bad files left out


def test_bad_files_are_left_out_where_so_many_may_be(root, caplog):
  made.put(root / "photo/train/bed/0.png", PAGE)
  made.put(root / "note/train/lamp/0.txt", "")
  made.put(root / "sound/train.npz", table(x=np.array([[np.nan] * 3] + [[1, 2, 3]] * 3),
                                           y=(0, 1, 0, 1)))
  refused(made.settings(root, damaged=2),
          "3", "--config.data.folders.damaged=3", "photo/train/bed/0.png: ")
  data = made.settings(root, damaged=3)
  report = check.check(data)
  assert report.problems == [] and len(report.bad) == 3
  assert "bad files left out: 3 of 3 allowed" in report.remarks
  folders.prepare(data)
  assert "3 files left out:\n  note/train/lamp/0.txt: empty text\n  photo/train/bed/0.png: does" \
    in caplog.text
  train = data_lib.load(data).splits["train"]
  assert [len(train[name]) for name in ("photo", "note", "sound")] == [3, 3, 3]
  assert train["photo"][0]["key"] == "photo/train/bed/1.png"
  assert train["sound"][0] == {"input": pytest.approx([1, 2, 3]), "label": 1,
                               "key": "sound/train.npz#1"}
  assert train["note"].labels.tolist() == [0, 0, 1]
  with pytest.raises(ValueError, match="3 of 24 files cannot be used"):  # though it is prepared
    data_lib.load(made.settings(root, damaged=2))


def test_data_that_cannot_do_without_their_bad_files_are_refused(root):
  for i in range(2):
    for name in made.CLASSES:
      made.put(root / f"note/train/{name}/{i}.txt", "")
  refused(made.settings(root, damaged=9), "modality 'note' has no training examples")


def test_a_few_files_of_another_kind_cost_themselves_alone(root):
  for i in range(20):
    made.paint(root / f"photo/train/bed/{i}.png", i)
  made.put(root / "photo/train/bed/readme.txt", "x")
  refused(made.settings(root), "photo/train/bed/readme.txt: text where the other 26 of modality "
          "'photo' are pixels", "--config.data.folders.damaged=1")
  data = made.settings(root, damaged=1)
  assert check.check(data).problems == []
  folders.prepare(data)
  assert len(data_lib.load(data).splits["train"]["photo"]) == 22


def test_many_faults_are_counted(root):
  for i in range(60):
    made.put(root / f"note/train/bed/9.{'x' * (i + 1)}", "x")
  refused(made.settings(root), "60 of one kind, the first note/train/bed/9.x: file type .x; expe")
  bad = [folders.items_lib.Bad(f"{i}", "x" * i) for i in range(60)]
  lines = folders.items_lib.lines(bad)
  assert len(lines) == 40
  assert lines[-1] == "and 21 lines more; python -m launch.check has all with --json"


def test_many_files_of_one_fault_are_one_line(root):
  for i in range(40):
    made.put(root / f"note/train/bed/{i}.docx", "x")
  refused(made.settings(root), "40 of one kind: file type .docx", "note/train/bed/0.docx, note",
          "and 37 more")


BAD_OPTIONS = [
  ({"reference": "smell"}, "reference 'smell'; expected one of note, photo, sound"),
  ({"written": ("signs",)}, "written modality 'signs'; expected among note, photo, sound"),
  ({"modalities": ("photo", "smell")}, "modality 'smell'; this data set has"),
  ({"holdout": 1.5}, "holdout 1.5; expected a share between 0 and 1"),
  ({"holdout": -0.1}, "holdout -0.1; expected a share between 0 and 1"),
  ({"unseen_classes": 1}, "unseen_classes 1 of 2; expected 0 to 0"),
  ({"unseen_classes": -1}, "unseen_classes -1 of 2; expected 0 to 0")]


@pytest.mark.parametrize("fields, said", BAD_OPTIONS)
def test_options_that_training_would_refuse_are_refused_by_the_check(root, fields, said):
  refused(made.settings(root, **fields), said)


def test_a_part_held_out_that_would_be_empty_is_said(root):
  for name in made.CLASSES:
    (root / f"note/train/{name}/1.txt").unlink()
  refused(made.settings(root, holdout=0.5),
          "modality 'note' has no validation examples left, with holdout 0.5 of its 2 training")
