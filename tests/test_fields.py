"""Trees of dataclasses from plain values, and back to a flat table of leaves."""

import dataclasses

import pytest

from cmx import config as config_lib
from cmx import fields
from cmx.config import limits

CONFIG = config_lib.Config()


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


@pytest.mark.parametrize("word, expected", [
  ("a,b", ["a", "b"]), (" a , b ", ["a", "b"]), ("a", ["a"]), ("", []), ("  ", []),
  ("('a', 'b')", ["a", "b"]), ("[1, 2]", ["1", "2"]), ("'a,b'", ["a,b"]), ("()", [])])
def test_members_are_written_with_commas_or_as_python_does(word, expected):
  assert fields.members("field", word) == expected


@pytest.mark.parametrize("word, said", [
  ("a,,b", "has an empty member"), ("a,", "has an empty member"), (",", "has an empty member"),
  ("('a', 'b'", "expected values as in a,b or"), ("[a]", "expected values as in a,b or")])
def test_members_that_cannot_be_told_are_refused(word, said):
  with pytest.raises(ValueError, match=f"field .*{said}"):
    fields.members("field", word)


@pytest.mark.parametrize("name, words, expected", [
  ("seed", ["1", "2"], 2), ("network.channels", ["8,16", "32"], (8, 16, 32)),
  ("network.channels", [""], ()), ("optimizer.recompute", [" YES "], True),
  ("optimizer.recompute", ["0"], False), ("optimizer.clip", ["2"], 2.0),
  ("weights.file", ["a,b"], "a,b"), ("data.modalities", ["('natural',)"], ("natural",))])
def test_words_of_a_command_line_have_their_field_s_type(name, words, expected):
  found = fields.parsed(CONFIG, name, words)
  assert found == expected and type(found) is type(expected)


@pytest.mark.parametrize("name, word, said", [
  ("rows", "c", "config.rows is no single value"), ("seed", "1.5", "type int$"),
  ("optimizer.recompute", "2", "type bool, one of true, false, 1, 0, yes, no"),
  ("network.channels", "8,b", "config.network.channels 'b'; expected a value of type int")])
def test_words_that_do_not_fit_are_refused_by_field(name, word, said):
  with pytest.raises(ValueError, match=said):
    fields.parsed(CONFIG, name, [word])


def test_batches_are_those_of_every_row_in_parts_for_each_process():
  config = fields.replace(CONFIG, {
    "reference.batch": 48, "optimizer.batch": 64, "optimizer.accumulate": 4})
  assert fields.batches(config) == [48, 16]
  config = dataclasses.replace(config, deterministic=True, shards=24, rows={
    "c": {"optimizer.batch": 32, "optimizer.accumulate": 1}})
  assert fields.batches(config, 2) == [24, 8, 24, 16, 12]
  config.rows["c"]["optimizer.accumulate"] = 0  # refused elsewhere, with words
  assert fields.batches(config)[3] == 32


def test_flags_are_what_differs_and_what_was_given_but_for_some():
  config = fields.replace(CONFIG, {"seed": 3, "weights.file": "a b.npz",
                                   "network.channels": (8, 16)})
  assert fields.as_flags(config) == (
    "--config.seed=3 --config.network.channels=8,16 --config.weights.file='a b.npz'")
  assert fields.as_flags(config, given=["network.trunk"], but=["seed", "weights.file"]) == (
    f"--config.network.channels=8,16 --config.network.trunk={CONFIG.network.trunk}")
  assert fields.as_flags(dataclasses.replace(CONFIG, rows={"c": {"seed": 1}})) == ""


def test_limits_are_those_of_members_and_of_plain_numbers():
  assert fields.limit("network.channels").holds(1) and not fields.limit("network.channels").holds(0)
  assert fields.limit("weights.file") is None
  assert fields.limit("optimizer.skip") is limits.OF_TYPE[int]
  number = fields.limit("optimizer.learning_rate")
  assert [number.holds(x) for x in (0.0, -1e-9, 2.9e38, 3e38, float("inf"), float("nan"))] == [
    True, False, True, False, False, False]
  whole = limits.whole(2, 5)
  assert [whole.holds(x) for x in (1, 2, 5, 6)] == [False, True, True, False]
  own = limits.one_of("", "a", begins=("hf:",), others=", hf:NAME")
  assert [own.holds(x) for x in ("", "a", "hf:x", "ahf:", "b")] == [True, True, True, False, False]
  assert own.words == "one of '', a, hf:NAME"


def test_paths_are_the_fields_that_hold_one():
  found = fields.paths(fields.replace(CONFIG, {"weights.file": "a.npz"}))
  assert found["weights.file"] == "a.npz" and "weights.mean" in found and "data.root" in found
  assert "network.tower" not in found and "weights.classifier" not in found
