"""Tests of scenes, shapes and the five renderers of the rendered world."""

import re

import numpy as np
import pytest

from cmx import modalities
from cmx.data.sets.rendered_world import categories
from cmx.data.sets.rendered_world import clipart
from cmx.data.sets.rendered_world import description
from cmx.data.sets.rendered_world import drawing
from cmx.data.sets.rendered_world import examples
from cmx.data.sets.rendered_world import natural
from cmx.data.sets.rendered_world import scenes
from cmx.data.sets.rendered_world import shapes
from cmx.data.sets.rendered_world import spatial_text
from cmx.data.sets.rendered_world import surfaces
from cmx.data.sets.rendered_world import vocabulary

GOLD_TEXT = (
  "The view holds a row of spines. I also made out a screen and a plant. On the right side of"
  " the rack of volumes you find the leafy pot. It cost us a whole afternoon. Everything "
  "casts hard shadows.")
GOLD = {  # mean pixel, objects
  "natural": (146.6, ["clock", "window", "plant", "door", "computer", "computer", "chair", "pan"]),
  "clipart": (170.3, ["shelf", "door", "desk"]),
  "spatial_text": (236.9, ["desk", "door", "desk"]),
  "drawing": (236.1, ["clock", "window", "chair", "chair", "desk"]),
}
PIXELS = ("natural", "clipart", "spatial_text", "drawing")


def scene_of(category, seed):
  return scenes.scene(category, np.random.default_rng(seed))


def test_there_are_at_least_24_categories_over_a_shared_vocabulary():
  assert len(categories.NAMES) >= 24
  used = [name for _, table in categories.CATEGORIES.values() for name in table]
  assert set(used) == set(vocabulary.SHAPES)
  assert len(used) > 2 * len(set(used))  # on average an object belongs to more than two categories


def test_every_category_can_be_confused_with_another():
  tables = {name: set(table) for name, (_, table) in categories.CATEGORIES.items()}
  for name, objects in tables.items():
    assert max(len(objects & other) for key, other in tables.items() if key != name) >= 2, name


def test_every_modality_of_the_paper_has_a_renderer():
  assert tuple(examples.RENDERERS) == tuple(m.name for m in modalities.CMPLACES)


@pytest.mark.parametrize("modality", examples.RENDERERS)
def test_an_example_is_a_function_of_its_seed_and_index(modality):
  first = examples.example(3, modality, "train", 11, 64)
  again = examples.example(3, modality, "train", 11, 64)
  assert np.array_equal(first.input, again.input) and first[1:] == again[1:]
  assert not np.array_equal(examples.example(4, modality, "train", 11, 64).input, first.input)
  assert not np.array_equal(examples.example(3, modality, "train", 35, 64).input, first.input)


def test_examples_change_only_with_the_version():
  """Prepared records and cached features carry the version: raise `examples.VERSION` with these."""
  assert examples.VERSION == "1.0.0"
  told = examples.example(0, "description", "train", 5, 64)
  assert told.input == GOLD_TEXT
  for modality, (mean, names) in GOLD.items():
    made = examples.example(0, modality, "train", 5, 64)
    assert [thing.name for thing in made.objects] == names
    assert abs(float(made.input.mean()) - mean) < .5, modality


def test_labels_take_turns():
  labels = [examples.example(0, "description", "train", i, 64).label for i in (0, 1, 25)]
  assert labels == [0, 1, 1]


def test_no_scene_is_shown_twice():
  count = 72
  shown = {str(examples.example(0, modality, split, index, 32).scene)
           for modality in examples.RENDERERS for split in ("train", "validation")
           for index in range(count)}
  assert len(shown) == len(examples.RENDERERS) * 2 * count


def test_an_unknown_modality_is_an_error_with_the_known_ones():
  with pytest.raises(ValueError, match="modality 'photo'; expected one of natural, clipart"):
    examples.example(0, "photo", "train", 0, 64)


