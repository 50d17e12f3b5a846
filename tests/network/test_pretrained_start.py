"""The reference network from a file: its numbers are those of the network the file is of."""

import dataclasses
import pathlib

import caffenet
import jax
import jax.numpy as jnp
import made_weights
import numpy as np
import pytest

from cmx import config as config_lib
from cmx import data
from cmx import methods
from cmx import modalities
from cmx.data import opening
from cmx.experiment import preflight
from cmx.experiment import reproduce
from cmx.network import model
from cmx.network.pretrained import start
import tiny

REFERENCE = methods.named("reference")
CLASSES = tuple(f"class {letter}" for letter in "abcdef")
PIXELS, TRUNK = 99, 24  # pools of both networks come out even
MEAN = np.array([104.0, 117.0, 123.0])  # blue, green, red
TORCH = {"conv1": "features.0", "conv2": "features.3", "conv3": "features.6", "conv4": "features.8",
         "conv5": "features.10", "fc6": "classifier.1", "fc7": "classifier.4",
         "fc8": "classifier.6"}
TORCH_SHAPES = {"conv1": (64, 3, 11, 11), "conv2": (192, 64, 5, 5), "conv3": (384, 192, 3, 3),
                "conv4": (256, 384, 3, 3), "conv5": (256, 256, 3, 3), "fc6": (TRUNK, 4 * 256),
                "fc7": (TRUNK, TRUNK), "fc8": (6, TRUNK)}


def row(pixels=PIXELS):
  return modalities.NATURAL._replace(shape=(pixels, pixels, 3))


def settings(folder, tower="alexnet", **weights):
  """A config whose list of classes is ours."""
  listed = pathlib.Path(folder) / "classes.txt"
  listed.write_text("".join(f"{name}\n" for name in CLASSES))
  weights = {"classes": str(listed), **weights}
  return config_lib.Config(method="reference", weights=config_lib.Weights(**weights),
                           network=config_lib.Network(tower=tower, trunk=TRUNK))


def fresh(config, pixels=PIXELS):
  """Parameters of the config's shapes, all a half."""
  shapes = jax.eval_shape(lambda key: model.init(
    key, (row(pixels),), REFERENCE, config.network, len(CLASSES)), jax.random.key(0))
  return jax.tree.map(lambda x: np.full(x.shape, 0.5, np.float32), shapes)


def started(config, pixels=PIXELS):
  return start.from_file(fresh(config, pixels), config, REFERENCE, row(pixels), CLASSES)


def caffe_weights():
  drawn = caffenet.draw(np.random.default_rng(0), PIXELS, TRUNK, len(CLASSES))
  return {name: (np.float32(weight), np.float32(bias)) for name, (weight, bias) in drawn.items()}


def torch_weights():
  rng = np.random.default_rng(1)
  return {name: (np.float32(rng.normal(0, (2 / np.prod(shape[1:])) ** 0.5, shape)),
                 np.float32(rng.normal(0, 0.1, shape[0]))) for name, shape in TORCH_SHAPES.items()}


def flat(weights, names=None):
  return {f"{(names or {}).get(layer, layer)}.{part}": array for layer, pair in weights.items()
          for part, array in zip(("weight", "bias"), pair)}


def photograph():
  return np.random.default_rng(2).integers(0, 256, (PIXELS, PIXELS, 3), np.uint8)


def activations(params, config):
  """Every activation of the photograph, which comes as bytes, red first."""
  found = model.apply(params, jnp.asarray(photograph())[None], row(), REFERENCE, config.network)
  return {name: np.asarray(value[0]) for name, value in found.items()}


def close(ours, theirs):
  theirs = np.asarray(theirs)
  np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-4 * np.abs(theirs).max())


def test_a_caffemodel_gives_caffe_s_numbers(tmp_path):
  path, weights = tmp_path / "places.caffemodel", caffe_weights()
  path.write_bytes(made_weights.caffemodel(weights))
  config = settings(tmp_path, file=str(path), mean="104,117,123")
  found = activations(started(config), config)
  blue_first = photograph()[:, :, ::-1].astype(np.float64) - MEAN
  theirs = caffenet.forward(blue_first.transpose(2, 0, 1), weights)
  for ours, name in (("fc6_linear", "fc6"), ("fc7_linear", "fc7"), ("fc8", "fc8")):
    close(found[ours], theirs[name])


