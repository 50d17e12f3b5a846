"""What files are, from their first bytes, and which of them nobody made."""

import gzip
import io
import pickle
import zipfile

import numpy as np
import pytest
from PIL import Image

from cmx.files import kinds
from cmx.files import system_files


def picture(form):
  stream = io.BytesIO()
  Image.new("RGB", (9, 9), "red").save(stream, form)
  return stream.getvalue()


def zipped(*names):
  stream = io.BytesIO()
  with zipfile.ZipFile(stream, "w") as file:
    for name in names:
      file.writestr(name, "x")
  return stream.getvalue()


def arrays():
  stream = io.BytesIO()
  np.savez(stream, x=np.zeros(3))
  return stream.getvalue()


@pytest.mark.parametrize("content, name", [
  (b"", "empty"), (bytes(50), "zeros"),
  (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 9\n", "lfs"),
  (b"/annex/objects/SHA256E-s9--1.jpg\n", "annex"),
  (b"<!DOCTYPE html>\n<html>", "html"), (b"\xef\xbb\xbf\r\n <HTML lang=en>", "html"),
  (b'<?xml version="1.0"?><!DOCTYPE html PUBLIC "-//W3C//DTD"><html>', "html"),
  (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "svg"), (b"<?xml version='1.0'?><svg/>", "svg"),
  (b"<?xml version='1.0'?><Error><Code>AccessDenied</Code>", "xml"),
  (picture("PNG"), "png"), (picture("JPEG"), "jpeg"), (picture("GIF"), "gif"),
  (picture("WEBP"), "webp"), (picture("BMP"), "bmp"), (picture("TIFF"), "tiff"),
  (picture("AVIF"), "avif"),
  (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "heic"), (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", "heic"),
  (b"\0\0\0\x18ftypisom\0\0\0\0isommp41", "video"), (b"RIFF\x24\0\0\0WAVEfmt ", "sound"),
  (b"RIFF\x24\0\0\0AVI LIST", "video"), (b"%PDF-1.4\n", "pdf"),
  (b"%!PS-Adobe-3.0 EPSF", "postscript"),
  (b"8BPS\0\1", "psd"), (bytes(128) + b"DICM", "dicom"), (gzip.compress(b"x"), "gzip"),
  (b"BZh91AY", "bzip2"), (zipped("a.txt"), "zip"), (arrays(), "npz"),
  (zipped("[Content_Types].xml", "word/document.xml"), "docx"),
  (zipped("[Content_Types].xml", "xl/workbook.xml"), "xlsx"), (zipped("archive/data.pkl"), "torch"),
  (b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.", "torch"),
  *((pickle.dumps({"a": [1, 2]}, protocol), "pickle") for protocol in range(6)),
  (b"\x89HDF\r\n\x1a\n", "hdf5"), (b"{\\rtf1 words}", "rtf"), (b"\xff\xfea\0", "utf16"),
  (b"\xba\x16\x4f\x2f\x0c\0\0\0", "fasttext"), (b"\x0a\0\0\0\0\0\0\0{\"a\": {}}", "safetensors")],
  ids=lambda value: value if isinstance(value, str) else "is")  # content has the time in it
def test_a_file_is_known_by_its_first_bytes(tmp_path, content, name):
  (tmp_path / "a").write_bytes(content)
  assert kinds.of(content[:kinds.HEAD]).name == kinds.at(tmp_path / "a").name == name
  assert kinds.sentence_at(tmp_path / "a", name) == ""
  assert kinds.sentence_at(tmp_path / "a").startswith("is ")


@pytest.mark.parametrize("content", [
  b"the 0.5 1 2\n", b"path,text,modality,split,class\n", b'{"path": "a.png"}\n', b"a < b > c",
  b"a bed in a room", b"chair\nbed\n", b"P6 3 3 255\n", "čaj".encode(), b"\x89P"])
def test_what_has_no_mark_of_its_own_is_not_guessed(content):
  assert kinds.of(content) is None
  assert kinds.sentence(content) == ""


def test_a_file_that_is_not_there_has_no_kind(tmp_path):
  assert kinds.sentence_at(tmp_path / "none") == ""


@pytest.mark.parametrize("name", [
  "__MACOSX", "@eaDir", "lost+found", "__pycache__", "Icon\r", "ehthumbs.db", "Thumbs.db",
  "THUMBS.DB", "desktop.ini", ".DS_Store", "._a.jpg", "$RECYCLE.BIN", "System Volume Information",
  "a.jpg:Zone.Identifier", "a.jpg@SynoEAStream", "~$notes.docx", "a.txt~", "#a.txt#"])
def test_what_nobody_made_is_passed_over(name):
  assert system_files.left_behind(name)


@pytest.mark.parametrize("name", ["Icon", "icon", "bed", "a.jpg", "thumbs", "macosx", "a~b.txt",
                                  "#1 bed", "lost", "@home", "cvs and pastes"])
def test_what_somebody_made_is_kept(name):
  assert not system_files.left_behind(name)
