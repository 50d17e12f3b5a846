"""Rows of modalities: the five known ones, others by name, and choosing among them."""

import pytest

from cmx import modalities


def test_the_five_of_cmplaces_in_the_order_of_the_table():
  assert [row.code for row in modalities.CMPLACES] == ["NAT", "CLP", "SPT", "LDR", "DSC"]
  assert [row.kind for row in modalities.CMPLACES] == ["pixels"] * 4 + ["text"]


def test_written_words_are_never_mirrored():
  assert [row.name for row in modalities.CMPLACES if not row.mirror] == ["spatial_text",
                                                                         "description"]


@pytest.mark.parametrize("name", ["drawing", "LDR"])
def test_a_known_modality_is_found_by_name_and_code(name):
  assert modalities.of_kind(name, "pixels") == modalities.DRAWING


def test_a_known_modality_of_another_kind_keeps_its_name_and_is_not_mirrored():
  row = modalities.of_kind("natural", "vector")
  assert (row.name, row.code, row.kind, row.mirror) == ("natural", "NAT", "vector", False)


def test_an_own_modality_gets_a_code_and_mirrors_only_images():
  assert modalities.of_kind("sketches", "pixels") == modalities.Modality(
    "sketches", "SKE", "pixels", mirror=True)
  assert not modalities.of_kind("sounds", "vector").mirror
  assert not modalities.of_kind("titles", "text").mirror


@pytest.mark.parametrize("name, kind, natural", [
  ("natural", "pixels", True), ("Photos", "pixels", True), ("images_2", "pixels", True),
  ("real-photographs", "vector", True), ("photo", "text", False), ("photo_sketch", "pixels", False),
  ("cartoon", "pixels", False), ("7", "pixels", False)])
def test_names_of_natural_images_are_known(name, kind, natural):
  assert modalities.shows_nature(name, kind) is natural


def test_an_unknown_kind_is_refused():
  with pytest.raises(ValueError, match="kind 'video' of modality 'x'; expected one of pixels"):
    modalities.of_kind("x", "video")


def test_a_tower_is_shared_by_kind_and_for_vectors_by_width():
  image, text = modalities.NATURAL, modalities.DESCRIPTION
  assert image.tower == modalities.DRAWING.tower != text.tower
  wide, narrow = (modalities.Modality("v", "V", "vector", shape=(n,)) for n in (1280, 384))
  assert wide.tower != narrow.tower == narrow._replace(name="w").tower
  assert wide.tower != image.tower


def test_no_names_select_all():
  assert modalities.select(modalities.CMPLACES, ()) == modalities.CMPLACES


def test_a_selection_keeps_the_order_of_the_data_set():
  chosen = modalities.select(modalities.CMPLACES, ["description", "CLP", "natural"])
  assert chosen == (modalities.NATURAL, modalities.CLIPART, modalities.DESCRIPTION)


def test_a_name_that_the_data_set_lacks_is_refused():
  with pytest.raises(ValueError, match="modality 'sound'; this data set has natural, clipart"):
    modalities.select(modalities.CMPLACES, ["natural", "sound"])


def test_one_is_found_by_its_name_or_code():
  assert modalities.of_name(modalities.CMPLACES, "LDR") == modalities.DRAWING
  with pytest.raises(ValueError, match="'smell'"):
    modalities.of_name(modalities.CMPLACES, "smell")
