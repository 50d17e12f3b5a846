"""Metrics as lines of JSON: appended, cut back on resume, mirrored to TensorBoard where asked."""

import builtins
import json

import pytest

from cmx.training import metrics


def lines(folder):
  return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def write(folder, done, *steps, tensorboard=False):
  with metrics.Writer(folder, done, tensorboard) as writer:
    for step in steps:
      writer.write(step, {"loss": 10 / step})


def test_a_line_a_step_that_can_be_read_at_once(tmp_path):
  with metrics.Writer(tmp_path, 0, False) as writer:
    writer.write(1, {"loss": 2.5, "accuracy": 0.125})
    assert lines(tmp_path) == [{"step": 1, "loss": 2.5, "accuracy": 0.125}]


def test_six_digits_are_kept(tmp_path):
  with metrics.Writer(tmp_path, 0, False) as writer:
    writer.write(1, {"small": 1.23456789e-7, "large": 1234567.0})
  assert lines(tmp_path) == [{"step": 1, "small": 1.23457e-7, "large": 1234570.0}]


def test_resuming_drops_lines_after_the_resumed_step(tmp_path):
  write(tmp_path, 0, 1, 2, 3, 4)
  write(tmp_path, 2, 3)
  assert [line["step"] for line in lines(tmp_path)] == [1, 2, 3]
  write(tmp_path, 0)
  assert lines(tmp_path) == []


def test_a_line_cut_by_a_kill_is_dropped(tmp_path):
  write(tmp_path, 0, 1, 2)
  with (tmp_path / "metrics.jsonl").open("a") as file:
    file.write('{"step": 3, "lo')
  write(tmp_path, 9, 10)
  assert [line["step"] for line in lines(tmp_path)] == [1, 2, 10]


def test_resuming_leaves_no_other_file(tmp_path):
  write(tmp_path, 0, 1)
  write(tmp_path, 1, 2)
  assert [file.name for file in tmp_path.iterdir()] == ["metrics.jsonl"]


def test_tensorboard_has_the_same_numbers(tmp_path):
  pytest.importorskip("tensorboardX")
  write(tmp_path, 0, 1, 2, tensorboard=True)
  (events,) = (tmp_path / "tensorboard").iterdir()
  assert b"loss" in events.read_bytes()
  assert [line["step"] for line in lines(tmp_path)] == [1, 2]


def test_tensorboard_without_its_package_says_how_to_get_it_and_writes_nothing(
    tmp_path, monkeypatch):
  whole = builtins.__import__

  def lacking(name, *rest):
    if name == "tensorboardX":
      raise ImportError(name)
    return whole(name, *rest)

  monkeypatch.setattr(builtins, "__import__", lacking)
  with pytest.raises(ValueError, match=r"needs tensorboardX: pip install 'cmx\[explore\]'"):
    metrics.Writer(tmp_path, 0, True)
  assert not list(tmp_path.iterdir())
