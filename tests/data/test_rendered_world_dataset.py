"""Tests of the rendered world as a data set: preparing, reading, ground truth."""

import concurrent.futures
import os
import pathlib
import signal
import subprocess
import sys

import numpy as np
import pytest

from cmx import config
from cmx import data
from cmx.data import splits
from cmx.data.sets.rendered_world import categories
from cmx.data.sets.rendered_world import dataset as rendered_world
from cmx.data.sets.rendered_world import examples
from cmx.data.sets.rendered_world import workers

CLASSES = len(categories.NAMES)


def tiny(root, **fields):
  counts = dict(image_size=32, natural=3, clipart=1, spatial_text=2, drawing=1, description=1,
                validation_natural=1, validation_other=1)
  return config.Data(root=str(root), world=config.World(**(counts | fields)))


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
  settings = tiny(tmp_path_factory.mktemp("world"))
  data.prepare(settings)
  return settings


def test_world_is_the_default_data_set():
  assert config.Data().name == "rendered_world" and "rendered_world" in data.names()


def test_sizes_and_rows_are_those_of_the_config(prepared):
  dataset = data.load(prepared)
  assert [m.name for m in dataset.modalities] == list(examples.RENDERERS)
  assert [m.shape for m in dataset.modalities] == [(32, 32, 3)] * 4 + [()]
  assert [len(s) // CLASSES for s in dataset.splits["train"].values()] == [3, 1, 2, 1, 1]
  assert [len(s) // CLASSES for s in dataset.splits["validation"].values()] == [1] * 5
  assert dataset.classes == categories.NAMES


def test_records_are_the_examples(prepared):
  dataset = data.load(prepared)
  for split, sources in dataset.splits.items():
    for name, source in sources.items():
      for index in (0, len(source) - 1):
        made, read = examples.example(0, name, split, index, 32), source[index]
        assert np.array_equal(read["input"], made.input)
        assert read["label"] == made.label == source.labels[index]
        assert read["key"] == f"{name}/{split}/{index}"


def test_every_class_has_the_same_number_of_examples(prepared):
  for sources in data.load(prepared).splits.values():
    for source in sources.values():
      assert source.labels.dtype == np.int32
      assert set(np.bincount(source.labels)) == {len(source) // CLASSES}


def test_ground_truth_can_be_read(prepared):
  source = data.load(prepared).splits["train"]["clipart"]
  truth, made = rendered_world.truth(source, 5), examples.example(0, "clipart", "train", 5, 32)
  assert truth["category"] == categories.NAMES[5] == made.scene.category
  assert [o["name"] for o in truth["objects"]] == [o.name for o in made.objects]
  assert np.allclose([o["box"] for o in truth["objects"]], [o.box for o in made.objects], atol=1e-4)


def test_objects_are_told_at_the_door_also_of_held_out_examples(prepared):
  source = data.load(prepared).splits["train"]["natural"]
  ask, part = data.truth("rendered_world"), splits.Subset(source, np.array([7, 2]))
  assert ask(part, 1) == ask(source, 2) == rendered_world.truth(source, 2)
  assert data.truth("folders") is None


def test_no_record_is_found_twice(prepared):
  keys = [source[i]["key"] for sources in data.load(prepared).splits.values()
          for source in sources.values() for i in range(len(source))]
  assert len(set(keys)) == len(keys) == (3 + 1 + 2 + 1 + 1 + 5) * CLASSES


def test_reading_from_threads_gives_the_same(prepared):
  source = data.load(prepared).splits["train"]["natural"]
  alone = [source[i]["input"].copy() for i in range(len(source))]
  with concurrent.futures.ThreadPoolExecutor(4) as pool:
    indices = [*range(len(source))] * 5
    together = list(pool.map(lambda i: source[i]["input"].copy(), indices))
  assert all(np.array_equal(x, alone[i]) for i, x in zip(indices, together))


def test_preparing_twice_changes_nothing(prepared):
  def state():
    files = pathlib.Path(prepared.root).glob("*/*/**/*")
    return {file: file.stat().st_mtime_ns for file in files if file.is_file()}
  before = state()
  data.prepare(prepared)
  assert state() == before and before


def test_another_size_or_seed_is_another_folder(prepared):
  marks = {rendered_world.fingerprint(w) for w in (
    prepared.world, config.World(), config.World(seed=1), config.World(image_size=96))}
  assert len(marks) == 4
  assert data.load(prepared).fingerprint in marks


def test_an_unprepared_world_says_how_to_prepare_it(tmp_path):
  with pytest.raises(FileNotFoundError, match="not prepared in .*python -m launch.prepare"):
    data.load(tiny(tmp_path))


def test_too_small_sizes_are_errors(tmp_path):
  with pytest.raises(ValueError, match="image_size 16; expected 32 or more pixels"):
    data.prepare(tiny(tmp_path, image_size=16))
  with pytest.raises(ValueError, match="data.world.drawing 0; expected 1 or more examples"):
    data.load(tiny(tmp_path, drawing=0))
  with pytest.raises(ValueError, match="data.world.seed -1; expected 0 or more"):
    data.prepare(tiny(tmp_path, seed=-1))
  assert not list(tmp_path.iterdir())


def test_an_interrupted_preparation_goes_on(tmp_path, monkeypatch):
  settings = tiny(tmp_path)
  def stop(*args):
    raise KeyboardInterrupt
  with monkeypatch.context() as patch:
    patch.setitem(examples.RENDERERS, "drawing", stop)
    with pytest.raises(KeyboardInterrupt):
      data.prepare(settings)
  with pytest.raises(FileNotFoundError):
    data.load(settings)
  made = sorted(tmp_path.glob("**/natural/1*/*array_record*"))  # finished before the interruption
  stamp = made[0].stat().st_mtime_ns
  left = tmp_path / "rendered_world" / rendered_world.fingerprint(settings.world)
  left = left / "rendered_world" / "drawing" / "incomplete.ABC_1.0.0"
  left.mkdir(parents=True)
  data.prepare(settings)
  assert made[0].stat().st_mtime_ns == stamp and not left.exists()
  assert len(data.load(settings).splits["train"]["drawing"]) == CLASSES


def test_workers_give_the_records_in_order_without_what_linux_alone_has(monkeypatch):
  for name in ("sched_getaffinity", "fork"):
    monkeypatch.delattr(os, name)
  with workers.Pool(10_000) as pool:
    made = list(pool.records(0, "description", "train", 300, 64))
  assert made == examples.chunk(0, "description", "train", 0, 300, 64)


def test_workers_end_with_a_killed_parent():
  code = ("import multiprocessing, time\nfrom cmx.data.sets.rendered_world import workers\n"
          "if __name__ == '__main__':\n"
          "  pool = workers.Pool(10_000)\n"
          "  print(len(list(pool.records(0, 'description', 'train', 960, 64))), flush=True)\n"
          "  print(*(p.pid for p in multiprocessing.active_children()), flush=True)\n"
          "  time.sleep(60)\n")
  parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
  assert parent.stdout.readline() == "960\n"
  children = parent.stdout.readline().split()
  assert children
  for child in map(int, children):
    os.kill(child, 0)  # raises where there is no such process
  parent.send_signal(signal.SIGKILL)
  parent.communicate(timeout=10)  # raises where a worker lives: it holds the output open
