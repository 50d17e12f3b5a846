"""Annotations of three formats become the same objects, and objects words at their places."""

import io
import json
import tarfile
import time
import zipfile

import numpy as np
import pytest
from PIL import Image

from cmx import config as config_lib
from cmx import data
from cmx.data.sets.cmplaces import annotations
from cmx.data.sets.cmplaces.annotations import reading
from cmx.data.sets.cmplaces.annotations import rendering
from cmx.data.sets.cmplaces.annotations import writing

# one photograph of 200 x 100 pixels in three formats: a table at the right, below; a lamp above
OBJECTS = {("table", (0.5, 0.6, 0.9, 1.0)), ("lamp", (0.1, 0.0, 0.3, 0.2))}
LABELME = """<annotation>
<filename>one.jpg</filename>
<folder>a/abbey</folder>
<imagesize><nrows>100</nrows><ncols>200</ncols></imagesize>
<object><name>Table, desk</name><deleted>0</deleted><attributes>old</attributes>
  <polygon><username>anna</username>
    <pt><x>100</x><y>60</y></pt><pt><x>180</x><y>60</y></pt><pt><x>150</x><y>130</y></pt>
  </polygon></object>
<object><name>chair</name><deleted>1</deleted></object>
<object><name>lamp occluded 2</name><deleted>0</deleted>
  <segm><box><xmin>20</xmin><ymin>-5</ymin><xmax>60</xmax><ymax>20</ymax></box></segm></object>
</annotation>
"""
ADE20K = {"annotation": {
  "filename": "one.jpg", "imsize": [100, 200, 3], "scene": ["bakery", "shop"], "object": [
    {"name": "table, desk", "parts": {"part_level": 0},
     "polygon": {"x": [100, 180, 150], "y": [60, 60, 130]}},
    {"name": "leg", "parts": {"part_level": 1}, "polygon": {"x": [100], "y": [60]}},
    {"name": "lamp", "polygon": {"x": [20, 60], "y": [-5, 20]}}]}}
COCO = {"images": [{"id": 7, "file_name": "abbey/one.jpg", "width": 200, "height": 100}],
        "categories": [{"id": 3, "name": "table"}, {"id": 5, "name": "lamp"}],
        "annotations": [{"image_id": 7, "category_id": 3, "bbox": [100, 60, 80, 70]},
                        {"image_id": 7, "category_id": 5, "bbox": [20, -5, 40, 25]}]}


def put(folder, files):
  for name, content in files.items():
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(content if isinstance(content, str) else json.dumps(content))
  return folder


def changed(tree, path, value):
  """A copy of nested dicts and lists with one value replaced."""
  if not path:
    return value
  copy = list(tree) if isinstance(tree, list) else dict(tree)
  copy[path[0]] = changed(tree[path[0]], path[1:], value)
  return copy


# -- reading


@pytest.mark.parametrize("name, content, scene", [
  ("a/abbey/one.xml", LABELME, ("a", "abbey")), ("x/one.json", ADE20K, ("bakery", "shop")),
  ("instances.json", COCO, ("abbey",))])
def test_every_format_gives_the_same_objects(name, content, scene, tmp_path):
  [photograph] = reading.read(put(tmp_path / "set", {name: content, "notes.txt": "no annotation"}))
  assert {(item.name, tuple(np.round(item.box, 9))) for item in photograph.objects} == OBJECTS
  assert scene in photograph.scenes and photograph.key.endswith("one")


def test_a_coco_file_and_an_archive_are_read_where_they_are(tmp_path):
  folder = put(tmp_path, {"x.json": COCO})
  assert len(list(reading.read(folder / "x.json"))) == 1
  with tarfile.open(tmp_path / "x.tar.gz", "w:gz") as archive:
    info = tarfile.TarInfo("Annotations/a/abbey/one.xml")
    info.size = len(LABELME)
    archive.addfile(info, io.BytesIO(LABELME.encode()))
  [photograph] = reading.read(tmp_path / "x.tar.gz")
  assert photograph.key == "Annotations/a/abbey/one"


