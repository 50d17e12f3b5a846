"""What lists and archives of CMPlaces say, and what is said of those that do not fit."""

import hashlib
import io
import pathlib
import shutil
import zipfile

import made_archives
import numpy as np
import pytest
from PIL import Image

from cmx.data.sets.cmplaces import categories
from cmx.data.sets.cmplaces import checksums
from cmx.data.sets.cmplaces import contents
from cmx.data.sets.cmplaces import layout
from cmx.data.sets.cmplaces import lists
from cmx.data.sets.cmplaces import planning
from cmx.files import reading

LABELS = [0, 2, 13, 36]  # abbey, alley, apartment_building/outdoor, bakery/shop
EXAMPLES = {"train": 8, "validation": 4}


# -- categories


def test_categories_are_in_places_order_which_is_not_that_of_the_alphabet():
  assert len(set(categories.NAMES)) == 205
  assert categories.NAMES[:3] == ("abbey", "airport_terminal", "alley")
  assert categories.NAMES[13] == "apartment_building_outdoor" and categories.NAMES[204] == "yard"
  assert list(categories.NAMES) != sorted(categories.NAMES)


@pytest.mark.parametrize("folders, label", [
  (("data", "a", "abbey"), 0), (("a", "apartment_building", "outdoor"), 13), ((), None),
  (("apartment_building_outdoor",), 13), (("abbey", "thumbs"), None), (("outdoor",), None),
  (("h", "hotel_room"), categories.NAMES.index("hotel_room"))])
def test_the_last_folders_name_the_category(folders, label):
  assert categories.of_path(folders) == label


@pytest.mark.parametrize("name", ["/b/bakery/shop", "bakery/shop", "bakery_shop", "Bakery-Shop"])
def test_a_category_is_known_however_it_is_written(name):
  assert categories.label_of(name) == 36


def test_an_unknown_category_is_told_what_is_close():
  assert categories.label_of("airport") is None
  assert "'airport_terminals' is not among the 205 of Places; closest: airport_terminal" in (
    categories.unknown("airport_terminals"))


# -- lists


def test_lines_have_a_path_and_perhaps_a_label():
  found = lists.parse("x.txt", b"a/abbey/my file.jpg 0\n\n  data/text/abbey/1.txt\nb.png,204\n")
  assert found.lines == [lists.Line("a/abbey/my file.jpg", 0, 1),
                         lists.Line("data/text/abbey/1.txt", None, 3), lists.Line("b.png", 204, 4)]


@pytest.mark.parametrize("content, message", [
  (b"\n \n", "x.txt names no file; expected a path a line"),
  (b"\xff\xfe\x00", "x.txt is ")])
def test_a_list_that_is_none_is_refused(content, message):
  with pytest.raises(ValueError, match=message):
    lists.parse("x.txt", content)


@pytest.mark.parametrize("first", [0, 1])
def test_categories_may_be_numbered_from_0_or_1(first):
  content = "\n".join(f"{name} {label + first}" for label, name in enumerate(categories.NAMES))
  assert lists.first_label("categories.txt", content.encode()) == first


@pytest.mark.parametrize("content, message", [
  (b"abbey 0\nairport_terminal 2\n", "categories.txt line 2: label 2 for airport_terminal; "
                                     "expected 1, its place in the order of Places205"),
  (b"abbey 7\n", "line 1: label 7 for abbey; expected 0"),
  (b"abbey\n", "line 1: 'abbey'; expected a category and its label"),
  (b"abbey 0\nzoo 1\n", "line 2: category 'zoo' is not among the 205")])
def test_another_numbering_of_categories_is_refused_with_its_line(content, message):
  with pytest.raises(ValueError, match=message):
    lists.first_label("categories.txt", content)


# -- archives and lists together


@pytest.fixture(scope="module", name="made")
def _made(tmp_path_factory):
  return made_archives.all_of(tmp_path_factory.mktemp("made") / "manual", LABELS)


@pytest.fixture(name="folder")
def _folder(made, tmp_path):
  return pathlib.Path(shutil.copytree(made, tmp_path / "manual"))


@pytest.mark.parametrize("modality", layout.PARTS)
def test_every_modality_is_found_with_its_labels(made, modality):
  plan = planning.plan(made, modality)
  assert {split: len(entries) for split, entries in plan.entries.items()} == EXAMPLES
  for entries in plan.entries.values():
    assert sorted({entry.label for entry in entries}) == LABELS
    for entry in entries:
      public = made_archives.PUBLIC[entry.label]
      assert f"/{public}/" in entry.key or f"/{public.replace('/', '_')}/" in entry.key
  assert plan.remarks[-1] == "12 of 12 files are used"
  assert len({entry.key for entries in plan.entries.values() for entry in entries}) == 12


