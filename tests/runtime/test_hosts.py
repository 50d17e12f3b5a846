"""Several processes on loopback: from archives to the table, the same as by one process alone."""

import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

import jax
import numpy as np
import pytest

import made_archives
from cmx import data
from cmx import fields as fields_lib
from cmx.experiment import reproduce
from cmx.runtime import hosts
from cmx.training import checkpoint
from configs import cmplaces_smoke

ROOT = pathlib.Path(__file__).parents[2]
DEVICES = 8  # of all processes together, as of the tests' own
ROWS = ("supcon_shared",)  # whose term sees the examples of all processes
FIELDS = {"data.modalities": ("natural", "description"), "data.cmplaces.image_size": 32,
          "augment.shift": 2, "network.tower": "small", "network.channels": (2, 2, 2, 2),
          "network.hidden": (4,), "network.trunk": 4, "reference.steps": 2, "reference.batch": 8,
          "optimizer.steps": 60, "optimizer.batch": 8, "log.metrics_steps": 1}


def fields(folder, where):
  return {**FIELDS, "data.root": f"{folder / where}",
          "data.cmplaces.archives": f"{folder / 'manual'}"}


def start(folder, where, count):
  """Starts `launch.reproduce` in `count` processes that share the devices."""
  with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    address = f"127.0.0.1:{free.getsockname()[1]}"
  simulated = os.environ["XLA_FLAGS"].replace("device_count=8", f"device_count={DEVICES // count}")
  command = [sys.executable, "-m", "launch.reproduce", "--config=configs/cmplaces_smoke.py",
             f"--workdir={folder / where / 'runs'}", f"--rows={','.join(ROWS)}",
             "--compilation_cache=", f"--coordinator={address}", f"--processes={count}",
             *(f"--config.{name}={value}" for name, value in fields(folder, where).items())]
  return [subprocess.Popen([*command, f"--process={index}"], cwd=ROOT, text=True,
                           env={**os.environ, "XLA_FLAGS": simulated},
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE)
          for index in range(count)]


def ended(started):
  """(exit code, printed, logged) of each process."""
  said = [process.communicate(timeout=240) for process in started]
  return [(process.returncode, *parts) for process, parts in zip(started, said)]


def steps(workdir):
  path = workdir / "metrics.jsonl"
  return path.read_text().count("\n") if path.exists() else 0


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
  folder = tmp_path_factory.mktemp("pod")
  made_archives.all_of(folder / "manual", [0, 13, 36])
  return folder


@pytest.fixture(scope="module")
def alone(folder):
  """The experiment by one process."""
  config = fields_lib.replace(cmplaces_smoke.get_config(), fields(folder, "alone"))
  data.prepare(config.data)
  reproduce.reproduce(config, folder / "alone" / "runs", ROWS)
  return folder / "alone"


def test_two_processes_are_stopped_and_four_go_on_to_the_table_of_one(folder, alone):
  row = folder / "pod" / "runs" / "seed_0" / ROWS[0]
  started, patience = start(folder, "pod", 2), time.monotonic() + 200
  while steps(row) < 5:
    assert all(one.poll() is None for one in started) and time.monotonic() < patience, (
      [one.kill() for one in started], ended(started))
    time.sleep(0.02)
  started[1].send_signal(signal.SIGTERM)  # which tells the other
  results = ended(started)
  done = checkpoint.latest_step(row)
  assert [code for code, *_ in results] == [143, 143] and 5 <= done < 60, results
  assert all(f"(SIGTERM). {ROWS[0]}: step {done} of 60 is saved" in logged
             for *_, logged in results)

  results = ended(start(folder, "pod", 4))
  assert [code for code, *_ in results] == [0] * 4, results
  assert ["chance" in printed for _, printed, _ in results] == [True, False, False, False]
  assert not any("steps, " in logged or "examples, " in logged for *_, logged in results[1:])
  for name in ("reference", *ROWS):
    one, pod = (checkpoint.load_run(where / "runs" / "seed_0" / name)
                for where in (alone, folder / "pod"))
    assert one.provenance["data"] == pod.provenance["data"]
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5), one.params,
                 pod.params)
  tables = [json.loads((where / "runs" / "table.json").read_text())["tables"][0]["rows"][0]["map"]
            for where in (alone, folder / "pod")]
  assert tables[0]["cells"] == tables[1]["cells"]


@pytest.mark.parametrize("given", [("host:1", None, None), ("", 2, 0), ("host:1", 2, None),
                                   ("host", 2, 0), ("host:1", 2, 2)])
def test_processes_that_cannot_find_each_other_are_refused(given):
  with pytest.raises(ValueError, match="coordinator .*; expected"):
    hosts.join(*given)


@pytest.mark.parametrize("name, value, count", [
  ("SLURM_STEP_NUM_TASKS", "4", 4), ("OMPI_COMM_WORLD_SIZE", "2", 2), ("JAX_NUM_PROCESSES", "3", 3),
  ("TPU_WORKER_HOSTNAMES", "a,b", 2), ("SLURM_STEP_NUM_TASKS", "1", 1)])
def test_who_has_been_started_with_others_joins_them(monkeypatch, name, value, count):
  joined = []
  monkeypatch.setattr(jax.distributed, "initialize", lambda *given, **more: joined.append(given))
  monkeypatch.setenv(name, value)
  assert hosts.join() == count and joined == [(None, None, None)] * (count > 1)


def test_work_is_shared_without_rest_or_overlap(monkeypatch):
  pieces, rows, batch = list(range(11)), [], np.arange(12)
  monkeypatch.setattr(jax, "process_count", lambda: 3)
  shares = []
  for index in range(3):
    monkeypatch.setattr(jax, "process_index", lambda index=index: index)
    shares.append(hosts.share(pieces))
    rows += [*batch[hosts.part(len(batch))]]
  assert sorted(sum(shares, [])) == pieces and max(map(len, shares)) - min(map(len, shares)) <= 1
  np.testing.assert_array_equal(rows, batch)


def test_one_process_waits_for_none():
  hosts.wait("here")
  with hosts.first_alone("here"):
    assert hosts.is_first() and not hosts.several()
