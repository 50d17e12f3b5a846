"""Embeddings of others in one call: tables equal to a direct computation, and their page."""

import json

import numpy as np
import pytest
from PIL import Image
from sklearn import datasets
from sklearn import decomposition

from cmx.report import given

SIDE = 8


def write(folder, rows, **changes):
  """Digits as scikit-learn sees them: principal components of two halves, with what they show."""
  digits = datasets.load_digits()
  folder.mkdir()
  x = decomposition.PCA(12, random_state=0).fit_transform(digits.data)
  for name, part in {"photo": rows, "words": [i + 700 for i in rows]}.items():
    shown = {"text": np.array([f"a {digits.target[i]}" for i in part])}
    if name == "photo":
      for i in part:
        Image.fromarray((15 * digits.images[i]).astype(np.uint8)).save(folder / f"{i}.png")
      shown = {"picture": np.array([f"{i}.png" for i in part])}
    np.savez(folder / f"{name}.npz", x=x[part], y=np.array([f"digit {digits.target[i]}"
                                                            for i in part]),
             key=np.array([f"{name} {i}" for i in part]), **shown, **changes)
  return [folder / "photo.npz", folder / "words.npz"]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
  folder = tmp_path_factory.mktemp("given")
  paths = write(folder / "given", list(range(60)))
  train = write(folder / "train", list(range(100, 200)))
  text = given.evaluate(paths, train, (), "", folder / "out")
  return paths, folder / "out", text


def direct(query, gallery):
  """Mean average precision in a few lines of numpy."""
  ours, theirs = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (query["x"], gallery["x"]))
  values = []
  for scores, label in zip(ours @ theirs.T, query["y"]):
    right = gallery["y"][np.argsort(-scores)] == label
    values.append(np.mean((np.cumsum(right) / np.arange(1, len(right) + 1))[right]))
  return np.mean(values)


def test_the_table_is_a_direct_computation_in_numpy(made):
  paths, out, _ = made
  photo, words = (np.load(path) for path in paths)
  table = json.loads((out / "table.json").read_text())["tables"]
  cells = table[0]["rows"][0]["map"]["cells"]
  assert cells["PHO>WOR"]["mean"] == pytest.approx(direct(photo, words), abs=1e-6)
  assert cells["WOR>PHO"]["mean"] == pytest.approx(direct(words, photo), abs=1e-6)
  assert len(table) == 1  # other read-outs stand in their own table


def test_the_text_has_both_tables(made):
  text = made[2]
  assert text.count("chance") >= 2 and "query_bank" in text and "procrustes" in text


def test_the_page_shows_pictures_texts_map_boards_and_measures(made):
  page = (made[1] / "report.html").read_text()
  for words in ("What was measured", "Retrieval", "Space", "Map", "Retrieval boards", "a 3",
                "data:image/webp", "nDCG@10", "photo.npz"):
    assert words in page, words
  assert "cannot be" not in page and "No page" not in made[2]
  for name in ("table.csv", "readouts.txt", "space.json", "space.txt"):
    assert (made[1] / name).exists(), name


def test_a_picture_that_is_not_there_is_said_and_the_rest_shown(tmp_path):
  paths = write(tmp_path / "given", list(range(40)))
  for i in range(40):
    (tmp_path / "given" / f"{i}.png").unlink()
  given.evaluate(paths, (), (), "", tmp_path / "out")
  assert "cannot be read" in (tmp_path / "out" / "report.html").read_text()
