"""Rows of tables with their lines; what readers of them refuse is tested where they are used."""

import pytest

from cmx.files import tables


def rows(tmp_path, content, name="a.csv", required=(("a",),)):
  (tmp_path / name).write_bytes(content)
  return list(tables.rows(tmp_path / name, ("a", "b"), required))


def test_a_row_has_the_line_that_it_begins_in(tmp_path):
  found = rows(tmp_path, b'a,b\n1,"2\n3\n4"\n\n5,6\n')
  assert [(row.line, row.values) for row in found] == [
    (2, {"a": "1", "b": "2\n3\n4"}), (5, None), (6, {"a": "5", "b": "6"})]
  assert [row.empty for row in found] == [False, True, False]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("name, separator", [("a.csv", b","), ("a.TSV", b"\t"), ("a.tab", b"\t")])
def test_lines_may_end_as_on_any_system(tmp_path, end, name, separator):
  content = end.join(separator.join(row) for row in ((b" A ", b"b"), (b"1", b"2")))
  assert rows(tmp_path, content, name) == [(2, {"a": "1", "b": "2"}, "", False)]


def test_cells_that_are_missing_or_too_many_are_counted(tmp_path):
  few, many, empty = rows(tmp_path, b"a,b,c\n1\n1,2,3,4\n1,2,3,,\n")
  assert few.values == {"a": "1", "b": None,
                        "c": None} and few.why.startswith("1 cells; expected 3")
  assert many.values is None and many.why.startswith("4 cells; expected 3")
  assert empty.values == {"a": "1", "b": "2", "c": "3"} and not empty.why


def test_an_object_a_line_is_read_and_others_are_named(tmp_path):
  found = rows(tmp_path, b'{"a": 1}\n\n{"a": 1, "a": 2}\n[3]\n{', "a.jsonl")
  assert [(row.line, row.values, row.why[:9]) for row in found] == [
    (1, {"a": 1}, ""), (3, None, "key 'a' i"), (4, [3], ""), (5, None, "an object")]


def test_the_first_byte_that_is_not_utf8_is_named(tmp_path):
  with pytest.raises(ValueError,
                     match=r"a.csv is not UTF-8: .* at byte 7, line 3; is it of another"):
    rows(tmp_path, b"a,b\n1,\n\xe9,2\n")
