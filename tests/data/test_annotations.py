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
from cmx.files import fonts

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
  ("car crop (far) 12", "car"), ("street_lamp", "street lamp"), ("occluded", ""),
  ("3d printer", "3d printer"), ("tv2", "tv2"), ("mp3 player", "mp3 player"), ("7", ""),
  ("wall (1", "wall (1"), ("wall 1", "wall"), ("cafe\u0301", "caf\u00e9"), ("(2)", ""),
  ("ta\nble", "ta ble"), ("a\x07b", "a b"), ("\u200b", ""), ("la\u00admp", "lamp")])
def test_names_are_written_without_remarks_and_synonyms(given, name):
  assert annotations.plain(given) == name


BAD = [
  ("one.xml", LABELME.replace("</object>\n</ann", "</obj>\n</ann"), "line 11: mismatched tag"),
  ("one.xml", "<!DOCTYPE a [<!ENTITY b 'c'>]><annotation/>", "line 1: a document type 'a'"),
  ("one.xml", "<html><p>none</p></html>", "line 1: no <annotation>; expected LabelMe's XML"),
  ("one.xml", "", "line 1: no element found"),
  ("one.xml", LABELME.replace("<nrows>100", "<nrows>high"), "line 4: <imagesize> 'high'"),
  ("one.xml", LABELME.replace("<nrows>100", "<nrows>nan"), "line 4: <imagesize> 'nan'"),
  ("one.xml", '<?xml version="1.0" encoding="gb18031"?>' + LABELME, "line 1: it says that it"),
  ("one.xml", '<?xml version="1.0" encoding="utf-7"?>' + LABELME.replace("Table", "+…"), "line 1"),
  ("one.xml", "version https://git-lfs.github.com/spec/v1\noid sha256:1\n", "is a Git LFS pointer"),
  ("one.json", '{"images":\n [}', "line 2: Expecting value; expected JSON"),
  ("one.json", '{"images": [], "images": ', "line 1: Expecting value"),
  ("one.json", "[" * 100_000, "lists or objects in each other without end"),
  ("one.json", '{"a":' * 100_000, "lists or objects in each other without end"),
  ("one.json", "", "line 1: Expecting value"),
  ("one.json", "3", "line 1: neither 'annotation' nor"),
  ("one.json", "<!DOCTYPE html><html></html>", "line 1: Expecting value"),
  ("one.json", {"photos": []}, "line 1: neither 'annotation' nor 'images'"),
  ("one.json", {"version": "5.0", "flags": {}, "shapes": [], "imagePath": "one.jpg"},
   "line 1: neither 'annotation' nor 'images'; expected the JSON of ADE20K or COCO: this is lab"),
  ("one.json", {"_via_settings": {}, "_via_img_metadata": {}},
   "line 1: neither 'annotation' nor 'images'; expected the JSON of ADE20K or COCO: this is VIA"),
  ("one.json", {"type": "FeatureCollection", "features": []},
   "line 1: neither 'annotation' nor 'images'; expected the JSON of ADE20K or COCO: this is Geo"),
  ("one.json", [{"image_id": 1, "category_id": 2, "bbox": [1, 2, 3, 4], "score": 1}],
   "line 1: neither 'annotation' nor 'images'; expected the JSON of ADE20K or COCO: this is COCO"),
  ("one.json", {"annotations": [], "categories": []},
   "line 1: neither 'annotation' nor 'images'; expected the JSON of ADE20K or COCO: this is a p"),
  ("one.json", json.dumps(COCO)[:-1] + ', "images": []}', "key 'images' is there twice"),
  ("one.json", {"images": COCO["images"], "annotations": COCO["annotations"]}, "no 'categories'"),
  ("one.json", {**COCO, "annotations": [{"image_id": 7, "id": 1, "caption": "a bed"}]},
   "annotations are COCO's captions, without boxes; give instances_*.json"),
  ("one.json", {**COCO, "annotations": [{"image_id": 7, "segments_info": []}]},
   "annotations are COCO's panoptic segments"),
  ("one.json", {**COCO, "annotations": [{"image_id": 7, "category_id": 3,
                                         "bbox": [0.1, 0.1, 0.5, 0.5]}]},
   "every bbox lies within one pixel, such as [0.1, 0.1, 0.5, 0.5]"),
  ("one.json", {**COCO, "annotations": [{"image_id": 7, "category_id": 3,
                                         "bbox": [100, 60, 200, 100]}]},
   "1 of 1 bbox reach beyond their pictures, such as [100, 60, 200, 100]; are they two corners"),
  ("one.json", {"images": {}}, "images is a dict; expected a list"),
  ("one.json", {**COCO, "annotations": None}, "annotations is a NoneType; expected a list"),
  ("one.json", changed(COCO, ["categories", 1, "id"], 3), "categories[1] has the id 3 of 'table'"),
  *[("one.json", changed(ADE20K, ["annotation", "imsize"], size), "no annotation.imsize of [height")
    for size in (None, [], [100], 100, ["a", "b"], [0, 0], [-1, 5], [float("nan"), 3], {"a": 1})],
  ("one.json", {"annotation": None}, "no annotation.imsize"),
  ("one.json", {"annotation": [1]}, "no annotation.imsize")]


