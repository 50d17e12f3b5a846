"""Several processes on loopback: from archives to the table, the same bits as by one alone."""

import os
import pathlib
import signal
import socket
import subprocess
import sys
import time
import types

import jax
import numpy as np
import pytest

import made_archives
from cmx.runtime import crew
from cmx.runtime import hosts
from cmx.runtime import watchdog
from cmx.training import checkpoint

ROOT = pathlib.Path(__file__).parents[2]
ROWS = ("supcon_shared",)  # whose term sees the examples of all processes
FIELDS = {"deterministic": True, "data.modalities": ("natural", "description"),
          "data.cmplaces.image_size": 32, "augment.shift": 2, "network.tower": "small",
          "network.channels": (2, 2, 2, 2), "network.hidden": (4,), "network.trunk": 4,
          "reference.steps": 2, "reference.batch": 8, "optimizer.steps": 60, "optimizer.batch": 8,
          "log.metrics_steps": 1}


def fields(folder, where):
  return {**FIELDS, "data.root": f"{folder / where}",
          "data.cmplaces.archives": f"{folder / 'manual'}"}


def start(folder, where, count):
  """Starts `launch.reproduce` in `count` processes of one device each."""
  with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    address = f"127.0.0.1:{free.getsockname()[1]}"
  one_device = os.environ["XLA_FLAGS"].replace("device_count=8", "device_count=1")
  command = [sys.executable, "-m", "launch.reproduce", "--config=configs/cmplaces_smoke.py",
             f"--workdir={folder / where / 'runs'}", f"--rows={','.join(ROWS)}",
             "--compilation_cache=",
             *(f"--config.{name}={value}" for name, value in fields(folder, where).items())]
  pod = [f"--coordinator={address}", f"--processes={count}"]
  return [subprocess.Popen([*command, *([*pod, f"--process={index}"] if count > 1 else [])],
                           cwd=ROOT, text=True, env={**os.environ, "XLA_FLAGS": one_device},
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE)
          for index in range(count)]


def ended(started):
  """(exit code, printed, logged) of each process."""
  said = [process.communicate(timeout=240) for process in started]
  return [(process.returncode, *parts) for process, parts in zip(started, said)]


def steps(workdir):
  path = workdir / "metrics.jsonl"
  return path.read_text().count("\n") if path.exists() else 0


def written(runs):
  """{file below a work directory: its bytes} of features, results and tables."""
  files = {path for kind in ("**/*.npy", "**/average_precision.npz", "**/result.json", "table.???")
           for path in runs.glob(kind) if checkpoint.FOLDER not in path.parts}
  return {path.relative_to(runs).as_posix(): path.read_bytes() for path in files}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
  folder = tmp_path_factory.mktemp("pod")
  made_archives.all_of(folder / "manual", [0, 13, 36])
  return folder


@pytest.fixture(scope="module")
def undisturbed(folder):
  """The experiment by two processes."""
  results = ended(start(folder, "undisturbed", 2))
  assert [code for code, *_ in results] == [0, 0], results
  assert ["chance" in printed for _, printed, _ in results] == [True, False]
  assert not any("steps, " in logged or "examples, " in logged for *_, logged in results[1:])
  return folder / "undisturbed" / "runs"


def test_two_processes_are_stopped_and_one_goes_on_to_the_bits_of_two(folder, undisturbed):
  runs = folder / "stopped" / "runs"
  row = runs / "seed_0" / ROWS[0]
  started, patience = start(folder, "stopped", 2), time.monotonic() + 200
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

  results = ended(start(folder, "stopped", 1))
  assert [code for code, *_ in results] == [0], results
  for name in ("reference", *ROWS):
    one, two = (checkpoint.load_run(where / "seed_0" / name) for where in (runs, undisturbed))
    assert one.provenance["data"] == two.provenance["data"]
    jax.tree.map(np.testing.assert_array_equal, one.params, two.params)
  ours, theirs = written(runs), written(undisturbed)
  assert len(theirs) > 10 and sorted(ours) == sorted(theirs)
  assert [name for name in theirs if ours[name] != theirs[name]] == []


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


def test_arrays_of_several_dtypes_and_shapes_travel_as_one_of_each_dtype():
  def of_process(number):
    return [jax.numpy.full((2, 3), number + 0.5), jax.numpy.int32(2**24 + 1 + number),
            jax.numpy.arange(4.0) + number]

  packed = [hosts._packed(of_process(number)) for number in range(2)]
  assert {name: row.shape for name, row in packed[0].items()} == {"float32": (1, 10),
                                                                  "int32": (1, 1)}
  rows = jax.tree.map(lambda *found: jax.numpy.concatenate(found), *packed)
  forms = tuple((x.shape, x.dtype.name) for x in of_process(0))
  jax.tree.map(np.testing.assert_array_equal, hosts._unpacked(rows, forms),
               [of_process(0), of_process(1)])


def test_to_wait_is_no_collective_which_would_give_up_and_each_place_is_another(monkeypatch):
  places = []
  client = types.SimpleNamespace(wait_at_barrier=lambda *place: places.append(place))
  monkeypatch.setattr(hosts.distributed, "global_state", types.SimpleNamespace(client=client))
  monkeypatch.setattr(jax, "process_count", lambda: 2)
  hosts.wait("here")
  hosts.wait("here")
  assert len(set(places)) == 2 and all("here" in name for name, _ in places)
  assert min(milliseconds for _, milliseconds in places) > 24 * 3600 * 1000


def test_one_process_waits_for_none():
  hosts.wait("here")
  with hosts.first_alone("here"):
    assert hosts.is_first() and not hosts.several()


def test_a_helper_that_is_gone_ends_its_process_as_one_to_be_started_again(monkeypatch):
  said = []
  monkeypatch.setattr(watchdog, "leave", said.append)
  with hosts.ending_together():
    raise crew.Gone("the process that worked on c is gone")
  assert said == ["the process that worked on c is gone"]
