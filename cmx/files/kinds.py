"""What a file really is, from its first bytes, and what to do where something else was expected.

Downloads fail politely (a page instead of the file), version control leaves pointers in the place
of large files, and suffixes are given by hand. A reader that cannot use a file asks here, so that
its refusal names what the file is instead of quoting a decoder.
"""

import pathlib
import re
from typing import NamedTuple

HEAD = 4096  # first bytes that `of` wants


class Kind(NamedTuple):
  """What a file is.

  Attributes:
    name: short name, for code: "html", "gzip", "png".
    what: as a sentence says it: "an HTML page".
    advice: what to do with it where another kind was expected.
  """

  name: str
  what: str
  advice: str


class OtherKind(ValueError):
  """A file that is whole, but not what its reader reads; the message says what to do with it."""


_PAGE = ("a server answered with a page instead of the file: open the address in a browser, see "
         "what it says, and fetch the file itself")
_UNPACK = "unpack it and give what is in it"
_CONVERT = "convert it to PNG or JPEG"
_TEXT = "save it as plain text, in UTF-8"
_ARRAY = "save its numbers as .npy or .npz"
_AGAIN = "fetch the file again, and compare its size with the source's"
_ITSELF = "give the file itself"

# First bytes: name, what it is, advice. Of several that fit, the first counts.
_STARTS = (
  (b"version https://git-lfs.github.com/spec", "lfs", "a Git LFS pointer",
   "the file itself was not fetched: run git lfs pull in its repository"),
  (b"/annex/objects/", "annex", "a git-annex pointer",
   "the file itself was not fetched: run git annex get on it in its repository"),
  (b"\x89PNG\r\n\x1a\n", "png", "a PNG picture", "name it .png"),
  (b"\xff\xd8\xff", "jpeg", "a JPEG picture", "name it .jpg"),
  (b"GIF8", "gif", "a GIF picture", "name it .gif"),
  (b"\0\0\0\x0cjP  ", "jpeg2000", "a JPEG 2000 picture", "name it .jp2"),
  (b"\0\0\0\x0cJXL ", "jxl", "a JPEG XL picture", _CONVERT),
  (b"\xff\x0a", "jxl", "a JPEG XL picture", _CONVERT),
  (b"8BPS", "psd", "a Photoshop file", _CONVERT),
  (b"gimp xcf", "xcf", "a file of GIMP", _CONVERT),
  (b"FUJIFILMCCD-RAW", "raw", "a camera's raw file", _CONVERT),
  (b"\x76\x2f\x31\x01", "exr", "an OpenEXR picture", _CONVERT),
  (b"#?RADIANCE", "hdr", "a Radiance HDR picture", _CONVERT),
  (b"icns", "icns", "an icon of macOS", _CONVERT),
  (b"SIMPLE  =", "fits", "a FITS file", _CONVERT),
  (b"II*\0", "tiff", "a TIFF picture", "name it .tif"),
  (b"MM\0*", "tiff", "a TIFF picture", "name it .tif"),
  (b"II+\0", "bigtiff", "a BigTIFF picture", _CONVERT),
  (b"%PDF", "pdf", "a PDF", "save its pages as PNG, or its text as .txt"),
  (b"%!PS", "postscript", "a PostScript file", _CONVERT),
  (b"\xc5\xd0\xd3\xc6", "postscript", "a PostScript file", _CONVERT),
  (b"\x1f\x8b", "gzip", "compressed by gzip", _UNPACK),
  (b"BZh", "bzip2", "compressed by bzip2", _UNPACK),
  (b"\xfd7zXZ\0", "xz", "compressed by xz", _UNPACK),
  (b"\x28\xb5\x2f\xfd", "zstd", "compressed by zstd", _UNPACK),
  (b"7z\xbc\xaf\x27\x1c", "7z", "a 7-Zip archive", _UNPACK),
  (b"Rar!", "rar", "a RAR archive", _UNPACK),
  (b"\x93NUMPY", "npy", "a NumPy array (.npy)", "name it .npy"),
  (b"\x89HDF\r\n", "hdf5", "an HDF5 file (of Keras, or MATLAB 7.3)", _ARRAY),
  (b"MATLAB ", "mat", "a MATLAB file", _ARRAY),
  (b"PAR1", "parquet", "a Parquet table", "save it as .csv or .jsonl"),
  (b"SQLite format 3\0", "sqlite", "an SQLite data base", "save its table as .csv"),
  (b"\xd0\xcf\x11\xe0", "office", "an old document of Microsoft Office",
   "save it as plain text, or a table as .csv"),
  (b"{\\rtf", "rtf", "an RTF document", _TEXT),
  (b"\xba\x16\x4f\x2f", "fasttext", "fastText's model (.bin)",
   "give its vectors as text, the .vec of the same place"),
  (b"\x00\x05\x16\x07", "appledouble", "macOS's second half of a file (._ name)",
   "give the file without ._ in front"),
  (b"\x4c\0\0\0\x01\x14\x02\0", "shortcut", "a shortcut of Windows", _ITSELF),
  (b"[InternetShortcut]", "shortcut", "a shortcut to a web page", _ITSELF),
  (b"OggS", "sound", "a sound", "give vectors made of it, as .npy"),
  (b"fLaC", "sound", "a sound", "give vectors made of it, as .npy"),
  (b"ID3", "sound", "a sound", "give vectors made of it, as .npy"),
  (b"\x1a\x45\xdf\xa3", "video", "a video", "give single frames of it, as PNG or JPEG"),
  (b"MZ", "program", "a program of Windows", _ITSELF),
  (b"\x7fELF", "program", "a program of Linux", _ITSELF),
  (b"\xff\xfe\0\0", "utf32", "text in UTF-32", _TEXT),
  (b"\0\0\xfe\xff", "utf32", "text in UTF-32", _TEXT),
  (b"\xff\xfe", "utf16", "text in UTF-16", _TEXT),
  (b"\xfe\xff", "utf16", "text in UTF-16", _TEXT),
)
_BRANDS = {"heic": ("heic", "heix", "hevc", "hevx", "heim", "heis", "hevm", "hevs", "mif1", "msf1"),
           "avif": ("avif", "avis")}