@pytest.mark.parametrize("name, content, why", BAD, ids=[why[:30] for *_, why in BAD])
def test_a_file_that_cannot_be_used_is_named_with_the_place(name, content, why, tmp_path):
  [bad] = reading.read(put(tmp_path, {name: content}))
  assert isinstance(bad, annotations.Bad)
  assert bad.where == f"{tmp_path}: {name}" and bad.why.startswith(why), bad.why


IMAGES = [
  ({"id": 7}, "has no 'file_name'"), ("one.jpg", "has no 'id'"),
  ({"id": 7, "file_name": "x.jpg", "width": 0, "height": 9}, "0 x 9 pixels"),
  ({"id": 7, "file_name": "x.jpg", "width": -3, "height": 9}, "-3 x 9 pixels"),
  ({"id": 7, "file_name": "x.jpg", "width": float("nan"), "height": 9}, "nan"),
  ({"id": 7, "file_name": "x.jpg", "width": "9", "height": 9}, "'9'"),
  ({"id": 7, "file_name": "x.jpg", "width": None, "height": 9}, "None"),
  ({"id": 7, "file_name": None, "width": 9, "height": 9}, "has the file_name None; expected a pat"),
  ({"id": 7, "file_name": 12, "width": 9, "height": 9}, "has the file_name 12"),
  ({"id": 7, "file_name": "a\ud800.jpg", "width": 9, "height": 9}, "has the file_name 'a\\ud800.j"),
  ({"id": [7], "file_name": "x.jpg", "width": 9, "height": 9}, "an id that is no number"),
  ({"id": 8, "file_name": "x.jpg", "width": 9, "height": 9}, "has the id 8, which 2 images have")]


@pytest.mark.parametrize("row, why", IMAGES)
def test_a_bad_image_of_coco_costs_itself_alone(row, why, tmp_path):
  good = {"id": 8, "file_name": "two.jpg", "width": 200, "height": 100}
  tree = {**COCO, "images": [row, good], "annotations": [
    {"image_id": 8, "category_id": 3, "bbox": [1, 1, 9, 9]}]}
  found = list(reading.read(put(tmp_path, {"x.json": tree})))
  bad = [one for one in found if isinstance(one, annotations.Bad)]
  assert bad[0].where == f"{tmp_path}: x.json images[0]" and why in bad[0].why
  assert len(bad) == (2 if "id 8" in why else 1)