@pytest.mark.parametrize("modality", PIXELS)
@pytest.mark.parametrize("size", [32, 64, 96])
def test_images_have_the_size_asked_for(modality, size):
  x = examples.example(0, modality, "train", 5, size).input
  assert x.shape == (size, size, 3) and x.dtype == np.uint8


@pytest.mark.parametrize("modality", examples.RENDERERS)
def test_true_boxes_lie_within_the_image(modality):
  for index in range(48):
    made = examples.example(1, modality, "train", index, 64)
    assert made.objects, index
    for name, (x0, y0, x1, y1) in made.objects:
      assert name in vocabulary.SHAPES
      assert 0 <= x0 < x1 <= 1 and 0 <= y0 < y1 <= 1, (name, index)


def test_statistics_of_the_modalities_differ():
  x = {m: np.stack([examples.example(0, m, "train", i, 64).input for i in range(24)])
       for m in PIXELS}
  white = {m: float((x[m] >= 250).all(-1).mean()) for m in PIXELS}
  assert white["natural"] < 0.1
  assert 0.3 < white["clipart"] < 0.95
  assert white["drawing"] > 0.7 and white["spatial_text"] > 0.7
  for m in ("drawing", "spatial_text"):  # dark on white, without colour
    assert np.ptp(x[m], -1).max() == 0
  colour = {m: float(np.ptp(x[m].astype(int), -1)[(x[m] < 250).any(-1)].mean()) for m in PIXELS}
  assert colour["clipart"] > 1.5 * colour["natural"]


def test_drawings_are_not_filled():
  scene = scenes.Scene("farm", "grass", .5, (.3, -.5, .6),
                       (scenes.Item("barn", (.1, .1, .9, .9), (0, 0, 0), False),))
  dark = (drawing.render(scene, np.random.default_rng(0), 64).input < 128).mean()
  full = (clipart.render(scene, np.random.default_rng(0), 64).input.min(-1) < 240).mean()
  assert full > .4 and .01 < dark < .25


def test_drawings_and_clipart_leave_objects_out():
  scene = scene_of("street", 4)
  for renderer in (drawing, clipart):
    counts = [len(renderer.render(scene, np.random.default_rng(i), 64).objects) for i in range(8)]
    assert min(counts) < len(scene.items)


def test_light_falls_on_the_side_it_comes_from():
  item = scenes.Item("sun", (.2, .1, .8, .7), (-.4, -.4, -.2), False)
  def halves(x):
    scene = scenes.Scene("beach", "sand", .9, (x, -.2, 1.), (item,))
    images = [natural.render(scene, np.random.default_rng(i), 64).input for i in range(4)]
    image = np.mean(images, 0)
    return image[15:36, 16:30].mean() - image[15:36, 34:48].mean()
  assert halves(-1) > 5 and halves(1) < -5


def test_textures_are_standardised_and_wrap_around():
  field = surfaces.texture("grain")
  assert field.shape == (512, 512) and abs(field.mean()) < 1e-3 and abs(field.std() - 1) < 1e-3
  assert surfaces.cut(field, np.random.default_rng(0), 700).shape == (700, 700)


def text_scene(*names):
  boxes = [(.1, .05 + .3 * i, .5, .3 + .3 * i) for i in range(len(names))]
  items = tuple(scenes.Item(n, b, (0, 0, 0), False) for n, b in zip(names, boxes))
  return scenes.Scene("farm", "grass", .5, (0, -.5, .5), items)


def test_words_are_legible_and_tell_objects_apart():
  inks = [spatial_text.word(name, spatial_text.FLOOR, 64)
          for name in ("cow", "cat", "crane", "boat")]
  assert all(ink.max() == 255 and (ink > 128).mean() > .15 for ink in inks)  # dark, not grey
  assert all(4 <= ink.shape[0] <= 11 for ink in inks)
  assert len({ink.tobytes() for ink in inks}) == 4
  cow, cat = inks[:2]
  h, w = min(cow.shape[0], cat.shape[0]), min(cow.shape[1], cat.shape[1])
  assert (np.abs(cow[-h:, :w].astype(int) - cat[-h:, :w]) > 128).mean() > .1


