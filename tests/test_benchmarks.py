"""Benchmarks: answers before times, contenders in turn, aims, memory of a fresh process."""

import json
import math
import re
import sys
import time

import numpy as np
import pytest

from benchmarks import cases
from benchmarks import harness
from benchmarks import run

FAKE = """\"\"\"Naps.\"\"\"
import time
import numpy as np
from benchmarks import harness

def sleeper(seconds, answer):
  return lambda: lambda: (time.sleep(seconds), answer)[1]

def missing():
  import a_library_that_nobody_has

def hungry(megabytes):
  return lambda: lambda: np.ones(megabytes << 17).sum(keepdims=True) * 0

def comparisons(quick):
  return [{}]
"""


@pytest.fixture
def case(tmp_path, monkeypatch):
  """Writes a case that makes one comparison, given as source; returns its name."""
  def write(comparison):
    name = f"fake_case_{len(sys.modules)}"
    (tmp_path / f"{name}.py").write_text(FAKE.format(comparison))
    return name
  monkeypatch.syspath_prepend(str(tmp_path))
  return write


def rows(module, quick=False):
  return {row["name"]: row for row in harness.measure(module, quick)[0]["rows"]}


def test_ratios_are_to_the_first_contender_and_aims_are_judged(case):
  found = rows(case("""harness.Comparison("naps", [
    harness.Contender("ours", sleeper(0.06, np.ones(3))),
    harness.Contender("slow", sleeper(0.18, np.ones(3)), at_least=2),
    harness.Contender("bare", sleeper(0.02, None), harness.LIMIT, at_least=0.9, reason="naps.")],
    tolerance=1e-6, seconds=0.0)"""))
  assert found["ours"]["ratio"] == 1 and found["ours"]["met"] is None
  assert 2.5 < found["slow"]["ratio"] < 3.5 and found["slow"]["met"] is True
  assert 0.2 < found["bare"]["ratio"] < 0.7 and found["bare"]["met"] is False
  assert all(row["rounds"] == 3 and row["low"] <= row["median"] <= row["high"]
             for row in found.values())


def test_time_is_divided_by_the_work(case):
  found = rows(case("""harness.Comparison("naps", [
    harness.Contender("one", sleeper(0.06, np.ones(3)), units=1),
    harness.Contender("ten", sleeper(0.06, np.ones(3)), units=10, at_most=0.2)],
    tolerance=0, seconds=0.0)"""))
  assert 0.08 < found["ten"]["ratio"] < 0.12 and found["ten"]["met"] is True


def test_another_answer_is_not_timed(case):
  found = rows(case("""harness.Comparison("sums", [
    harness.Contender("ours", sleeper(0, {"a": np.array([1.0, 200.0]), "b": np.ones(2)})),
    harness.Contender("near", sleeper(0, {"a": np.array([1.0, 201.0]), "b": np.ones(2)})),
    harness.Contender("far", sleeper(0, {"a": np.array([1.0, 200.0]), "b": np.ones(2) * 1.1}))],
    tolerance=0.01)"""), quick=True)
  assert "median" in found["near"]
  assert "median" not in found["far"]
  assert found["far"]["differs"] == pytest.approx(0.1)


@pytest.mark.parametrize("theirs", [np.array([1.0, np.nan]), np.ones(3)])
def test_not_finite_and_other_shapes_differ_without_bound(theirs):
  assert harness.difference(np.ones(2), theirs) == math.inf


def test_a_peer_that_is_not_installed_is_skipped_with_how_to_install_it(case):
  found = rows(case("""harness.Comparison("naps", [
    harness.Contender("ours", sleeper(0, np.ones(1))), harness.Contender("theirs", missing)],
    tolerance=0)"""), quick=True)
  assert found["theirs"]["skipped"] == (
    "a_library_that_nobody_has is not installed: pip install 'cmx[bench]'")


def test_contenders_are_timed_in_turn():
  order = []
  runs = {name: lambda name=name: (order.append(name), time.sleep(0.06)) for name in "abc"}
  harness._alternate(runs, budget=0.0, fewest=3)
  assert "".join(order) == "abc" + "abc" + "bca" + "cab"  # one each to learn how long it takes


def test_what_is_short_is_repeated_within_a_measurement(monkeypatch):
  ends = []  # of runs of 1/256 s, by a clock that nothing else moves
  monkeypatch.setattr(time, "perf_counter", lambda: len(ends) / 256)
  seconds = harness._alternate({"a": lambda: ends.append(0)}, 0.0, 1)
  assert len(ends) == 1 + 13  # 13 are the first to last 0.05 s
  assert seconds["a"] == [1 / 256]


def test_small_sizes_are_not_judged(case):
  found = rows(case("""harness.Comparison("naps", [
    harness.Contender("ours", sleeper(0, np.ones(1))),
    harness.Contender("theirs", sleeper(0, np.ones(1)), at_least=100)],
    tolerance=0)"""), quick=True)
  assert found["theirs"]["met"] is None and found["theirs"]["rounds"] == 1


def test_peak_memory_is_that_of_the_run_alone(case):
  found = rows(case("""harness.Comparison("arrays", [
    harness.Contender("40 MB", hungry(40)), harness.Contender("120 MB", hungry(120))],
    tolerance=0, measure=harness.MEMORY)"""), quick=True)
  assert 39 < found["40 MB"]["median"] / 2**20 < 45
  assert 2.6 < found["120 MB"]["ratio"] < 3.1


def test_every_case_has_a_title_and_is_listed(capsys):
  assert run.main(["--list"]) == 0
  lines = capsys.readouterr().out.splitlines()
  assert [line.split()[0] for line in lines] == run.names()
  assert all(re.match(r"\w+ +\S.*", line) for line in lines)


def test_an_unknown_case_is_answered_with_those_that_are_known(capsys):
  with pytest.raises(SystemExit):
    run.main(["no_such_case"])
  assert re.search(r"case 'no_such_case'; expected one of \w+", capsys.readouterr().err)


@pytest.mark.parametrize("value, measure, text", [
  (0.0241, "time", "24.1 ms"), (1.382, "time", "1.38 s"), (1234.5, "time", "1234 s"),
  (2.5e-6, "time", "2.50 us"), (0.99951, "time", "1.00 s"), (512 * 2**20, "memory", "512 MB"),
  (1536, "memory", "1.50 KB"), (0, "time", "0.00 ns")])
def test_amounts_have_three_digits(value, measure, text):
  assert run.amount(value, measure) == text


def test_table_and_json_say_what_was_measured(case, monkeypatch, tmp_path, capsys):
  name = case("""harness.Comparison("naps of 60 ms", [
    harness.Contender("ours", sleeper(0.06, np.ones(1))),
    harness.Contender("bare", sleeper(0.06, None), harness.LIMIT, at_least=9, reason="Both nap."),
    harness.Contender("other", sleeper(0, np.zeros(1))),
    harness.Contender("theirs", missing)], tolerance=1e-3, seconds=0.0)""")
  monkeypatch.setattr(cases, "__path__", [str(tmp_path)])
  assert run.main([f"--out={tmp_path}"]) == 1  # an answer differs
  text = capsys.readouterr().out
  assert re.search(r"bare \(limit\) +6\d\.\d ms .*x  >= 9x NOT MET", text)
  assert "bare (limit): Both nap." in text
  assert "other: another answer: differs by 1.0e+00, tolerance 1e-03; not measured" in text
  content = json.loads((tmp_path / f"{name}.json").read_text())
  assert not content["quick"] and content["machine"]["cores"] >= 1 and "jax" in content["versions"]
  assert content["comparisons"][0]["rows"][1]["met"] is False