def test_what_was_found_is_said(made):
  remark = planning.plan(made, "description").remarks[0]
  assert remark.endswith("cmplaces.zip:labels/text_train.txt: 8 lines; "
                         "data/text/abbey/000000.txt is text/abbey/000000.txt in descriptions.zip")


def test_entries_stand_in_the_order_of_the_archive(folder):
  with zipfile.ZipFile(folder / "descriptions.zip") as archive:
    order = archive.namelist()
  (folder / "text_train.txt").write_text("\n".join(
    f"data/{name}" for name in reversed(order) if not name.endswith("2.txt")))
  entries = planning.plan(folder, "description").entries["train"]
  assert [entry.key for entry in entries] == [name for name in order if not name.endswith("2.txt")]
  assert entries[0].where.endswith("text_train.txt line 8")


def test_files_without_a_line_are_left_out(folder):
  (folder / "text_train.txt").write_text("data/text/abbey/000000.txt\n")
  plan = planning.plan(folder, "description")
  assert len(plan.entries["train"]) == 1 and plan.remarks[-1] == "5 of 12 files are used"


def test_lists_beside_the_archives_go_before_those_in_them(folder):
  (folder / "text_train.txt").write_text("text/alley/000001.txt 2\n")
  assert [e.label for e in planning.plan(folder, "description").entries["train"]] == [2]


def test_an_unpacked_folder_serves_like_its_archive(folder):
  with zipfile.ZipFile(folder / "descriptions.zip") as archive:
    archive.extractall(folder / "descriptions")
  packed = planning.plan(folder, "description")
  (folder / "descriptions.zip").unlink()
  unpacked = planning.plan(folder, "description")
  for split, entries in packed.entries.items():
    assert sorted((e.key, e.label) for e in unpacked.entries[split]) == sorted(
      (e.key, e.label) for e in entries)


def test_class_folders_serve_where_there_is_no_list(tmp_path):
  for name in ("train/abbey/a.txt", "train/bakery/shop/b.txt", "val/alley/a.txt"):
    (tmp_path / "text" / name).parent.mkdir(parents=True)
    (tmp_path / "text" / name).write_text("words")
  plan = planning.plan(tmp_path, "description")
  assert [(e.key, e.label) for e in plan.entries["train"]] == [
    ("train/abbey/a.txt", 0), ("train/bakery/shop/b.txt", 36)]
  assert [(e.key, e.label) for e in plan.entries["validation"]] == [("val/alley/a.txt", 2)]
  assert "has no list: class folders of train and val say what is what" in plan.remarks[0]


def test_missing_archives_are_listed_with_where_from_and_where_to(tmp_path):
  message = layout.missing(tmp_path, layout.PARTS)
  assert message.startswith(f"archives are missing in {tmp_path}:\n  natural: "
                            "imagesPlaces205_resize (.zip, .tar, .tar.gz,")
  assert message.count("cmplaces.csail.mit.edu") == 4
  assert "places.csail.mit.edu, Places205" in message
  assert "text_train.txt and text_val.txt" in message and "val_places205.csv" in message
  assert layout.missing(made_archives.all_of(tmp_path, [0]), layout.PARTS) == ""
  with pytest.raises(FileNotFoundError, match="\n  drawing: line_drawings"):
    (tmp_path / "line_drawings.zip").unlink()
    planning.plan(tmp_path, "drawing")


def test_a_list_that_names_missing_files_is_refused_with_its_lines(folder):
  (folder / "text_val.txt").write_text("data/text/abbey/000002.txt\ndata/text/abbey/9.txt\n")
  with pytest.raises(ValueError,
                     match=r"text_val.txt names 1 (?s:.*)line 2: data/text/abbey/9.txt, "):
    planning.plan(folder, "description")


def test_many_missing_files_are_counted(folder):
  lines = ["data/text/abbey/000002.txt", *(f"data/text/abbey/x{n}.txt" for n in range(30))]
  (folder / "text_val.txt").write_text("\n".join(lines))
  with pytest.raises(ValueError, match="names 30 files .*(?s:.*)x9.txt\n  and 20 more"):
    planning.plan(folder, "description")