# What is in the first bytes of a zip tells which kind it is.
_ZIPS = (
  (b"word/", "docx", "a Word document", _TEXT), (b"xl/", "xlsx", "an Excel workbook",
                                                 "save its table as CSV UTF-8"),
  (b"ppt/", "pptx", "a PowerPoint file", _CONVERT),
  (b"[Content_Types].xml", "office", "a document of Microsoft Office",
   "save it as plain text, or a table as CSV UTF-8"),
  (b"opendocument.text", "odt", "a document of LibreOffice", _TEXT),
  (b"opendocument.spreadsheet", "ods", "a table of LibreOffice", "save it as .csv, in UTF-8"),
  (b"code/__torch__", "torchscript", "a TorchScript program",
   "save the module's state_dict() with torch.save"),
  (b"data.pkl", "torch", "a file of torch.save", "name it .pth"),
  (b".npy", "npz", "NumPy arrays (.npz)", "name it .npz"),
)

# What cameras' own files end in; many are TIFFs within.
_RAW = (".dng", ".nef", ".cr2", ".cr3", ".arw", ".orf", ".rw2", ".pef", ".srw", ".raf")
_BEGINNING = 40  # characters of a text that a sentence quotes

_OLD_PICKLE = re.compile(
  rb"\(dp?\d*\n|\(lp\d+\n|\}q|\]q|\(dq|\(lq|\(i[\w.]+\n"
  rb"|c(?:__builtin__|builtins|copy_?reg|collections|numpy|torch|argparse)[\w.]*\n")


def of(head: bytes) -> Kind | None:
  """The kind of a file that begins so; None where it is none that is known by its first bytes."""
  if not head:
    return Kind("empty", "empty", _AGAIN)
  if len(head) >= 16 and not head.strip(b"\0"):
    return Kind("zeros", "of NUL bytes alone", _AGAIN)
  for start, *kind in _STARTS:
    if head.startswith(start):
      return Kind(*kind)
  return _of_container(head) or _of_markup(head) or _of_pickle(head) or _of_wide_text(head)


def at(path: pathlib.Path) -> Kind | None:
  """The kind of a file, from its first bytes. Raises OSError where it may not be read."""
  with path.open("rb") as file:
    return of(file.read(HEAD))


def sentence(head: bytes, *expected: str, binary: bool = False) -> str:
  """What a file that begins so is, and what to do: "is an HTML page: a server ...".

  Args:
    head: first bytes.
    expected: names of the kinds that the reader can use; of these nothing is said.
    binary: whether the reader can use no plain text, which is then named, too.

  Returns:
    The sentence; "" where the kind is expected, or not known.
  """
  kind = of(head)
  if kind is None and binary:
    kind = _of_text(head)
  return "" if kind is None or kind.name in expected else f"is {kind.what}: {kind.advice}"


def sentence_at(path: pathlib.Path, *expected: str, binary: bool = False) -> str:
  """`sentence` of a file, whose own ending is not advised; "" where it cannot be read."""
  try:
    with path.open("rb") as file:
      head = file.read(HEAD)
  except OSError:
    return ""
  suffix, kind = path.suffix.lower(), of(head)
  if kind is not None and kind.name == "tiff" and suffix in _RAW:
    return f"is a camera's raw file: {_CONVERT}"
  if kind is not None and kind.advice == f"name it {suffix}" and kind.name not in expected:
    return f"is {kind.what}"
  return sentence(head, *expected, binary=binary)