def torch_forward(weights):
  """Logits of torchvision's AlexNet, in plain numpy."""
  mean, deviation = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
  x = ((photograph() / 255 - mean) / deviation).transpose(2, 0, 1)
  for name, (stride, padding) in {"conv1": (4, 2), "conv2": (1, 2), "conv3": (1, 1),
                                  "conv4": (1, 1), "conv5": (1, 1)}.items():
    x = np.maximum(caffenet.convolve(x, *weights[name], stride, padding, 1), 0)
    if name in ("conv1", "conv2", "conv5"):
      kept = (x.shape[1] - 3) // 2 * 2 + 3  # torch leaves incomplete windows out
      x = caffenet.pool(x[:, :kept, :kept])
  x = x.reshape(-1)
  for name in ("fc6", "fc7", "fc8"):
    x = weights[name][0] @ x + weights[name][1]
    if name != "fc8":
      x = np.maximum(x, 0)
  return x


@pytest.mark.parametrize("name", ["places.safetensors", "places.pth.tar", "places.npz"])
def test_torch_s_alexnet_gives_torch_s_numbers_in_every_format(tmp_path, name):
  path, weights = tmp_path / name, torch_weights()
  arrays = flat(weights, TORCH)
  if name.endswith("npz"):
    np.savez(path, **arrays)
  elif name.endswith("tar"):  # as Places365's: convolutions within DataParallel, on a GPU
    wrapped = {key.replace("features.", "features.module."): x for key, x in arrays.items()}
    path.write_bytes(made_weights.checkpoint(wrapped, "torch.cuda", "_rebuild_tensor"))
  else:
    path.write_bytes(made_weights.safetensors(arrays))
  config = settings(tmp_path, "alexnet_torch", file=str(path))
  close(activations(started(config), config)["fc8"], torch_forward(weights))


def write(tmp_path, weights=None, name="places.npz", **more):
  """A CaffeNet's .npz, with arrays changed, added or (None) left out."""
  arrays = {**flat(weights or caffe_weights()), **more}
  np.savez(tmp_path / name, **{key: x for key, x in arrays.items() if x is not None})
  return str(tmp_path / name)


def test_every_layer_is_replaced_and_nothing_else(tmp_path):
  config = settings(tmp_path, file=write(tmp_path), mean="104,117,123")
  before, after = fresh(config), started(config)
  assert jax.tree.map(np.shape, after) == jax.tree.map(np.shape, before)
  assert all(x.dtype == np.float32 for x in jax.tree.leaves(after))
  assert not any((x == 0.5).all() for x in jax.tree.leaves(after))


def test_a_fresh_classifier_stays_as_it_was_drawn(tmp_path):
  weights = caffe_weights()
  weights["fc8"] = (np.ones((365, TRUNK)), np.ones(365))
  config = settings(tmp_path, file=write(tmp_path, weights), mean="104,117,123",
                    classifier="fresh", classes="")
  after = started(config)
  assert (after["fc8"]["shared"]["kernel"] == 0.5).all()
  assert not (after["fc7"]["shared"]["kernel"] == 0.5).any()


def test_rows_of_the_classifier_are_found_by_name(tmp_path):
  weights = caffe_weights()
  weights["fc8"] = tuple(part[::-1] for part in weights["fc8"])
  (tmp_path / "theirs.txt").write_text("".join(f"{name}\n" for name in CLASSES[::-1]))
  named = settings(tmp_path, file=write(tmp_path, weights), mean="104,117,123", classifier="named",
                   classes=str(tmp_path / "theirs.txt"))
  plain = settings(tmp_path, file=write(tmp_path, name="plain.npz"), mean="104,117,123")
  np.testing.assert_array_equal(started(named)["fc8"]["shared"]["kernel"],
                                started(plain)["fc8"]["shared"]["kernel"])


@pytest.mark.parametrize("changes, words", [
  ({"fc7.bias": None, "conv2.weight": np.ones((256, 96, 5, 5)), "extra.weight": np.ones(2),
    "fc6.bias": np.full(TRUNK, np.nan)},
   [r"conv2.weight is \[256, 96, 5, 5\]; expected \[256, 48, 5, 5\]",
    "fc6.bias holds numbers that are not finite", r"fc7.bias is missing; expected \[24\]",
    r"extra.weight \[2\] has no place", "Adjust the config, or give another file"])])