def test_an_archive_of_other_files_is_the_wrong_one(folder):
  (folder / "descriptions.zip").unlink()
  shutil.copy(folder / "clipart.zip", folder / "descriptions.zip")
  with pytest.raises(ValueError,
                     match="first 8 .*data/text/abbey/000000.txt; .*clipart/abbey/000000"):
    planning.plan(folder, "description")


def test_a_category_that_is_not_among_the_205_is_refused_with_its_line(folder):
  with zipfile.ZipFile(folder / "descriptions.zip", "a") as archive:
    archive.writestr("text/abbeys/1.txt", "words")
  (folder / "text_train.txt").write_text("text/abbey/000000.txt\ntext/abbeys/1.txt\n")
  with pytest.raises(ValueError,
                     match=r"text_train.txt line 2: category 'abbeys'.* 205 .*closest: abbey\."):
    planning.plan(folder, "description")


def test_labels_in_another_order_are_refused_with_their_line(folder):
  (folder / "text_train.txt").write_text("text/abbey/000000.txt 0\ntext/alley/000000.txt 1\n")
  with pytest.raises(ValueError,
                     match="text_train.txt line 2: label 1 for text/alley/000000.txt; expected 2"):
    planning.plan(folder, "description")


def test_labels_alone_do_where_folders_say_nothing(tmp_path):
  with zipfile.ZipFile(tmp_path / "text.zip", "w") as archive:
    for name in ("a.txt", "b.txt"):
      archive.writestr(f"all/{name}", "words")
  (tmp_path / "text_train.txt").write_text("a.txt 204\n")
  (tmp_path / "text_val.txt").write_text("b.txt 3\n")
  plan = planning.plan(tmp_path, "description")
  assert [entries[0].label for entries in plan.entries.values()] == [204, 3]
  (tmp_path / "text_val.txt").write_text("b.txt 205\n")
  with pytest.raises(ValueError, match="text_val.txt line 1: label 205; expected 0 to 204"):
    planning.plan(tmp_path, "description")


def test_one_list_without_the_other_is_refused(tmp_path):
  made_archives.others(tmp_path, [0])
  (tmp_path / "cmplaces.zip").unlink()
  (tmp_path / "clipart_val.txt").write_text("clipart/abbey/000002.png\n")
  with pytest.raises(ValueError, match="only .*clipart_val.txt; expected clipart_train.txt"):
    planning.plan(tmp_path, "clipart")


def test_neither_lists_nor_folders_of_splits_is_refused(tmp_path):
  made_archives.others(tmp_path, [0])
  (tmp_path / "cmplaces.zip").unlink()
  with pytest.raises(ValueError,
                     match="clipart.zip .*train/<category>/; .*clipart/abbey/000000.png"):
    planning.plan(tmp_path, "clipart")


def test_an_unknown_class_folder_is_refused_by_name(tmp_path):
  (tmp_path / "text" / "train" / "zoo").mkdir(parents=True)
  (tmp_path / "text" / "train" / "zoo" / "a.txt").write_text("words")
  with pytest.raises(ValueError, match="text: train/zoo/a.txt: category 'zoo' is not among the "
                                       "205"):
    planning.plan(tmp_path, "description")


def test_the_stamp_changes_with_an_archive_or_a_list(folder):
  before = layout.stamp(folder, "description")
  assert layout.stamp(folder, "description") == before
  (folder / "text_val.txt").write_text("text/abbey/000002.txt")
  listed = layout.stamp(folder, "description")
  with zipfile.ZipFile(folder / "descriptions.zip", "a") as archive:
    archive.writestr("text/abbey/9.txt", "more")
  assert len({before, listed, layout.stamp(folder, "description")}) == 3


# -- checksums


def test_checksums_are_checked_where_they_are_given(folder):
  files = layout.files(folder, "description")
  assert checksums.check(folder, files) == []
  digest = hashlib.sha256((folder / "descriptions.zip").read_bytes()).hexdigest()
  sums = folder / "SHA256SUMS"
  sums.write_text(f"{digest}  descriptions.zip\n{'0' * 64}  elsewhere.zip\n")
  assert checksums.check(folder, files) == ["descriptions.zip has the SHA-256 that SHA256SUMS says"]
  sums.write_text(f"{'0' * 64} *descriptions.zip\n")
  with pytest.raises(ValueError, match=f"has SHA-256 {digest}; .*SHA256SUMS says 0000.* again"):
    checksums.check(folder, files)
  sums.write_text("abc descriptions.zip\n")
  with pytest.raises(ValueError, match="SHA256SUMS line 1: 'abc descriptions.zip'; expected 64"):
    checksums.check(folder, files)


