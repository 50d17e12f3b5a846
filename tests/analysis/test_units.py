"""Regions, passes over examples, objects and occlusion; the run is small and was never trained."""

import numpy as np
import pytest

import tiny
from cmx import data
from cmx.analysis.units import objects
from cmx.analysis.units import occlusion
from cmx.analysis.units import regions
from cmx.analysis.units import subject as subject_lib
from cmx.analysis.units import tally as tally_lib
from cmx.data import encoders
from cmx.data import opening
from cmx.data.sets.rendered_world import dataset as rendered_world
from cmx.network import towers

LAYERS = ("pool5", "fc7")
PLACES, EXAMPLES = 0.1, 0.2


@pytest.fixture(scope="module")
def opened(run):
  """An untrained run, its data set encoded, and the data set as a person sees it."""
  raw, encoded = opening.open_data(run.config)
  return run, encoded, raw


@pytest.fixture(scope="module")
def subject(opened):
  run, encoded, _ = opened
  return subject_lib.subject(run, encoded, data.VALIDATION, LAYERS, (), None)[0]


def tallied(subject):
  return subject_lib.tally(subject, top=3, places=PLACES, examples=EXAMPLES)


def values(subject, row, layer):
  """All of a layer's activations [N, D] in the subject's order, in memory."""
  return np.concatenate([found[layer] for _, _, found in subject_lib.stream(subject, row)])


# Regions.

FIELD = towers.ReceptiveField(0, 2, 2)  # two pixels a place, side by side


def test_a_row_is_interpolated_between_the_middles_of_what_places_see():
  np.testing.assert_allclose(regions.interpolation(2, 4, 4, FIELD), [
    [1, 0], [0.75, 0.25], [0.25, 0.75], [0, 1]])
  field = towers.ReceptiveField(-6, 8, 20)  # middles at 3.5, 11.5, 19.5
  wide = regions.interpolation(3, 24, 96, field)
  np.testing.assert_allclose(wide.sum(axis=1), 1)
  assert wide[:15, 0].tolist() == [1.0] * 15 and wide[-15:, 2].tolist() == [1.0] * 15
  np.testing.assert_allclose(wide[[17, 18]].mean(axis=0), [1 - 1 / 16, 1 / 16, 0], atol=0.02)


def test_a_map_is_spread_by_rows_and_by_columns():
  layout = towers.Layout(2, 2, 1, FIELD)
  spread = regions.spread(np.array([0.0, 4.0, 8.0, 12.0]), layout, (4, 4), (4, 4))
  expected = [[8 * y + 4 * x for x in (0, 0.25, 0.75, 1)] for y in (0, 0.25, 0.75, 1)]
  np.testing.assert_allclose(spread, expected)


def test_a_box_covers_the_points_whose_middles_it_holds():
  found = regions.covered(np.array([[0.5, 0, 1, 0.5], [0.1, 0.3, 0.3, 0.7]]), (4, 4))
  assert found.astype(int).tolist() == [
    [[0, 0, 1, 1], [0, 0, 1, 1], [0, 0, 0, 0], [0, 0, 0, 0]],
    [[0, 0, 0, 0], [1, 0, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]]]


# One pass over a split.

def test_a_pass_finds_what_all_activations_in_memory_show(subject):
  found = tallied(subject)
  for layer in LAYERS:
    for row in subject.modalities:
      x = values(subject, row, layer)
      if layer == "pool5":  # 2 x 2 places of 4 channels, also where a text stands in
        x = np.stack([x[:, unit::4] for unit in range(4)], axis=2)
      responses = x.max(axis=1) if layer == "pool5" else x
      tally = found[layer][row.name]
      assert responses.shape[1] == len(tally.lowest) == (4 if layer == "pool5" else 16)
      np.testing.assert_allclose(tally.values, -np.sort(-responses.T)[:, :3], rtol=1e-4, atol=1e-6)
      labels = np.asarray(subject.sources[row.name].labels)[subject.chosen[row.name]]
      means = [responses[labels == label].mean(axis=0) for label in range(tiny.CLASSES)]
      np.testing.assert_allclose(tally_lib.profile(tally), means, rtol=1e-4, atol=1e-6)
      seen = x if layer == "pool5" and row.kind == "pixels" else responses
      share = (seen > tally_lib.threshold(tally)).mean(
        axis=(0, 1) if seen.ndim == 3 else 0)
      assert (share <= (PLACES if seen.ndim == 3 else EXAMPLES)).all()