NAN, INF = float("nan"), float("inf")
LEFT = [
  *[("one.xml", LABELME.replace("<x>180</x>", f"<x>{x}</x>"), "line 5", x or "''")
    for x in ("far", "nan", "inf", "-inf", "1e400", "", "1,5")],
  ("one.xml", LABELME.replace("<deleted>1", "<deleted>0"), "line 9", "without points"),
  ("one.xml", LABELME.replace("Table, desk", "3"), "line 5", "'3'"),
  ("one.xml", LABELME.replace("Table, desk", ""), "line 5", "''"),
  ("one.xml", LABELME.replace("<x>1", "<x>90"), "line 5", "200.0 x 100.0"),
  *[("one.json", changed(ADE20K, ["annotation", "object", 0, "polygon"], polygon),
     "annotation.object[0]", "expected a name and a polygon of numbers x and y")
    for polygon in ({"x": [1]}, {}, None, 3, [], {"x": 1, "y": 2}, {"x": [], "y": []},
                    {"x": ["a"], "y": [1]}, {"x": [NAN], "y": [1]}, {"x": [1], "y": [INF]},
                    {"x": [None], "y": [1]}, {"x": "12", "y": "34"}, {"x": [9e9], "y": [1]})],
  *[("one.json", changed(ADE20K, ["annotation", "object", 0, "name"], name),
     "annotation.object[0]", "expected a name") for name in (None, 3, "", "7", "(2)", ["a"])],
  *[("one.json", changed(ADE20K, ["annotation", "object", 0], item),
     "annotation.object[0]", "expected a name") for item in (None, 3, "table", [])],
  ("one.json", changed(ADE20K, ["annotation", "object", 0, "parts"], {"part_level": []}),
   "annotation.object[0]", "another form; expected a name and a polygon"),
  *[("one.json", changed(COCO, ["annotations", 1, "bbox"], bbox), "annotations[1]",
     f"bbox {bbox!r}")
    for bbox in ([1, 2, 3], [], None, 7, "1234", [NAN, 1, 2, 3], [1, 2, INF, 3], [1, 2, -3, 4],
                 [1, 2, 3, -4], [1, "2", 3, 4], [1, None, 3, 4], [900, 1, 5, 5], [-90, 1, 5, 5],
                 [1, 1, 10**400, 3], {"x": 1})],
  ("one.json", changed(COCO, ["annotations", 1, "category_id"], 4), "annotations[1]",
   "image 7 and category 4"),
  ("one.json", changed(COCO, ["annotations", 1, "image_id"], 9), "annotations[1]", "image 9"),
  ("one.json", changed(COCO, ["annotations", 1, "image_id"], [7]), "annotations[1]", "an id"),
  ("one.json", changed(COCO, ["annotations", 1], {"image_id": 7}), "annotations[1]", "category_id"),
  ("one.json", changed(COCO, ["annotations", 1], None), "annotations[1]", "image_id"),
  *[("one.json", changed(COCO, ["categories", 1, "name"], name), "annotations[1]", repr(name))
    for name in ("1", "(2)", "", None, 5, "\u200b", "\x07")],
  ("one.json", changed(COCO, ["categories", 1, "name"], "a\ud800"), "annotations[1]", "half a p"),
  ("one.json", changed(COCO, ["categories", 1], "lamp"), "categories[1]", "'id'")]


@pytest.mark.parametrize("name, content, where, why", LEFT, ids=map(str, range(len(LEFT))))
def test_a_bad_object_is_left_out_and_costs_nothing_else(name, content, where, why, tmp_path):
  *left, photograph = reading.read(put(tmp_path, {name: content}))
  assert all(isinstance(one, annotations.Left) for one in left)
  assert left[0].where == f"{tmp_path}: {name} {where}" and why in left[0].why, left
  assert len(photograph.objects) in (1, 2) and photograph.objects[-1].name in ("lamp", "table")


def test_one_object_alone_needs_no_list(tmp_path):
  alone = changed(ADE20K, ["annotation", "object"], ADE20K["annotation"]["object"][2])
  [photograph] = reading.read(put(tmp_path, {"one.json": alone}))
  assert [item.name for item in photograph.objects] == ["lamp"]


def test_parts_are_left_out_in_every_format(tmp_path):
  text = LABELME.replace("<deleted>0</deleted><attributes>old",
                         "<parts><hasparts/><ispartof>3</ispartof></parts><attributes>old")
  [photograph] = reading.read(put(tmp_path, {"one.xml": text}))
  assert [item.name for item in photograph.objects] == ["lamp"]


