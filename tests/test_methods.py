"""The rows of the table: what each shares, freezes and adds, against a table written by hand."""

import inspect

import pytest

from cmx import methods
from cmx import modalities
from cmx.evaluation import paper
from cmx.network import model
from cmx.training import terms

PLACES = [row._replace(shape=(64,) if row.kind == "text" else (32, 32, 3))
          for row in modalities.CMPLACES]
OWNERS = {"N": "natural", "C": "clipart", "S": "spatial_text", "L": "drawing", "D": "description",
          "p": "pixels", "t": "text", "*": "shared"}

# Owners of NAT CLP SPT LDR DSC: of the tower, then of each layer of the trunk.
SHARING = {
  "bl_ind":            ("NCSLD", "NCSLD", "NCSLD", "NCSLD"),
  "bl_shfinal":        ("NCSLD", "*****", "*****", "*****"),
  "bl_shall":          ("ppppt", "ppppt", "ppppt", "ppppt"),
  "a_tune":            ("NCSLD", "*****", "*****", "*****"),
  "a_free":            ("NCSLD", "*****", "*****", "*****"),
  "b_gaussian":        ("NCSLD", "NCSLD", "NCSLD", "NCSLD"),
  "b_gmm":             ("NCSLD", "NCSLD", "NCSLD", "NCSLD"),
  "c":                 ("NCSLD", "*****", "*****", "*****"),
  "b_gaussian_shared": ("NCSLD", "*****", "*****", "*****"),
  "b_gmm_shared":      ("NCSLD", "*****", "*****", "*****"),
  "bl_shfc7":          ("NCSLD", "NCSLD", "*****", "*****"),
  "bl_shfc8":          ("NCSLD", "NCSLD", "NCSLD", "*****"),
}


@pytest.mark.parametrize("row", SHARING)
def test_sharing_is_that_of_the_table(row):
  found = [[model.owner(layer, modality, methods.named(row)) for modality in PLACES]
           for layer in ("tower", "fc6", "fc7", "fc8")]
  assert found == [[OWNERS[letter] for letter in letters] for letters in SHARING[row]]


def test_the_table_above_has_every_row_of_the_paper():
  assert set(methods.PAPER) <= set(SHARING) and len(set(methods.PAPER)) == 8


def test_modality_tuning_freezes_the_trunk_and_nothing_else_freezes():
  trunk, free = ("fc6", "fc7", "fc8"), ()
  tuned = {"a_tune": (trunk,), "a_free": (trunk, free), "c": (trunk, free),
           "class_tune": (trunk, free), "union": (trunk, free)}
  assert {row: methods.named(row).phases for row in methods.METHODS} == {
    row: tuned.get(row, (free,)) for row in methods.METHODS}


def test_rows_need_of_the_reference_what_the_table_says():
  needed = {"b_gaussian": methods.GAUSSIAN, "b_gaussian_shared": methods.GAUSSIAN,
            "b_gmm": methods.MIXTURE, "b_gmm_shared": methods.MIXTURE, "c": methods.MIXTURE,
            "class_own": methods.CLASSES, "class_shared": methods.CLASSES,
            "class_tune": methods.CLASSES, "class_gmm": methods.SHARES,
            "class_mean": methods.CLASSES, "union": methods.CLASSES}
  assert {row: method.statistics for row, method in methods.METHODS.items()
          if method.statistics} == needed


def test_rows_that_read_the_names_of_classes_say_so():
  readers = [method.name for method in methods.METHODS.values() if method.codes == methods.NAMES]
  assert readers == ["Prototypes (reads names)"]
  assert not any("names" in method.name for method in methods.METHODS.values()
                 if method.codes != methods.NAMES)


def test_every_term_has_the_signature_that_the_step_calls():
  found = [term for method in methods.METHODS.values() for term in method.terms]
  assert found and all(list(inspect.signature(terms.function_of(term)).parameters) == [
    "x", "labels", "given", "alignment"] for term in found)


def test_terms_of_a_row_can_be_told_apart_and_share_what_they_need():
  for method in methods.METHODS.values():
    for names in ([term.name for term in method.terms],
                  [term.statistics for term in method.terms if term.statistics],
                  [term.codes for term in method.terms if term.codes]):
      assert len(set(names)) == len(names)
    assert all(term.weight > 0 for term in method.terms)


def test_what_was_tried_is_said_of_every_row():
  assert list(methods.TRIED) == list(methods.METHODS) and all(methods.TRIED.values())


def test_one_row_is_the_reference_and_it_is_no_row_of_the_paper():
  assert [row for row, method in methods.METHODS.items() if method.reference] == ["reference"]
  assert "reference" not in methods.PAPER


def test_the_paper_has_a_mean_for_each_of_its_rows_and_for_no_other():
  known = [row for row, method in methods.METHODS.items()
           if paper.mean(method.name, ["NAT>CLP", "DSC>NAT"]) is not None]
  assert tuple(known) == methods.PAPER


def test_names_differ():
  names = [method.name for method in methods.METHODS.values()]
  assert len(set(names)) == len(names)


def test_an_unknown_row_is_answered_with_the_known():
  with pytest.raises(ValueError, match="method 'C'; expected one of reference, bl_ind, bl_shfinal"):
    methods.named("C")


def test_an_unknown_scope_is_refused():
  with pytest.raises(ValueError, match="scope 'some' of fc6; expected one of own, kind, all"):
    model.owner("fc6", PLACES[0], methods.Method("made", trunk="some"))
