"""The advice on a user's data: what it rests on, what of it the user's own settings leave."""

import pytest

from cmx import config as config_lib
from cmx import fields
from cmx.data.sets.folders import facts as facts_lib
from cmx.experiment import advice
from cmx.experiment import minutes
import made_folders

PHOTO = facts_lib.Part("photo", "pixels", 182, 60, 12, side=400)
NOTE = facts_lib.Part("note", "text", 629, 90, 40, bytes=60)
SOUND = facts_lib.Part("sound", "vector", 900, 90, 80, bytes=512)


def facts(*parts):
  return facts_lib.Facts(10, parts, "its name says natural images")


def advised(*parts, given=(), **changes):
  config = fields.replace(config_lib.Config(), {
    name.replace("__", "."): value for name, value in changes.items()})
  return advice.plan(facts(*parts), config, given)


def test_few_photographs_are_read_by_a_frozen_encoder_that_sees_them_large():
  config = advised(PHOTO, NOTE).config
  assert (config.encoders.pixels, config.encoders.text) == ("efficientnet_lite0", "minilm")
  assert (config.data.folders.image_size, config.network.trunk) == (224, 512)
  assert advised(PHOTO._replace(side=100), NOTE).config.data.folders.image_size == 112


@pytest.mark.parametrize("side, fewest, encoder", [
  (32, 50, ""), (32, 49, "efficientnet_lite0"), (33, 999, "efficientnet_lite0"), (400, 1_000, "")])
def test_enough_pictures_for_their_size_train_convolutions(side, fewest, encoder):
  config = advised(PHOTO._replace(side=side, fewest=fewest), NOTE).config
  assert config.encoders.pixels == encoder
  assert (config.network.trunk == 256) is (encoder == "")


def test_small_pictures_are_not_blown_up_for_convolutions():
  small = PHOTO._replace(side=8, fewest=100)
  assert advised(small, NOTE).config.data.folders.image_size == 32


@pytest.mark.parametrize("count, components", [
  (19, 1), (199, 1), (200, 2), (450, 4), (3_199, 16), (3_200, 32), (100_000, 32)])
def test_every_component_gets_a_hundred_examples(count, components):
  assert advised(PHOTO._replace(train=count)).config.mixture.components == components


def test_sets_without_pixels_or_texts_leave_their_encoders_be():
  for parts in ((NOTE,), (SOUND,), (SOUND, SOUND._replace(name="smell"))):
    found = advised(*parts)
    assert found.config.encoders.pixels == ""
    assert found.config.network.trunk == 512
  assert found.config.encoders.text == "hashing"


def test_texts_in_other_letters_are_counted_as_words():
  assert advised(NOTE._replace(english=0.2)).config.encoders.text == "hashing"


def test_what_the_user_has_set_stays_and_the_rest_follows_from_it():
  found = advised(PHOTO, NOTE, given=["encoders.pixels"], mixture__components=3)
  assert found.config.encoders.pixels == "" and found.config.mixture.components == 3
  assert found.config.encoders.text == "minilm"
  assert found.config.network.trunk == 256  # of convolutions
  assert set(found.own) == {"encoders.pixels", "mixture.components"}
  lines = advice.reasons(facts(PHOTO, NOTE), found)
  assert "mixture.components=3, as you said; advised was 1" in "\n".join(lines)


def test_the_plan_is_one_line_and_every_reason_names_its_numbers():
  found = advised(PHOTO, NOTE)
  assert advice.in_words(facts(PHOTO, NOTE), found) == (
    "photo (reference), note; 10 classes, 811 training and 150 validation examples; pictures by "
    "efficientnet_lite0; texts by minilm; K = 1")
  assert advice.in_words(facts(PHOTO), advised(PHOTO)).startswith("photo (reference); 10 classes")
  lines = advice.reasons(facts(PHOTO, NOTE), found)
  assert lines[0] == "reference photo: its name says natural images"
  assert any("12 of a class in photo" in line for line in lines)


def test_facts_are_read_off_names_sizes_and_headers(tmp_path):
  data = config_lib.Data(name="folders")
  data.folders.path = f"{made_folders.write(tmp_path / 'mine')}"
  found = facts_lib.of_folders(data)
  photo, note, sound = found.parts
  assert photo == facts_lib.Part("photo", "pixels", 12, 8, 3, side=12, bytes=photo.bytes)
  assert (note.kind, note.train, note.validation, note.fewest) == ("text", 12, 8, 3)
  assert note.english == 1 and 15 < note.bytes < 30
  assert (sound.kind, sound.train) == ("vector", 12)
  assert (found.classes, found.chosen) == (5, "its name says natural images")
  data.modalities = ("note", "sound")
  assert [part.name for part in facts_lib.of_folders(data).parts] == ["note", "sound"]


