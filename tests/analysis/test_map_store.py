"""Maps that are kept: drawn once, and again where anything that they are drawn of has changed."""

import numpy as np
import pytest

from cmx.analysis.maps import store
from cmx.analysis.maps import tsne


@pytest.fixture
def drawn(monkeypatch):
  """The layers of the maps that were drawn."""
  layers, make = [], tsne.make
  monkeypatch.setattr(tsne, "make", lambda features, layer, sample, **options: (
    layers.append(layer) or make(features, layer, sample, **options)))
  return layers


def features(seed=0):
  rng = np.random.default_rng(seed)
  return {name: {"fc7": rng.normal(size=(30, 4)).astype(np.float32), "label": np.arange(30) % 3}
          for name in ("natural", "drawing")}


def made(folder, found, count=40, **options):
  sample = tsne.draw_sample({name: part["label"] for name, part in found.items()}, count, 0)
  return store.made(folder, found, "fc7", sample, **{"perplexity": 5, **options})


def test_a_map_that_is_there_is_not_drawn_again(tmp_path, drawn):
  first, again = made(tmp_path / "kept", features()), made(tmp_path / "kept", features())
  assert len(drawn) == 1
  np.testing.assert_array_equal(first.place, again.place)
  assert again.mixing == first.mixing and isinstance(again.mixing.points, int)


def test_another_sample_seed_perplexity_or_feature_is_another_map(tmp_path, drawn):
  made(tmp_path, features())
  other = features()
  other["drawing"]["label"] = (other["drawing"]["label"] + 1) % 3
  for changed in (lambda: made(tmp_path, features(), 38),
                  lambda: made(tmp_path, features(), seed=1),
                  lambda: made(tmp_path, features(), perplexity=6),
                  lambda: made(tmp_path, features(1)), lambda: made(tmp_path, other)):
    before = len(drawn)
    changed()
    assert len(drawn) == before + 1


def test_a_map_that_is_cut_off_is_drawn_again(tmp_path, drawn):
  made(tmp_path, features())
  (path,) = tmp_path.glob("*.npz")
  path.write_bytes(path.read_bytes()[:50])
  made(tmp_path, features())
  assert len(drawn) == 2 and len(made(tmp_path, features()).place) == 40 and len(drawn) == 2