def test_a_size_that_is_not_written_is_as_far_as_objects_reach(tmp_path):
  text = LABELME.replace("<nrows>100</nrows><ncols>200</ncols>", "").replace("<y>130<", "<y>80<")
  [photograph] = reading.read(put(tmp_path, {"one.xml": text}))
  assert photograph.objects[0].box == pytest.approx((100 / 180, 60 / 80, 1, 1))


@pytest.mark.parametrize("given, name", [
  ("Wall", "wall"), ("person, individual, someone", "person"), ("window  occluded", "window"),
  ("car crop (far) 12", "car"), ("street_lamp", "street lamp"), ("occluded", "")])
def test_names_are_written_without_remarks_and_synonyms(given, name):
  assert annotations.plain(given) == name


BAD = [
  ("one.xml", LABELME.replace("<x>180</x>", "<x>far</x>"), "line 7: <x> 'far'; expected a number"),
  ("one.xml", LABELME.replace("</object>\n</ann", "</obj>\n</ann"), "line 11: mismatched tag"),
  ("one.xml", LABELME.replace("<deleted>1", "<deleted>0"), "line 9: an object without points"),
  ("one.xml", "<!DOCTYPE a [<!ENTITY b 'c'>]><annotation/>", "line 1: a document type 'a'"),
  ("one.xml", "<html><p>none</p></html>", "line 1: no <annotation>; expected LabelMe's XML"),
  ("one.xml", "", "line 1: no element found"),
  ("one.json", '{"images":\n [}', "line 2: Expecting value; expected JSON"),
  ("one.json", {"photos": []}, "line 1: neither 'annotation' nor 'images'"),
  ("one.json", changed(ADE20K, ["annotation", "imsize"], None), "no annotation.imsize of [height"),
  ("one.json", changed(ADE20K, ["annotation", "object", 2, "polygon"], {"x": [1]}),
   "annotation.object[2] (KeyError('y')); expected a name and a polygon"),
  ("one.json", changed(ADE20K, ["annotation", "object", 0, "polygon", "x"], []),
   "annotation.object[0] ("),
  ("one.json", changed(COCO, ["annotations", 1, "bbox"], [1, 2, 3]),
   "annotations[1].bbox [1, 2, 3] (not enough values"),
  ("one.json", changed(COCO, ["annotations", 1, "category_id"], 4),
   "annotations[1] is of image 7 and category 4; expected an id of images and one of categories"),
  ("one.json", changed(COCO, ["images", 0], {"id": 7}),
   "images[0] has no 'file_name'; expected id"),
  ("one.json", changed(COCO, ["categories", 1], "lamp"), "categories[1] has no 'id'")]


@pytest.mark.parametrize("name, content, why", BAD, ids=[why[:30] for *_, why in BAD])
def test_what_is_wrong_is_named_with_its_file_and_place(name, content, why, tmp_path):
  [bad] = reading.read(put(tmp_path, {name: content}))
  assert isinstance(bad, reading.Bad)
  assert bad.where == f"{tmp_path}: {name}" and bad.why.startswith(why)


def test_a_folder_without_annotations_is_refused(tmp_path):
  with pytest.raises(ValueError, match=r"holds no \.xml and no \.json; expected annotations of La"):
    list(reading.read(put(tmp_path, {"a.txt": "x"})))


# -- rendering


def photograph(*objects, key="a/abbey/one"):
  return annotations.Photograph(key, (("abbey",),), tuple(
    annotations.Object(name, box) for name, box in objects))


def inked(page):
  """Middle (x, y) and height of what is written, in pixels."""
  ys, xs = np.nonzero(page < 128)
  return (xs.min() + xs.max()) / 2, (ys.min() + ys.max()) / 2, ys.max() - ys.min() + 1


