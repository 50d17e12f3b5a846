"""The configs of CMPlaces: what they say, and the way from archives to a table."""

import json

import jax
import made_archives
import pytest

from cmx import fields
from cmx import methods
from cmx import modalities
from cmx.data import check
from cmx.data.sets import _build
from cmx.data.sets.cmplaces import categories
from cmx.experiment import preflight
from cmx.experiment import reproduce
from cmx.network import model
from cmx.training import checkpoint
from configs import cmplaces
from configs import cmplaces_smoke

BOTH = pytest.mark.parametrize("module", [cmplaces, cmplaces_smoke], ids=["full", "smoke"])


@BOTH
def test_every_row_passes_the_preflight(module):
  preflight.check_rows(module.get_config(), methods.PAPER)


def rows(config):
  size = config.data.cmplaces.image_size
  return tuple(row._replace(shape=(4800,) if row.kind == "text" else (size, size, 3))
               for row in modalities.CMPLACES)


def parameters(config, method):
  """{layer: {owner: count}}, from shapes alone."""
  shapes = jax.eval_shape(lambda key: model.init(
    key, rows(config), methods.named(method), config.network, len(categories.NAMES)),
                          jax.random.key(0))
  return {layer: {owner: sum(leaf.size for leaf in jax.tree.leaves(part))
                  for owner, part in owners.items()} for layer, owners in shapes.items()}


def test_the_full_network_has_the_papers_parameters():
  counts = parameters(cmplaces.get_config(), "c")
  assert {name: counts[name]["shared"] for name in ("fc6", "fc7", "fc8")} == {
    "fc6": 37_752_832, "fc7": 16_781_312, "fc8": 839_885}
  assert {owner: count for owner, count in counts["tower"].items() if owner != "description"} == (
    dict.fromkeys(("natural", "clipart", "spatial_text", "drawing"), 2_334_080))
  assert counts["tower"]["description"] == 4801 * 4096 + 4097 * 4096 + 4097 * 9216


def test_the_smoke_network_has_a_hundredth_of_the_trunk():
  full, smoke = (parameters(module.get_config(), "c") for module in (cmplaces, cmplaces_smoke))
  trunks = [sum(counts[name]["shared"] for name in ("fc6", "fc7", "fc8"))
            for counts in (full, smoke)]
  assert trunks[0] > 100 * trunks[1]
  assert smoke["tower"]["natural"] == full["tower"]["natural"]  # the very tower


def test_from_archives_and_word_vectors_to_the_table_of_205_categories(tmp_path):
  manual, root = made_archives.all_of(tmp_path / "manual", [0, 13, 36]), tmp_path / "data"
  (tmp_path / "glove.txt").write_text("there 0.1 -1\nstones 2 0.5\ndoors 1e-1 3\n")
  changes = {"data.root": str(root), "network.tower": "small", "network.channels": (2, 2, 2, 2),
             "data.cmplaces.image_size": 32, "network.hidden": (4,), "network.trunk": 4,
             "encoders.text": "words", "encoders.file": str(tmp_path / "glove.txt"),
             "augment.word_dropout": 0.1, "reference.steps": 1, "reference.batch": 8,
             "optimizer.steps": 2, "optimizer.batch": 8, "mixture.components": 1,
             "mixture.iterations": 1}
  config = fields.replace(cmplaces_smoke.get_config(), changes)
  _build.parse(["build", "cmplaces", f"--manual_dir={manual}", f"--data_dir={root}"])()
  report = check.check(config.data)
  assert not report.problems and len(report.classes) == 205
  assert report.counts["clipart"]["train"]["bakery_shop"] == 2
  text = reproduce.reproduce(config, tmp_path / "runs", ["b_gmm"])
  assert "B: StatReg (GMM)" in text
  folder = tmp_path / "runs" / "seed_0" / "b_gmm"
  result = json.loads((folder / "result.json").read_text())
  codes = [row.code for row in modalities.CMPLACES]
  assert result["tables"][0]["map"].keys() == {f"{a}>{b}" for a in codes for b in codes}
  run = checkpoint.load_run(folder)
  assert run.classes == categories.NAMES and run.modalities[-1].shape == (2,)
