"""The Places-CNN: parameters, shapes, and every layer and gradient against other code."""

import dataclasses
import functools

import caffenet
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cmx import config as config_lib
from cmx import methods
from cmx import modalities
from cmx.network import model
from cmx.network import towers

NETWORK = config_lib.Network(tower="alexnet", trunk=4096)
SMALL = dataclasses.replace(NETWORK, trunk=32)
REFERENCE = methods.named("reference")
LAYERS = ("conv1", "conv2", "conv3", "conv4", "conv5", "pool5", "fc6_linear", "fc7_linear", "fc8")


def photographs(pixels):
  return modalities.NATURAL._replace(shape=(pixels, pixels, 3))


def to_params(weights):
  """{layer: (weight, bias)} in Caffe's order as the package's parameters."""
  tower = {name: {"kernel": np.transpose(weights[name][0], (2, 3, 1, 0)), "bias": weights[name][1]}
           for name in caffenet.CONVOLUTIONS}
  params = {"tower": {"natural": tower}}
  for name in model.TRUNK:
    weight, bias = weights[name]
    if name == "fc6":  # its input is (channel, row, column) there and (row, column, channel) here
      side = round((weight.shape[1] // 256) ** 0.5)
      weight = weight.reshape(-1, 256, side, side).transpose(0, 2, 3, 1).reshape(weight.shape)
    params[name] = {"shared": {"kernel": weight.T, "bias": bias}}
  return jax.tree.map(jnp.float32, params)


def forward(params, x, modality, config):
  """Every layer's output, convolutions and dense layers before their ReLU."""
  layers = model.apply(params, x, modality, REFERENCE, config)
  module = towers.tower(modality, config, 0)
  _, state = module.apply({"params": params["tower"]["natural"]}, x, capture_intermediates=True)
  found = {name: state["intermediates"][name]["__call__"][0] for name in caffenet.CONVOLUTIONS}
  return {**layers, **found}


def close(ours, expected, tolerance=1e-4):
  """Within the tolerance of the layer's own scale."""
  expected = np.asarray(expected)
  error = np.abs(np.asarray(ours) - expected).max() / np.abs(expected).max()
  assert error < tolerance, f"relative error {error:.2g}"


@functools.cache
def shapes():
  make = functools.partial(model.init, modalities=(photographs(227),), method=REFERENCE,
                           network=NETWORK, classes=205)
  return jax.eval_shape(make, jax.random.key(0))


@pytest.mark.parametrize("layer, count", [
  ("conv1", 34_944), ("conv2", 307_456), ("conv3", 885_120), ("conv4", 663_936), ("conv5", 442_624),
  ("tower", 2_334_080), ("fc6", 37_752_832), ("fc7", 16_781_312), ("fc8", 839_885)])
def test_parameters_of_a_layer_are_those_of_the_places_cnn(layer, count):
  tree = shapes()["tower"]["natural"][layer] if layer.startswith("conv") else shapes()[layer]
  assert sum(leaf.size for leaf in jax.tree.leaves(tree)) == count


def test_maps_of_227_pixels_are_55_27_13_and_6_wide():
  x = jax.ShapeDtypeStruct((1, 227, 227, 3), jnp.uint8)
  apply = functools.partial(forward, modality=photographs(227), config=NETWORK)
  layers = jax.eval_shape(apply, shapes(), x)
  widths = {name: layers[name].shape[1:] for name in LAYERS}
  assert widths == {"conv1": (55, 55, 96), "conv2": (27, 27, 256), "conv3": (13, 13, 384),
                    "conv4": (13, 13, 384), "conv5": (13, 13, 256), "pool5": (6 * 6 * 256,),
                    "fc6_linear": (4096,), "fc7_linear": (4096,), "fc8": (205,)}


def small(seed=0):
  """A photograph [3, 99, 99], whose pools need no rounding, and weights."""
  rng = np.random.default_rng(seed)
  return rng.normal(0, 50, (3, 99, 99)), caffenet.draw(rng, 99, 32, 10)


def channels_last(x):
  return np.moveaxis(x, 0, -1)


def test_every_layer_equals_plain_numpy():
  x, weights = small()
  expected = caffenet.forward(x, weights)
  layers = forward(to_params(weights), jnp.float32(channels_last(x))[None], photographs(99), SMALL)
  for name in caffenet.CONVOLUTIONS:
    close(layers[name][0], channels_last(expected[name]))
  close(layers["pool5"][0], channels_last(expected["pool5"].reshape(256, 2, 2)).reshape(-1))
  for name, theirs in (("fc6_linear", "fc6"), ("fc7_linear", "fc7"), ("fc8", "fc8")):
    close(layers[name][0], expected[theirs])


def test_normalisation_matters_in_the_comparison(monkeypatch):
  x, weights = small()
  expected = caffenet.forward(x, weights)["fc8"]
  monkeypatch.setattr(caffenet, "normalise", lambda x: x)
  without = caffenet.forward(x, weights)["fc8"]
  assert np.abs(expected - without).max() > 0.1 * np.abs(expected).max()


def test_gradients_equal_differences_of_plain_numpy():
  x, weights = small()
  rng = np.random.default_rng(1)
  outward = rng.normal(size=10)
  params = to_params(weights)

  def value(params):
    x32 = jnp.float32(channels_last(x))[None]
    return model.apply(params, x32, photographs(99), REFERENCE, SMALL)["fc8"][0] @ outward

  gradient = jax.jit(jax.grad(value))(params)
  for name in weights:
    step = tuple(rng.normal(0, 1e-6 * part.std(), part.shape) for part in weights[name])
    up, down = ({**weights, name: tuple(w + sign * d for w, d in zip(weights[name], step))}
                for sign in (1, -1))
    difference = (caffenet.forward(x, up)["fc8"] - caffenet.forward(x, down)["fc8"]) @ outward
    direction = to_params({**{k: (0 * w, 0 * b) for k, (w, b) in weights.items()}, name: step})
    along = sum(jax.tree.leaves(jax.tree.map(np.vdot, gradient, direction)))
    assert along == pytest.approx(difference / 2, rel=1e-3)


def torch_network(torch, weights):
  """The network of torch's own layers, {layer: module} in order."""
  nn = torch.nn
  layers = {}
  channels = 3
  for name, (out, size, stride, padding, groups) in caffenet.CONVOLUTIONS.items():
    layers[name] = nn.Conv2d(channels, out, size, stride, padding, groups=groups)
    layers[f"{name} relu"] = nn.ReLU()
    if name in ("conv1", "conv2", "conv5"):
      layers[f"{name} pool"] = nn.MaxPool2d(3, 2)
    if name in ("conv1", "conv2"):
      layers[f"{name} norm"] = nn.LocalResponseNorm(5, 1e-4, 0.75, 1.0)
    channels = out
  layers["flat"] = nn.Flatten()
  for name, width in zip(model.TRUNK, (9216, 4096, 4096)):
    layers[name] = nn.Linear(width, len(weights[name][1]))
    layers[f"{name} relu"] = nn.ReLU() if name != "fc8" else nn.Identity()
  for name, (weight, bias) in weights.items():
    layers[name].weight.data, layers[name].bias.data = torch.tensor(weight), torch.tensor(bias)
  return layers


def draw_full_size():
  rng = np.random.default_rng(0)
  weights = {name: tuple(np.float32(part) for part in pair)
             for name, pair in caffenet.draw(rng, 227, 4096, 205).items()}
  return np.float32(rng.normal(0, 50, (2, 3, 227, 227))), np.array([3, 200]), weights


def test_layers_and_gradients_equal_torch_at_full_size():
  torch = pytest.importorskip("torch")
  x, labels, weights = draw_full_size()
  layers, h, theirs = torch_network(torch, weights), torch.tensor(x), {}
  for name, layer in layers.items():
    h = theirs[name] = layer(h)
  torch.nn.functional.cross_entropy(h, torch.tensor(labels)).backward()
  params, modality = to_params(weights), photographs(227)

  def loss(params):
    found = forward(params, x.transpose(0, 2, 3, 1), modality, NETWORK)
    return -jax.nn.log_softmax(found["fc8"])[jnp.arange(2), labels].mean(), found

  gradient, ours = jax.jit(jax.grad(loss, has_aux=True))(params)
  for name in caffenet.CONVOLUTIONS:
    close(ours[name].transpose(0, 3, 1, 2), theirs[name].detach())
  for name, layer in (("fc6", "fc6_linear"), ("fc7", "fc7_linear"), ("fc8", "fc8")):
    close(ours[layer], theirs[name].detach())
  expected = to_params({name: (layer.weight.grad.numpy(), layer.bias.grad.numpy())
                        for name, layer in layers.items() if name in weights})
  jax.tree.map(close, gradient, expected)