def test_maps_of_top_examples_are_theirs(subject):
  tally, row = tallied(subject)["pool5"]["natural"], subject.modalities[0]
  x = values(subject, row, "pool5").reshape(-1, 4, 4)
  for unit in range(4):
    np.testing.assert_allclose(tally.maps[unit], x[tally.rows[unit], :, unit], rtol=1e-4, atol=1e-6)


def test_a_pass_does_not_depend_on_the_size_of_its_parts(subject):
  for layer, part in tallied(subject._replace(batch=8)).items():
    for name, tally in part.items():
      whole = tallied(subject)[layer][name]
      np.testing.assert_array_equal(tally.rows, whole.rows)
      np.testing.assert_allclose(tally.total, whole.total, rtol=1e-4, atol=1e-5)


def test_what_is_asked_for_and_not_there_is_said_and_the_rest_is_done(opened):
  run, encoded, _ = opened
  validation = dict(encoded.splits[data.VALIDATION])
  del validation["drawing"]
  poorer = encoded._replace(splits={**encoded.splits, data.VALIDATION: validation})
  found, missing = subject_lib.subject(run, poorer, data.VALIDATION, ["conv9", "fc7", "fc7"],
                                       ["NAT", "drawing", "sound"], 5)
  assert [row.name for row in found.modalities] == ["natural"] and found.layers == ("fc7",)
  assert len(found.chosen["natural"]) == 5
  assert missing == [
    "There is no layer 'conv9'; expected one of fc6, fc6_linear, fc7, fc7_linear, fc8, pool5",
    "The run has no modality 'sound'; it was trained on natural, drawing, description",
    "The data set has no validation examples of drawing"]


def test_a_run_with_nothing_of_what_was_asked_for_is_refused(opened):
  run, encoded, _ = opened
  with pytest.raises(ValueError, match=r"nothing is left to look at:\n  There is no layer 'conv9'"):
    subject_lib.subject(run, encoded, data.VALIDATION, ["conv9"], (), None)


def test_a_data_set_of_other_classes_is_refused(opened):
  run, encoded, _ = opened
  with pytest.raises(ValueError, match="has 2 classes, a, b ...; the run was trained on 24, "):
    subject_lib.subject(run, encoded._replace(classes=("a", "b")), data.VALIDATION, LAYERS, (),
                        None)


# Objects.

def lit_points(subject, row, layer, example, unit, level):
  """Where one unit fires on one example: points of a picture [32, 32], or the whole example []."""
  if layer == "fc7":
    return np.array(example[unit] > level)
  if row.kind == "text":
    return np.array(example[unit::4].max() > level)
  return regions.spread(example[unit::4], subject.layout, (32, 32), (32, 32)) > level


def object_points(boxes, shape):
  """The same of an object with these boxes."""
  if not shape:
    return np.array(bool(boxes))
  return np.array([[any(x0 <= (j + 0.5) / 32 < x1 and y0 <= (i + 0.5) / 32 < y1
                        for x0, y0, x1, y1 in boxes) for j in range(32)] for i in range(32)])


def test_overlap_is_that_of_a_slow_loop_over_examples_and_points(opened, subject):
  _, _, raw = opened
  tallies = tallied(subject)
  seen = objects.seen(raw, data.VALIDATION, [row.name for row in subject.modalities])
  found = objects.overlaps(subject, tallies, seen)
  assert list(found.names) == sorted(set(found.names)) and len(found.names) > 20
  for row, layer in zip(subject.modalities, ("pool5", "fc7", "pool5")):
    source = raw.splits[data.VALIDATION][row.name]
    told = [rendered_world.truth(source, i)["objects"] for i in subject.chosen[row.name]]
    x, level = values(subject, row, layer), tally_lib.threshold(tallies[layer][row.name])
    for unit in (0, 3):
      for o, name in enumerate(found.names[:25]):
        both = either = 0
        for example, things in zip(x, told):
          lit = lit_points(subject, row, layer, example, unit, level[unit])
          boxes = [thing["box"] for thing in things if thing["name"] == name]
          there = object_points(boxes, lit.shape)
          both, either = both + (lit & there).sum(), either + (lit | there).sum()
        assert found.iou[layer][row.name][unit, o] == pytest.approx(both / max(either, 1))


