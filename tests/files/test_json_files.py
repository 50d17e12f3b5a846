"""JSON files of finished runs: cut, emptied or exchanged, they are named with what to do."""

import pathlib

import pytest

from cmx.files import json_files


def test_a_whole_file_is_read(tmp_path):
  (tmp_path / "a.json").write_text('{"tables": [1, "\u00e9"]}', encoding="utf-8")
  assert json_files.read(tmp_path / "a.json", "", "tables") == {"tables": [1, "\u00e9"]}


@pytest.mark.parametrize("content", [
  b"", b"{", b'{"tables": [1, 2', b'{"tables": 1}x', b"\0" * 64, b"\xff\xfe{", b"[" * 100_000,
  b"[]", b"3", b"null", b"{}", b'{"table": 1}', b"<html></html>"])
def test_a_file_that_does_not_hold_is_named_with_the_remedy(tmp_path, content):
  path = pathlib.Path(tmp_path / "result.json")
  path.write_bytes(content)
  with pytest.raises(ValueError) as refused:
    json_files.read(path, "remove it, and run launch.evaluate again", "tables")
  assert str(refused.value).startswith(str(path))
  assert str(refused.value).endswith("remove it, and run launch.evaluate again")