# -- contents


def test_pictures_of_256_pixels_stay_as_they_are():
  for kind in ("JPEG", "PNG"):
    content = made_archives.picture(0, 0, kind=kind)
    assert contents.picture(content) == content


@pytest.mark.parametrize("size, "
                         "kind", [((128, 64), "PNG"), ((300, 256), "JPEG"), ((256, 256), "GIF")])
def test_other_pictures_become_white_padded_png_of_256_pixels(size, kind):
  kept = contents.picture(made_archives.picture(0, 0, size, kind))
  with Image.open(io.BytesIO(kept)) as image:
    assert (image.format, image.mode, image.size) == ("PNG", "RGB", (256, 256))
    if size == (128, 64):
      assert image.getpixel((128, 10)) == (255, 255, 255)  # twice as wide as high: white above


def test_pictures_to_be_turned_are_turned_before_they_are_kept():
  stream, exif = io.BytesIO(), Image.Exif()
  exif[0x0112] = 3  # upside down
  image = Image.new("RGB", (256, 256), "white")
  image.paste((0, 0, 0), (0, 0, 256, 128))
  image.save(stream, "JPEG", exif=exif)
  pixels = contents.pixels(contents.picture(stream.getvalue()), 256)
  assert pixels[20].mean() > 250 and pixels[-20].mean() < 5


@pytest.mark.parametrize("damage", [lambda c: c[:600], lambda c: b"not a picture", lambda c: b""])
def test_pictures_that_do_not_decode_are_unusable(damage):
  with pytest.raises(reading.Unusable, match="does not decode as an image|empty file"):
    contents.picture(damage(made_archives.picture(0, 0)))


def test_a_picture_cut_in_the_middle_is_unusable_though_its_head_is_right():
  content = made_archives.picture(0, 0)
  with pytest.raises(reading.Unusable, match="does not decode as an image: .*truncated"):
    contents.picture(content[:len(content) - 200])


def test_smaller_pixels_are_the_picture_reduced():
  content = made_archives.picture(0, 0, kind="PNG")
  whole, small = contents.pixels(content, 256), contents.pixels(content, 64)
  assert small.shape == (64, 64, 3) and small.dtype == np.uint8
  np.testing.assert_allclose(small[8, 8], whole[32, 32], atol=2)  # the middle of a block


def test_texts_are_read_in_utf8_or_as_older_windows_wrote_them():
  assert contents.text("\ufeffA café,\r\n  quiet. ".encode("utf-8")) == "A café, quiet."
  assert contents.text("A café\x92s terrace".encode("latin-1")) == "A café’s terrace"
  with pytest.raises(reading.Unusable, match="empty text"):
    contents.text(b" \n")
  with pytest.raises(reading.Unusable, match="1,000,001 bytes of text; expected 1,000,000 at most"):
    contents.text(b"a" * 1_000_001)


@pytest.mark.parametrize("text, words", [
  ("data/text/abbey/000000.txt\ndata/text/abbey/000000.txt\n", ["line 2", "line 1"]),
  ("data/text/abbey/000000.txt 0\n\n./data/text/abbey/000000.txt 0\n", ["line 3", "line 1"])])
def test_a_file_that_is_listed_twice_is_refused(folder, text, words):
  (folder / "text_train.txt").write_text(text)
  with pytest.raises(ValueError) as refused:
    planning.plan(folder, "description")
  assert all(word in str(refused.value) for word in words), refused.value


def test_a_file_that_is_in_both_splits_is_refused(folder):
  for split in ("train", "val"):
    (folder / f"text_{split}.txt").write_text("data/text/abbey/000000.txt\n")
  with pytest.raises(ValueError, match="val.txt line 1: .* is listed in .*train.txt line 1"):
    planning.plan(folder, "description")


@pytest.mark.parametrize("path", ["a/abbey/my file.jpg", "a b/c d/e f.jpg", "a/abbey/x (1).jpg"])
def test_blanks_belong_to_a_path_without_a_label(path):
  assert lists.parse("x.txt", f"{path}\n{path} 3\n".encode()).lines == [
    lists.Line(path, None, 1), lists.Line(path, 3, 2)]