def test_data_sets_that_do_not_know_their_objects_say_nothing(opened):
  _, _, raw = opened
  assert objects.seen(raw._replace(name="folders"), data.VALIDATION, ["natural"]) == {}
  assert objects.seen(raw._replace(name="made up"), data.VALIDATION, ["natural"]) == {}


def test_best_object_needs_enough_overlap():
  iou = np.array([[0.01, 0.039], [0.5, 0.04], [0.04, 0.03]])
  assert objects.best(iou).tolist() == [-1, 0, 0]
  assert objects.best(np.zeros((2, 0))).tolist() == [-1, -1]


BEST = np.array([[0, 1, -1, 2], [0, 1, -1, 0], [0, 2, -1, 1], [3, 1, 4, 0]])  # [M, U]


def test_objects_are_shared_by_as_many_modalities_as_have_the_same_best():
  assert objects.shared(BEST).tolist() == [3, 3, 1, 2]


def test_sharing_by_chance_is_what_all_deals_of_units_give_on_average():
  three = np.array([[0, 0, 1], [0, 2, 0], [0, 1, -1]])
  # a unit has object 0 in all of them with probability 2/3 x 2/3 x 1/3
  expected = 3 * (2 / 3) * (2 / 3) * (1 / 3)
  found = objects.shared_by_chance(three, 3, np.random.default_rng(0), 4_000)
  assert found == pytest.approx(expected, abs=0.02)


# Occlusion.

def test_words_are_found_once_each_and_left_out_wherever_they_stand():
  text = "A boat, the Boat's crew; boat-shaped. Über 3 boats!"
  assert occlusion.words(text) == [
    "a", "boat", "the", "boat's", "crew", "boat-shaped", "über", "3", "boats"]
  assert occlusion.without_word(text, "boat") == "A , the Boat's crew; boat-shaped. Über 3 boats!"
  assert occlusion.without_word("Boat boat", "boat") == ""


def test_a_square_is_painted_over_and_nothing_else():
  picture = np.zeros((9, 6, 3), np.uint8)
  picture[4:, 3:] = 90
  painted = occlusion.without_square(picture, 2, 3)
  assert (painted[4:, 3:] == round(90 * 5 * 3 / 54)).all()
  painted[4:, 3:] = 90
  np.testing.assert_array_equal(painted, picture)


def test_the_squares_of_a_picture_are_all_of_it():
  picture = np.full((10, 7, 3), 200, np.uint8)
  picture[0, 0] = 0
  left = [occlusion.without_square(picture, 3, square) != picture for square in range(9)]
  assert np.sum(left, axis=0).max() == 1 and np.any(left, axis=0).all()


def test_drops_are_shares_of_the_response_and_zero_where_there_is_none():
  answers = {"long": [4.0, 0.0], "lon": [1.0, 0.0], "lo": [5.0, 2.0]}
  found = occlusion.drops("long", ["lon", "lo"], lambda texts: {
    "fc7": np.array([answers[text] for text in texts])})
  np.testing.assert_allclose(found["fc7"], [[0.75, 0], [-0.25, 0]])


@pytest.mark.parametrize("name", ["description", "drawing"])
def test_responses_through_the_encoder_are_those_of_the_pass(opened, subject, name):
  _, _, raw = opened
  row = next(row for row in subject.modalities if row.name == name)
  chosen = subject.chosen[name]
  seen = [raw.splits[data.VALIDATION][name][int(i)]["input"] for i in chosen]
  found = occlusion.responses(subject, row)(seen * 2)  # more than one forward pass
  np.testing.assert_allclose(found["fc7"][:len(seen)], values(subject, row, "fc7"), rtol=1e-4,
                             atol=1e-6)
  tally = tallied(subject)["pool5"][name]
  for unit in range(4):
    np.testing.assert_allclose(found["pool5"][tally.rows[unit], unit], tally.values[unit],
                               rtol=1e-4, atol=1e-6)


def test_raw_inputs_need_no_encoder_and_texts_have_theirs(opened):
  config = opened[0].config
  assert encoders.of(config, "pixels") is None and encoders.of(config, "vector") is None
  assert encoders.of(config, "text").name == "hashing"