def test_a_word_stands_in_the_middle_of_its_object():
  page = rendering.render(photograph(("none", (0.5, 0.6, 0.9, 1.0))), 0, 0)
  assert page.shape == (256, 256) and page.dtype == np.uint8 and page[0, 0] == 255
  x, y, _ = inked(page)
  assert abs(x - 0.7 * 256) <= 2 and abs(y - 0.8 * 256) <= 3


def test_height_goes_with_the_root_of_the_area_between_floor_and_ceiling():
  def height(side):
    low, high = 0.5 - side / 2, 0.5 + side / 2
    return inked(rendering.render(photograph(("none", (low, low, high, high))), 0, 0))[2]
  assert height(0.5) == pytest.approx(2 * height(0.25), abs=2)
  assert height(0.01) == height(0.1)  # the floor
  assert height(0.7) == height(1.0)  # the ceiling


def test_a_word_too_long_for_the_picture_is_written_lower():
  long = "photographically illuminated amphitheatre"
  page = rendering.render(photograph((long, (0, 0, 1, 1))), 0, 0)
  xs = np.nonzero((page < 128).any(0))[0]
  assert 180 < xs.max() - xs.min() < 256  # whole, and as wide as it can be
  assert inked(page)[2] < inked(rendering.render(photograph(("none", (0, 0, 1, 1))), 0, 0))[2]


def test_words_do_not_cover_each_other_and_the_largest_keeps_its_place():
  small, large = ("small", (0.4, 0.4, 0.6, 0.6)), ("large", (0, 0, 1, 1))
  both = rendering.render(photograph(small, large), 0, 0)
  large = rendering.render(photograph(large), 0, 0)
  assert (both <= large).all()  # the large word is where it is alone
  assert (both < large).sum() > 50  # and the small one stands beside it


def many(count=30):
  rng = np.random.default_rng(1)
  corners = rng.random((count, 2)) * 0.8
  return photograph(*((f"thing{n % 8}", (*c, *(c + rng.random(2) * 0.2)))
                      for n, c in enumerate(corners)))


def test_pictures_depend_on_key_variation_and_seed_alone():
  first = rendering.render(many(), 3, 7)
  np.testing.assert_array_equal(rendering.render(many(), 3, 7), first)
  others = [rendering.render(many(), 4, 7), rendering.render(many(), 3, 8),
            rendering.render(many()._replace(key="b"), 3, 7)]
  assert all((other != first).any() for other in others)
  np.testing.assert_array_equal(rendering.render(many(), 0, 7), rendering.render(many(), 0, 8))


def test_variations_mirror_the_layout_and_never_the_glyphs():
  still = rendering.Style(drop=0.0, jitter=0.0)
  one = photograph(("leaf", (0.1, 0.4, 0.3, 0.6)))
  pages = [rendering.render(one, n, 0, still) for n in range(20)]
  sides = {round(inked(page)[0] / 256, 1) for page in pages}
  assert sides == {0.2, 0.8}
  words = {page[:, (page < 255).any(0)].tobytes() for page in pages}
  assert len(words) == 1  # the same glyphs on both sides


def test_variations_leave_objects_out_but_never_all():
  def ink(page):
    return (page < 128).sum()
  whole = ink(rendering.render(many(), 0, 0))
  assert np.mean([ink(rendering.render(many(), n, 0)) for n in range(1, 9)]) < 0.95 * whole
  everything = rendering.Style(drop=0.999)
  assert all(ink(rendering.render(many(), n, 0, everything)) for n in range(1, 9))


def test_a_core_draws_three_hundred_pictures_a_second():
  pictures = [many()._replace(key=str(n)) for n in range(40)]
  rendering.render(pictures[0], 0, 0)  # draws the words
  def rate():
    started = time.process_time()
    for one in pictures:
      writing._png(rendering.render(one, 1, 0))
    return len(pictures) / (time.process_time() - started)
  assert max(rate() for _ in range(3)) > 300


# -- writing


