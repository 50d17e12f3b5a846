"""What the check lets pass comes to its first step, and nothing else does: damage at random."""

import numpy as np

import bad_folders as made
from cmx import config as config_lib
from cmx import data as data_lib
from cmx import fields
from cmx.data import batches
from cmx.data.sets.folders import listing
from cmx.experiment import preflight
from cmx.experiment import reproduce
from cmx.training import train

CASES = 24


class Reached(Exception):
  """The first step."""


def first_batch(config, dataset, *rest):
  """In place of training: the first step's examples are there, and finite."""
  del rest
  batch = batches.batch_at(batches.samplers(dataset), config.seed, 0, config.reference.batch,
                           augment=config.augment)
  for row in dataset.modalities:
    assert len(dataset.splits[data_lib.VALIDATION][row.name])
    assert np.isfinite(np.asarray(batch[row.name]["input"], float)).all()
  raise Reached


def config_of(rng, folder, case):
  """A small sound data set and encoder's file, and a config that trains on it, or nearly."""
  root, kind = folder / "mine", case % 3
  if kind:
    path = made.folders(root)
  else:
    root.mkdir(parents=True)
    path = made.manifest(root, name=["a.csv", "a.jsonl"][case % 2])
  data = made.settings(path, damaged=int(rng.integers(3)), holdout=float(rng.choice([0, 0, 0.3])),
                       modalities=[(), (), ("photo", "note")][rng.integers(3)])
  data.folders.image_size = int(rng.choice([32, 32, 32, 32, 8]))
  text = ["hashing", "words", "vectors"][rng.integers(3)]
  keys = [item.key for item in listing.find(data.folders).items if item.kind == "text"]
  made.put(folder / "words", "".join(f"{word} {i} 1.5\n" for i, word in enumerate(
    "a bed lamp of train validation number 0 1".split())))
  np.savez(folder / "vectors.npz", x=rng.normal(size=(len(keys), 3)), keys=np.array(keys))
  return fields.replace(config_lib.Config(data=data), {
    "encoders.text": text, "encoders.file": {"words": f"{folder / 'words'}", "hashing": "",
                                             "vectors": f"{folder / 'vectors.npz'}"}[text],
    "mixture.components": int(rng.choice([2, 2, 2, 5])), "reference.batch": 8,
    "optimizer.batch": 8})


def damage(rng, folder):
  """Damages files at random, as disks, tools and people do."""
  files = sorted(path for path in folder.rglob("*") if path.is_file())
  for _ in range(rng.integers(3)):
    path = files[rng.integers(len(files))]
    if not path.exists():
      continue
    content = bytearray(path.read_bytes())
    match rng.integers(8):
      case 0: content = content[:rng.integers(len(content) + 1)]
      case 1: content[rng.integers(max(len(content), 1)):] = bytes(rng.integers(1, 9))
      case 2 if content: content[rng.integers(len(content))] ^= 1 << rng.integers(8)
      case 3: content = bytearray(b"")
      case 4: content = content[:len(content) // 2] * 2
      case 5:
        path.rename(path.with_name(path.name + " "[:rng.integers(2)] + ".bak"[:rng.integers(5)]))
        continue
      case 6:
        path.unlink()
        continue
      case _: content = bytearray(rng.integers(0, 128, rng.integers(1, 60)).astype("u1").tobytes())
    path.write_bytes(content)


def test_check_and_training_agree_whatever_is_damaged(tmp_path, monkeypatch):
  monkeypatch.setattr(train, "train", first_batch)
  rng, passed = np.random.default_rng(0), 0
  for case in range(CASES):
    folder = tmp_path / f"{case}"
    config = config_of(rng, folder, case)
    damage(rng, folder)
    try:
      said = preflight.report(config).problems
    except (ValueError, FileNotFoundError) as error:
      said = [f"{error}"]
    try:
      data_lib.prepare(config.data)
      reproduce.reproduce(config, folder / "run")
    except Reached:
      assert not said, (case, said)
      passed += 1
    except (ValueError, FileNotFoundError) as error:
      assert said, (case, error)
  assert CASES / 5 < passed < 4 * CASES / 5