def text(name: str, content: bytes, expected: str, *kinds: str) -> str:
  """The text of a file in UTF-8; `kinds` of files are no reason to refuse it (see `sentence`).

  Raises:
    ValueError: if it is none: what it is instead, or what was `expected` of `name`.
  """
  if said := sentence(content[:HEAD], *kinds):
    raise ValueError(f"{name} {said}")
  try:
    return content.decode("utf-8-sig")
  except UnicodeDecodeError as error:
    raise ValueError(f"{name} is no text in UTF-8 ({error.reason} at byte {error.start}); expected "
                     f"{expected}") from error


def _of_container(head: bytes) -> Kind | None:
  """Files whose first bytes say what form their parts have, and the parts what they are."""
  if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
    first = head[30:30 + int.from_bytes(head[26:28], "little")]  # name of the first member
    found = next((kind for inside, *kind in _ZIPS if inside in head), None)
    if found and found[0] == "npz" and not (first.endswith(b".npy") and b"/" not in first):
      found = None  # arrays among other files
    return Kind(*found) if found else Kind("zip", "a zip archive", _UNPACK)
  if head[:4] == b"RIFF":
    if head[8:12] == b"WEBP":
      return Kind("webp", "a WebP picture", "name it .webp")
    return (Kind("video", "a video", "give single frames of it, as PNG or JPEG")
            if head[8:12] == b"AVI " else
            Kind("sound", "a sound", "give vectors made of it, as .npy"))
  if head[4:8] == b"ftyp":
    brand = head[8:12].decode("latin-1")
    if brand in _BRANDS["avif"] or b"avif" in head[8:32]:
      return Kind("avif", "an AVIF picture", "name it .avif")
    if brand in _BRANDS["heic"]:
      return Kind("heic", "a HEIC picture, as phones take them",
                  f"{_CONVERT}, for instance with heif-convert")
    if brand == "crx ":
      return Kind("raw", "a camera's raw file", _CONVERT)
    return Kind("video", "a video", "give single frames of it, as PNG or JPEG")
  if head[128:132] == b"DICM":
    return Kind("dicom", "a DICOM picture", _CONVERT)
  if head[257:262] == b"ustar":
    return Kind("tar", "a tar archive", _UNPACK)
  if head[:2] == b"BM" and head[6:10] == b"\0\0\0\0":
    return Kind("bmp", "a BMP picture", "name it .bmp")
  if head[8:10] in (b'{"', b"{ ", b"{}") and head[2:8] == b"\0\0\0\0\0\0":
    return Kind("safetensors", "a file of safetensors", "name it .safetensors")
  return None


def _of_markup(head: bytes) -> Kind | None:
  text = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:2048].lower()
  if text.startswith((b"<!doctype html", b"<html", b"<head", b"<body")) or (
      text.startswith(b"<?xml") and b"<html" in text):
    return Kind("html", "an HTML page", _PAGE)
  if text.startswith(b"<svg") or (text.startswith((b"<?xml", b"<!doctype svg", b"<!--"))
                                  and b"<svg" in text):
    return Kind("svg", "an SVG drawing", _CONVERT)
  if text.startswith((b"<?xml", b"<annotation", b"<error")):
    return Kind("xml", "XML", _ITSELF)
  return None


def _of_pickle(head: bytes) -> Kind | None:
  """Pickles: of protocol 2 and later by their first byte, of the older ones by their look."""
  advice = "save its numbers as .npy, .npz or .safetensors: a pickle is a program"
  if head[:1] == b"\x80" and head[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
    return (Kind("torch", "a file of torch.save (old form)", "name it .pth")
            if head[2:].startswith(b"\x8a\x0al\xfc\x9cF\xf9") else
            Kind("pickle", "a pickle of Python", advice))
  return (Kind("pickle", "a pickle of Python, of an old protocol", advice)
          if _OLD_PICKLE.match(head) else None)


def _of_wide_text(head: bytes) -> Kind | None:
  """Text of two bytes a character without the mark at its beginning, as far as it is in ASCII."""
  for name, letters, others in (("UTF-16LE", head[::2], head[1::2]),
                                ("UTF-16BE", head[1::2], head[::2])):
    if len(letters) >= 8 and not others.strip(b"\0") and _printable(letters):
      return Kind("utf16", "text in UTF-16", _TEXT + f": iconv -f {name} -t UTF-8")
  return None


def _of_text(head: bytes) -> Kind | None:
  """Plain text, which stands in the place of many a file that a server did not send."""
  words = head[:-4] if len(head) >= HEAD else head  # a letter may be cut
  if not _printable(words):
    return None
  text = words.decode()[:_BEGINNING].splitlines()[0]
  return Kind("text", f"plain text that begins {text!r}", _AGAIN)


def _printable(words: bytes) -> bool:
  try:
    return all(char.isprintable() or char in "\t\r\n" for char in words.decode())
  except UnicodeDecodeError:
    return False