def test_pascal_voc_is_read(tmp_path):
  text = """<annotation><folder>VOC2012</folder><filename>one.jpg</filename>
    <size><width>200</width><height>100</height><depth>3</depth></size>
    <object><name>tvmonitor</name><pose>Frontal</pose><truncated>1</truncated>
    <bndbox><xmin>100</xmin><ymin>60</ymin><xmax>180</xmax><ymax>90</ymax></bndbox>
    <part><name>head</name><bndbox><xmin>0</xmin><ymin>0</ymin><xmax>9</xmax><ymax>9</ymax></bndbox>
    </part></object></annotation>"""
  [photograph] = reading.read(put(tmp_path, {"one.xml": text}))
  assert photograph.objects == (annotations.Object("tvmonitor", (0.5, 0.6, 0.9, 0.9)),)


@pytest.mark.parametrize("name, content", [
  ("ONE.XML", LABELME), ("C.JSON", COCO), ("a/x.Json", ADE20K)])
def test_endings_of_either_case_are_read(name, content, tmp_path):
  [photograph] = reading.read(put(tmp_path, {name: content}))
  assert len(photograph.objects) == 2
  if "/" not in name and name.endswith("JSON"):
    assert len(list(reading.read(tmp_path / name))) == 1


@pytest.mark.parametrize("encoding", ["gb2312", "Windows-1251", "shift_jis", "utf-16", "UTF-8"])
def test_xml_is_read_in_the_encoding_that_it_names(encoding, tmp_path):
  name = {"gb2312": "桌子", "Windows-1251": "стол", "shift_jis": "机"}.get(encoding, "table")
  text = f'<?xml version="1.0" encoding="{encoding}"?>' + LABELME.replace("Table, desk", name)
  (tmp_path / "one.xml").write_bytes(text.encode(encoding))
  for source in (tmp_path, tmp_path / "one.xml"):
    [photograph] = reading.read(source)
    assert photograph.objects[0].name == name


def test_one_photograph_is_told_of_once(tmp_path):
  images = [{"id": i, "file_name": name, "width": 9, "height": 9}
            for i, name in enumerate(("a.jpg", "./a.jpg", "a.png", "b/a.jpg"))]
  found = list(reading.read(put(tmp_path, {"x.json": {**COCO, "images": images, "annotations": []},
                                           "y.json": COCO, "z.json": COCO})))
  bad = [one for one in found if isinstance(one, annotations.Bad)]
  assert len(found) - len(bad) == 3 and [one.where[-6:] for one in bad] == [
    "x.json", "x.json", "z.json"]
  assert "'abbey/one'" in bad[-1].why and "y.json" in bad[-1].why


@pytest.mark.parametrize("path", ["one.jpg", "./one.jpg", "/one.png", "one", ".\\one.jpg"])
def test_a_photograph_s_path_may_be_written_in_several_ways(path):
  assert annotations.path_key(path) == "one"
  assert annotations.path_key("a.b/" + path) == "a.b/one"


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
  with pytest.raises(ValueError, match=r"none of 1 photographs in .*x.json .* 205 .*one\. "):
    writing.write(tmp_path / "x.json", out, writing.Options())
  put(tmp_path, {"labels.txt": "one.jpg 0\ntwo.jpg 205\n"})
  with pytest.raises(ValueError, match="labels.txt line 2: label 205 for two.jpg; expected 0 to 2"):
    writing.write(tmp_path / "x.json", out, writing.Options(), tmp_path / "labels.txt")


def test_bad_annotations_are_named_all_together_or_left_out(tmp_path):
  folder = put(annotated(tmp_path / "sun"), {"a/abbey/8.xml": "<annotation>\n<object>",
                                             "a/abbey/9.xml": "words"})
  with pytest.raises(ValueError,
                     match="(?s)2 anno.*a/abbey/8.xml: line 2: .*9.xml: line 1: .*--damaged=2"):
    writing.write(folder, tmp_path / "x.zip", writing.Options(damaged=1))
  assert "10 of 15 photographs" in writing.write(folder, tmp_path / "x.zip",
                                                 writing.Options(1, damaged=2))


