"""Trees of dataclasses from plain values, and back to a flat table of leaves."""

import dataclasses

import pytest

from cmx import fields


@dataclasses.dataclass
class Part:
  size: float = 1.0
  names: tuple[str, ...] = ()
  on: bool = False


@dataclasses.dataclass
class Whole:
  count: int = 0
  part: Part = dataclasses.field(default_factory=Part)
  pairs: tuple[Part, ...] = ()
  note: str | None = None
  table: dict[str, int] = dataclasses.field(default_factory=dict)


def test_dicts_become_the_dataclass_of_their_field_and_lists_tuples():
  whole = fields.from_dict({"count": 2, "part": {"names": ["a", "b"]}, "pairs": [{"size": 3.0}],
                            "note": None, "table": {"x": 1}}, Whole)
  assert whole == Whole(2, Part(names=("a", "b")), (Part(3.0),), None, {"x": 1})


def test_a_tree_comes_back_from_its_dict():
  whole = Whole(2, Part(names=("a",)), (Part(3.0),), "n", {"x": 1})
  assert fields.from_dict(dataclasses.asdict(whole), Whole) == whole


def test_what_is_left_out_has_its_default():
  assert fields.from_dict({}, Whole) == Whole()


def test_a_whole_number_passes_as_a_float():
  assert fields.from_dict({"size": 3}, Part).size == 3


@pytest.mark.parametrize("tree, message", [
  ({"sizes": 1}, "Part has no field 'sizes'; expected size, names, on"),
  ({"size": "3"}, "Part.size '3'; expected a value of type float"),
  ({"size": True}, "Part.size True; expected a value of type float"),
  ({"on": 1}, "Part.on 1; expected a value of type bool"),
  ({"names": "ab"}, "Part.names 'ab'; expected a value of type tuple"),
  ({"names": [1]}, "Part.names 1; expected a value of type str"),
  ([], r"Part \[\]; expected fields size, names, on")])
def test_a_value_that_does_not_fit_is_refused_by_field(tree, message):
  with pytest.raises(ValueError, match=message):
    fields.from_dict(tree, Part)


def test_leaves_are_named_by_their_path_in_order():
  tree = {"b": {"y": 1, "x": {"z": (2, 3)}}, "a": None}
  assert list(fields.flatten(tree).items()) == [("b.y", 1), ("b.x.z", (2, 3)), ("a", None)]