def test_text_is_never_mirrored():
  scene = text_scene("barn", "cow", "tree")
  left = right = 0
  for seed in range(12):
    made = spatial_text.render(scene, np.random.default_rng(seed), 64)
    page = 255 - made.input[..., 0]
    for name, box in made.objects:
      x0, y0, x1, y1 = np.round(np.array(box) * 64).astype(int)
      ink = page[y0:y1, x0:x1]
      written = [spatial_text.word(word, height / 64, 64) for word in vocabulary.SHAPES[name].words
                 for height in range(7, 16)]
      assert any(np.array_equal(ink, word) for word in written), (name, seed)
      left, right = left + (x0 + x1 < 64), right + (x0 + x1 > 64)
  assert left and right  # layouts are


def test_larger_objects_have_larger_words_and_long_words_fit():
  small = spatial_text.word("barn", spatial_text.FLOOR, 64)
  large = spatial_text.word("barn", spatial_text.CEILING, 64)
  assert large.shape[0] > 1.5 * small.shape[0]
  assert spatial_text.word("lighthousekeeper", spatial_text.CEILING, 64).shape[1] <= 64


def test_words_do_not_cover_each_other():
  for seed in range(20):
    made = spatial_text.render(scene_of("street", seed), np.random.default_rng(seed), 64)
    boxes = [box for _, box in made.objects]
    for i, a in enumerate(boxes):
      for b in boxes[i + 1:]:
        assert a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]


@pytest.mark.parametrize("category", categories.NAMES)
def test_descriptions_never_contain_a_word_of_the_category(category):
  parts = [part.rstrip("s") for part in category.split("_")]
  for seed in range(60):
    text = description.render(scene_of(category, seed), np.random.default_rng(seed)).input.lower()
    assert not any(part in text for part in parts), text


def test_descriptions_have_two_to_five_sentences_and_vary():
  texts = [examples.example(0, "description", "train", 24 * i, 64).input for i in range(40)]
  for text in texts:
    assert 2 <= len(re.findall(r"[.!]", text)) <= 5, text
    assert text[0].isupper() and text.endswith(".") and "{" not in text
  assert len(set(texts)) == 40
  assert len({text.split()[0] for text in texts}) >= 4


def test_relations_are_true_of_the_scene():
  items = (scenes.Item("barn", (0, .2, .3, .5), (0, 0, 0), False),
           scenes.Item("cow", (.7, .4, .9, .52), (0, 0, 0), False))
  scene = scenes.Scene("garden", "grass", .5, (0, -.5, .5), items)
  told = " ".join(description.render(scene, np.random.default_rng(i)).input.lower()
                  for i in range(80))
  assert re.search(r"(barn|shed|store) (is|stands) \w* ?\w* ?\w* ?left", told)
  assert not re.search(r"(barn|shed|store) (is|stands) \w* ?\w* ?\w* ?right", told)


def test_plurals_are_of_the_first_noun():
  plurals = {"bench": "benches", "rack of volumes": "racks of volumes", "ferry": "ferries",
             "passer-by": "passers-by", "rails": "rails", "glass": "glasses", "cactus": "cacti",
             "calf": "calves", "sheep": "sheep"}
  assert {noun: description.plural(noun) for noun in plurals} == plurals


def test_a_flipped_object_is_the_mirror_image():
  box = (.2, .2, .8, .8)
  mirrored = shapes.placed("plane", box, True, 100)
  for part, mirror in zip(shapes.placed("plane", box, False, 100), mirrored):
    assert np.allclose(part.points[:, 1], mirror.points[:, 1])
    assert np.allclose(part.points[:, 0], 100 - mirror.points[:, 0])


def test_noticed_objects_are_in_number_and_order():
  scene = scene_of("street", 1)
  for seed in range(10):
    items = scenes.noticed(scene, np.random.default_rng(seed), 2, 3)
    order = [scene.items.index(item) for item in items]
    assert 2 <= len(items) <= 3 and order == sorted(order)