def test_options_that_make_nothing_are_refused(tmp_path):
  with pytest.raises(ValueError, match="0 variations, 10 for validation; expected 1 or more, 0 or"):
    writing.write(tmp_path, tmp_path / "x.zip", writing.Options(variations=0))


LONG = "w" * 300


@pytest.mark.parametrize("name, why", [
  ("\u684c\u5b50", "no font"), ("\u0e1b\u0e23\u0e30", "no font"), ("\U0001f4a1", "no font"),
  (LONG, "300 letters"), ("x " * 150, "letters are wider")])
def test_a_name_that_cannot_be_written_is_said_and_left_out(tmp_path, monkeypatch, name, why):
  monkeypatch.setattr(fonts, "_files", lambda: ())  # of any machine
  fonts._best.cache_clear()
  tree = changed(COCO, ["categories", 0, "name"], name)
  put(tmp_path, {"x.json": tree})
  said = writing.write(tmp_path / "x.json", tmp_path / "x.zip", writing.Options(1, 0))
  assert "1 of 1 photographs used" in said and "1 objects left out" in said and why in said


@pytest.mark.parametrize("name", ["\u0441\u0442\u043e\u043b", "\u03b6\u03ce\u03bd\u03b7",
                                  "caf\u00e9", "l\u00e1mpar"])
def test_other_letters_are_written_each_with_its_own_glyph(name):
  pytest.importorskip("matplotlib")
  assert not rendering.unwritable(name, rendering.Style())
  glyphs = {bytes(fonts.of(name, 24).getmask(letter)) for letter in name}
  assert len(glyphs) == len(set(name))


def test_names_of_files_are_unique_also_where_case_does_not_count():
  stems = writing._stems(["a/b", "a-b", "A-B", "c"])
  assert len({stem.lower() for stem in stems.values()}) == 4 and stems["c"] == "c"


@pytest.mark.parametrize("listed, words", [
  ("one.jpg\n", ["line 1", "no label"]), ("one.jpg 205\n", ["line 1", "205"]),
  ("one.jpg 3\n./one.jpg 4\n", ["line 2", "4", "3"]), ("two.jpg 3\n", ["None is in", "two"])])
def test_labels_that_do_not_hold_are_named(tmp_path, listed, words):
  put(tmp_path, {"x.json": changed(COCO, ["images", 0, "file_name"], "one.jpg"),
                 "labels.txt": listed})
  with pytest.raises(ValueError) as refused:
    writing.write(tmp_path / "x.json", tmp_path / "x.zip", writing.Options(1, 0),
                  tmp_path / "labels.txt")
  assert all(word in str(refused.value) for word in words), refused.value


def test_photographs_that_a_list_lacks_are_counted(tmp_path):
  images = [{"id": 7, "file_name": "one.jpg", "width": 200, "height": 100},
            {"id": 8, "file_name": "two.jpg", "width": 200, "height": 100}]
  put(tmp_path, {"x.json": {**COCO, "images": images}, "labels.txt": "./one.jpg 36\n"})
  said = writing.write(tmp_path / "x.json", tmp_path / "x.zip", writing.Options(1, 0),
                       tmp_path / "labels.txt")
  assert "1 of 2 photographs used" in said and "1 photographs without objects, such as two" in said
  assert f"1 photographs not in {tmp_path}/labels.txt, such as two" in said


@pytest.mark.parametrize("out", ["folder", "file/x.zip", "/proc/x/x.zip"])
def test_a_place_that_cannot_be_written_is_named_before_the_work(tmp_path, monkeypatch, out):
  (tmp_path / "folder").mkdir()
  (tmp_path / "file").write_text("")
  monkeypatch.setattr(reading, "read", None)  # it would be work
  with pytest.raises(ValueError, match="--out"):
    writing.write(tmp_path, tmp_path / out, writing.Options())
  assert not list(tmp_path.glob("*.writing"))
