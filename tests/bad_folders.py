"""A small sound data set of a user's own, as folders or as a manifest, to be damaged by tests."""

import csv
import json
import pathlib

import numpy as np
from PIL import Image

from cmx import config as config_lib

CLASSES = ("bed", "lamp")
SPLITS = ("train", "validation")
COLUMNS = ("path", "text", "modality", "split", "class")


def settings(path, **fields):
  folders = {name: fields.pop(name) for name in ("damaged", "reference", "written")
             if name in fields}
  root = pathlib.Path(path)
  data = config_lib.Data(name="folders", root=f"{root.parent / 'prepared'}", **fields)
  data.folders.path, data.folders.image_size = f"{path}", 8
  for name, value in folders.items():
    setattr(data.folders, name, value)
  return data


def put(path, content):
  """Writes bytes or text, and the folders above."""
  path.parent.mkdir(parents=True, exist_ok=True)
  path.write_bytes(content.encode() if isinstance(content, str) else content)


def paint(path, seed, form=None):
  path.parent.mkdir(parents=True, exist_ok=True)
  pixels = np.random.default_rng(seed).integers(0, 255, (8, 8, 3), np.uint8)
  Image.fromarray(pixels).save(path, form)


def folders(root):
  """Photos, notes and sounds: two examples a cell."""
  for s, split in enumerate(SPLITS):
    for c, name in enumerate(CLASSES):
      for i in range(2):
        seed = 100 * s + 10 * c + i
        paint(root / f"photo/{split}/{name}/{i}.png", seed)
        put(root / f"note/{split}/{name}/{i}.txt", f"a {name} of {split}, number {i}")
    x = np.random.default_rng(s).normal(size=(4, 3))
    (root / "sound").mkdir(exist_ok=True)
    np.savez(root / f"sound/{split}.npz", x=x, y=np.array([0, 1, 0, 1]), classes=np.array(CLASSES))
  return root


def rows(root):
  """Rows of a manifest of photos and of notes, with its photos; two a cell."""
  found = []
  for s, split in enumerate(SPLITS):
    for c, name in enumerate(CLASSES):
      for i in range(2):
        cell = {"split": split, "class": name}
        paint(root / f"files/{split}_{name}_{i}.png", 100 * s + 10 * c + i)
        found.append({"path": f"files/{split}_{name}_{i}.png", "text": "", "modality": "photo",
                      **cell})
        found.append({"path": "", "text": f"a {name} of {split} number {i}", "modality": "note",
                      **cell})
  return found


def manifest(root, found=None, name="list.csv"):
  """Writes a manifest; returns its path."""
  found, path = found or rows(root), root / name
  if name.lower().endswith(".jsonl"):
    put(path, "\n".join(json.dumps(row) for row in found))
  else:
    with path.open("w", newline="") as file:
      writer = csv.DictWriter(file, COLUMNS, delimiter="\t" if name.endswith("v") and "tsv" in name
                              else ",")
      writer.writeheader()
      writer.writerows(found)
  return path