def annotated(folder, count=5):
  return put(folder, {f"{letter}/{name}/{n}.xml": LABELME.replace("a/abbey", f"{letter}/{name}")
                      for letter, name in (("a", "abbey"), ("b", "bakery/shop"), ("z", "zoo"))
                      for n in range(count)})


def test_the_archive_is_read_as_cmplaces(tmp_path):
  manual = tmp_path / "manual"
  manual.mkdir()
  said = writing.write(annotated(tmp_path / "sun"), manual / "spatial_text.zip",
                       writing.Options(variations=3, validation=1))
  assert said == ("10 of 15 photographs used, in 2 of 205 categories; pictures: 24 of train, 2 of "
                  "val")
  settings = config_lib.Data(name="cmplaces", root=str(tmp_path), modalities=("spatial_text",),
                             cmplaces=config_lib.Cmplaces(archives=str(manual)))
  data.prepare(settings)
  splits = {split: sources["spatial_text"] for split, sources in data.load(settings).splits.items()}
  assert np.bincount(splits["train"].labels)[[0, 36]].tolist() == [12, 12]
  assert splits["validation"].labels.tolist() == [0, 36]
  photographs = [{source[n]["key"].rsplit("_", 1)[0] for n in range(len(source))}
                 for source in splits.values()]
  assert not photographs[0] & photographs[1]  # all variations of one are of one split
  assert (splits["train"][0]["input"] < 128).any()


def test_the_same_annotations_give_the_same_bytes(tmp_path):
  folder = annotated(tmp_path / "sun")
  made = []
  for name, seed in (("a.zip", 0), ("b.zip", 0), ("c.zip", 1)):
    writing.write(folder, tmp_path / name, writing.Options(variations=2, seed=seed))
    made.append((tmp_path / name).read_bytes())
  assert made[0] == made[1] != made[2]
  assert not list(tmp_path.glob("*.tmp"))


def test_photographs_of_coco_get_their_categories_from_a_list(tmp_path):
  put(tmp_path, {"x.json": changed(COCO, ["images", 0, "file_name"], "one.jpg"),
                 "labels.txt": "one.jpg 36\n"})
  out = tmp_path / "x.zip"
  writing.write(tmp_path / "x.json", out, writing.Options(1, 0), tmp_path / "labels.txt")
  with zipfile.ZipFile(out) as archive:
    assert archive.namelist()[0] == "spatial_text/bakery_shop/one_0.png"
    with Image.open(archive.open(archive.namelist()[0])) as image:
      assert image.size == (256, 256)
  with pytest.raises(ValueError, match="none of 1 photographs in .*x.json shows objects in one of "
                     "the 205 categories; the first is one. Sort them into folders"):
    writing.write(tmp_path / "x.json", out, writing.Options())
  put(tmp_path, {"labels.txt": "one.jpg 0\ntwo.jpg 205\n"})
  with pytest.raises(ValueError, match="labels.txt line 2: label 205 for two.jpg; expected 0 to 2"):
    writing.write(tmp_path / "x.json", out, writing.Options(), tmp_path / "labels.txt")


def test_bad_annotations_are_named_all_together_or_left_out(tmp_path):
  folder = put(annotated(tmp_path / "sun"), {"a/abbey/8.xml": "<annotation>\n<object>",
                                             "a/abbey/9.xml": "words"})
  with pytest.raises(ValueError, match=r"2 annotations cannot be used:\n  .*sun: a/abbey/8.xml: "
                     r"line 2: no element found.*\n  .*9.xml: line 1: .*\nMend .*--damaged=2"):
    writing.write(folder, tmp_path / "x.zip", writing.Options(damaged=1))
  assert "10 of 15 photographs" in writing.write(folder, tmp_path / "x.zip",
                                                 writing.Options(1, damaged=2))


def test_options_that_make_nothing_are_refused(tmp_path):
  with pytest.raises(ValueError, match="0 variations, 10 for validation; expected 1 or more, 0 or"):
    writing.write(tmp_path, tmp_path / "x.zip", writing.Options(variations=0))
