"""Faults tried for real, a few of each kind: nothing lost or silent; and that it would show."""

import random
import shutil

import pytest

from benchmarks.faults import __main__ as command
from benchmarks.faults import counts
from benchmarks.faults import damage
from benchmarks.faults import processes
from benchmarks.faults import topologies
from benchmarks.faults import writer
from cmx.files import writing


def bad(outcomes):
  return [outcome for outcome in outcomes if outcome.how != counts.SURVIVED]


def test_damage_to_files_of_every_kind_is_noticed_or_made_good(tmp_path):
  found = damage.try_all(tmp_path, trials=16)
  assert len({outcome.fault.split()[-1] for outcome in found}) == 8
  assert len(found) >= 110 and not bad(found)


def test_where_nothing_looks_at_the_manifests_damage_is_silent(tmp_path):
  with damage.unchecked():
    found = damage.try_all(tmp_path, 24, only=("features", "table"))
  assert [outcome.how for outcome in found].count(counts.SILENT) > 10


def test_a_killed_process_a_stopped_one_and_two_at_once_end_in_the_same_files(tmp_path):
  rng = random.Random(1)
  for name, attempt in (("kills", lambda folder: processes.kills(folder, 2, rng)),
                        ("told", lambda folder: processes.told(folder, 2, rng)),
                        ("twins", lambda folder: processes.twins(folder, 1))):
    (tmp_path / name).mkdir()
    found = attempt(tmp_path / name)
    assert found and not bad(found)


def test_a_full_disk_is_one_sentence_and_the_same_command_goes_on(tmp_path):
  found = processes.full_disks(tmp_path, 1, random.Random(0))
  if not found:
    pytest.skip("only root can make a disk")
  assert not bad(found)


def test_a_left_over_and_another_byte_are_another_digest(tmp_path):
  writer.write_all(tmp_path / "a")
  for name in ("b", "c"):
    shutil.copytree(tmp_path / "a", tmp_path / name)
  whole = writer.digest(tmp_path / "a")
  assert writer.digest(tmp_path / "b") == whole
  (tmp_path / "b" / f"x{writing.TEMPORARY}").touch()
  (tmp_path / "c" / "table.txt").write_text("another")
  assert whole not in (writer.digest(tmp_path / "b"), writer.digest(tmp_path / "c"))


@pytest.mark.parametrize("what, attempt", [
  ("whole files", lambda folder: processes.kills(folder, 6, random.Random(0), "whole files")),
  ("handlers", lambda folder: processes.told(folder, 2, random.Random(0), "handlers")),
  ("sentences", lambda folder: processes.full_disks(folder, 1, random.Random(0), "sentences"))])
def test_without_the_means_of_cmx_the_same_faults_show(tmp_path, what, attempt):
  found = attempt(tmp_path)
  if what == "sentences" and not found:
    pytest.skip("only root can make a disk")
  assert bad(found)


def test_a_training_has_the_same_bits_on_other_devices_and_without_order_has_not(tmp_path):
  for without in ("", "order"):
    (tmp_path / f"_{without}").mkdir()
    found = topologies.tried(tmp_path / f"_{without}", 4, 0, without)
    assert len(found) == 4 and bool(bad(found)) == bool(without), found


def test_the_command_counts_and_ends_with_exit_code_1_where_anything_is_silent(
    monkeypatch, capsys):
  outcomes = [counts.Outcome("flip in table", counts.SURVIVED),
              counts.Outcome("flip in table", counts.SILENT, "table.txt")]
  monkeypatch.setattr(damage, "try_all", lambda root, trials, seed, only=(): (
    outcomes[1:] if only else outcomes))
  others = [f"--{name}=0" for name in ("kills", "signals", "twins", "disks", "topologies", "pods")]
  assert command.main(others) == 1
  said = capsys.readouterr().out
  assert "| flip in table | 2 | 1 | 0 | 1 |" in said and "silent: flip in table: table.txt" in said
  assert "| control: damage, manifests not looked at | 1 | 0 | 0 | 1 |" in said
  outcomes[1] = outcomes[0]
  assert command.main(others) == 1  # the control has counted nothing
  assert "count says nothing" in capsys.readouterr().out
  assert command.main(["--damage=0", *others]) == 0