def test_there_are_no_facts_of_what_cannot_be_trained_on(tmp_path):
  data = config_lib.Data(name="folders")
  data.folders.path = f"{made_folders.write(tmp_path / 'mine', ('bed',))}"
  assert facts_lib.of_folders(data) is None


def test_minutes_grow_with_what_is_to_be_done():
  found = advised(PHOTO, NOTE)
  parts = minutes.of_facts(facts(PHOTO, NOTE), found.config)
  assert [part.shape for part in parts] == [(1280,), (384,)]
  few, many = (minutes.table(parts, found.config, 10, rows, 1e11).seconds for rows in (1, 8))
  assert 3 * few < many < 8 * few
  slow = minutes.table(parts, found.config, 10, 8, 1e10).seconds
  assert 8 * many < slow < 12 * many
  more = [part._replace(train=10 * part.train) for part in parts]
  ready, bigger = (minutes.preparation(each, found.config, 1e11) for each in (parts, more))
  assert ready.seconds < bigger.seconds and ready.bytes < bigger.bytes


def test_rows_at_once_are_done_in_rounds():
  found = advised(PHOTO, NOTE)
  parts = minutes.of_facts(facts(PHOTO, NOTE), found.config)
  alone, two, three, four = (minutes.table(parts, found.config, 10, *each).seconds for each in (
    (4, 1e11), (8, 1e11, 2), (8, 1e11, 3), (8, 1e11, 4)))
  assert four < three < two == alone


@pytest.mark.parametrize("side, train, size", [
  (100, 182, 112), (112, 182, 112), (40, 182, 64), (400, 182, 224), (0, 182, 224),
  (400, 13_226, 224), (400, 13_227, 160), (400, 25_981, 160), (400, 25_982, 128),
  (400, 40_630, 128), (400, 40_631, 96), (100, 40_631, 96)])
def test_pictures_are_as_large_as_two_gigabytes_of_them_allow(side, train, size):
  # with 60 of validation: 2e9 bytes hold 13,287 of 3 x 224 x 224, 26,041 of 160, 40,690 of 128
  config = advised(PHOTO._replace(side=side, train=train), NOTE).config
  assert (config.data.folders.image_size, config.inversion.size) == (size, 64)


def test_the_thinnest_class_of_all_pictures_decides_and_the_largest_side():
  sketch = PHOTO._replace(name="sketch", side=20, fewest=70)
  found = advised(PHOTO._replace(fewest=5_000), sketch)
  assert found.config.encoders.pixels == "efficientnet_lite0"
  assert "70 of a class in sketch: too few" in found.choices[0].reason
  assert advised(PHOTO._replace(side=30, fewest=60), sketch).config.encoders.pixels == ""


@pytest.mark.parametrize("english, encoder", [(0.7, "minilm"), (0.69, "hashing")])
def test_one_modality_in_other_letters_decides_for_all_texts(english, encoder):
  title = NOTE._replace(name="title", english=english)
  found = advised(PHOTO, NOTE, title)
  assert found.config.encoders.text == encoder
  reason = next(choice.reason for choice in found.choices if choice.field == "encoders.text")
  assert reason.startswith("title: letters") is (encoder == "hashing")


def test_components_go_by_the_examples_that_mixtures_are_fitted_on():
  found = advised(PHOTO._replace(train=100_000), NOTE, mixture__examples=450)
  assert found.config.mixture.components == 4
  found = advised(NOTE._replace(train=450), PHOTO._replace(train=5_000))  # the reference first
  assert found.config.mixture.components == 4


def test_what_comes_with_another_choice_has_no_reason_and_no_line():
  lines = advice.reasons(facts(PHOTO), advised(PHOTO))
  assert [line.partition("=")[0] for line in lines[1:]] == [
    "encoders.pixels", "network.hidden", "mixture.components"]
  own = advice.reasons(facts(PHOTO), advised(PHOTO, network__trunk=64))
  assert "network.trunk=64, as you said; advised was 512" in own