def test_all_differences_are_said_at_once(tmp_path, changes, words):
  config = settings(tmp_path, file=write(tmp_path, **changes), mean="104,117,123")
  with pytest.raises(ValueError, match="(?s)places.npz does not fit.*" + ".*".join(words)):
    started(config)


def test_images_of_another_size_are_named_as_the_reason(tmp_path):
  config = settings(tmp_path, file=write(tmp_path), mean="104,117,123")
  with pytest.raises(ValueError, match=r"(?s)trunk 24 on images of \(131, 131\) pixels.*fc6.weight "
                                       r"is \[24, 1024\]; expected \[24, 2304\]"):
    started(config, pixels=131)


@pytest.mark.parametrize("changes, words", [
  ({"mean": ""}, "weights.mean is empty: a CaffeNet is trained on images less their mean"),
  ({"tower": "alexnet_torch"}, "is a CaffeNet, which network.tower 'alexnet' computes; given 'al"),
  ({"classes": ""}, "weights.classes is empty: no file of weights says in which order")])
def test_what_a_caffenet_needs_is_asked_for(tmp_path, changes, words):
  config = settings(tmp_path, **{"file": write(tmp_path), "mean": "104,117,123", **changes})
  with pytest.raises(ValueError, match=words):
    started(config)


def test_a_mean_for_torch_s_alexnet_is_refused(tmp_path):
  (tmp_path / "t.safetensors").write_bytes(made_weights.safetensors(flat(torch_weights(), TORCH)))
  config = settings(tmp_path, "alexnet_torch", file=str(tmp_path / "t.safetensors"), mean="1,2,3")
  with pytest.raises(ValueError, match="weights.mean '1,2,3'; expected none: a torchvision Alex"):
    started(config)


def test_an_unknown_network_is_refused_with_its_arrays(tmp_path):
  np.savez(tmp_path / "w.npz", **{"layer1.0.weight": np.ones(3)})
  config = settings(tmp_path, file=str(tmp_path / "w.npz"))
  with pytest.raises(ValueError, match="w.npz: arrays layer1.0.weight, .*CaffeNet: conv1.weight"):
    started(config)


def test_a_file_that_is_not_there_is_named(tmp_path):
  config = dataclasses.replace(settings(tmp_path, file=str(tmp_path / "none.npz")))
  with pytest.raises(FileNotFoundError, match="none.npz"):
    started(config)


def test_without_steps_the_weights_are_the_reference_network(tmp_path):
  weights = caffenet.draw(np.random.default_rng(0), 67, 16, tiny.CLASSES)
  changes = {"data__world__image_size": 67, "data__modalities": ("natural", "description"),
             "network__tower": "alexnet", "reference__steps": 0, "weights__mean": "104,117,123",
             "weights__classes": str(tmp_path / "classes.txt")}
  config = tiny.config(tmp_path, "reference", weights__file=write(tmp_path, weights), **changes)
  data.prepare(config.data)
  dataset = opening.open_data(config).encoded
  workdir = tmp_path / "reference"
  (tmp_path / "classes.txt").write_text("\n".join(dataset.classes[::-1]))
  with pytest.raises(ValueError, match="classes.txt:1: label 0 of the weights is"):
    reproduce.train_row(config, dataset, workdir, workdir)
  assert not workdir.exists()  # so that the mistake can be mended and the command run again
  (tmp_path / "classes.txt").write_text("\n".join(dataset.classes))
  run = reproduce.train_row(config, dataset, workdir, workdir)
  np.testing.assert_array_equal(run.params["fc7"]["shared"]["kernel"],
                                np.float32(weights["fc7"][0].T))
  (tmp_path / "places.npz").unlink()  # what is on disk is the run, weights and all
  again = reproduce.train_row(config, dataset, workdir, workdir)
  jax.tree.map(np.testing.assert_array_equal, again.params, run.params)
  assert again.step == 0 and again.classes == dataset.classes


def test_no_steps_and_no_weights_are_refused():
  config = dataclasses.replace(config_lib.Config(), reference=config_lib.Optimizer(steps=0))
  with pytest.raises(ValueError, match="config.reference.steps 0; expected 1 or more"):
    preflight.check(config)
  preflight.check(dataclasses.replace(config, weights=config_lib.Weights(file="w.npz")))
