"""The network: forward pass against a loop, who influences what, dropout, warm starts by name."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cmx import config as config_lib
from cmx import methods
from cmx import modalities
from cmx.config import limits
from cmx.network import model

NETWORK = config_lib.Network(channels=(2, 2, 3, 3), hidden=(6,), pool5=7, trunk=5, dropout=0.5)
CLASSES = 4
SOUND, TOUCH = (modalities.Modality(name, name[:3].upper(), "vector", shape=(3,))
                for name in ("sound", "touch"))
WORDS = modalities.Modality("words", "WOR", "text", shape=(4,))
VECTORS = (SOUND, TOUCH, WORDS)
PICTURES = (*(modalities.of_kind(name, "pixels")._replace(shape=(32, 32, 3))
              for name in ("natural", "drawing")), WORDS)


def init(row, rows):
  return functools.partial(model.init, modalities=rows, method=methods.named(row), network=NETWORK,
                           classes=CLASSES)


@functools.cache
def initialised(row, rows=VECTORS, seed=0):
  return jax.device_get(jax.jit(init(row, rows))(jax.random.key(seed)))


@functools.cache
def parameters(row, rows=VECTORS, seed=0):
  """Parameters of the right shapes, without compiling: no two numbers of them are equal."""
  rng = np.random.default_rng(seed)
  shapes = jax.eval_shape(init(row, rows), jax.random.key(0))
  return jax.tree.map(lambda x: rng.normal(0, 0.5, x.shape).astype(np.float32), shapes)


def inputs(rows, count=3):
  rng = np.random.default_rng(0)
  return {row.name: rng.normal(size=(count, *row.shape)).astype(np.float32) for row in rows}


def apply(params, x, modality, row, **kwargs):
  return model.apply(params, x, modality, methods.named(row), NETWORK, **kwargs)


@pytest.mark.parametrize("row", methods.METHODS)
def test_parameters_are_owned_as_the_row_says_and_no_more(row):
  method, found = methods.named(row), parameters(row, PICTURES)
  own = (*model.NORMS.values(), *model.MOMENTS.values()) if method.normalised else ()
  assert {layer: set(owners) for layer, owners in found.items()} == {
    **{layer: {model.owner(layer, modality, method) for modality in PICTURES}
       for layer in ("tower", "fc6", "fc7", "fc8")},
    **{layer: {modality.name for modality in PICTURES} for layer in own}}


def test_shapes_of_the_trunk_are_those_of_the_config():
  params = parameters("bl_shfinal")
  trunk = {layer: params[layer]["shared"]["kernel"].shape for layer in model.TRUNK}
  assert trunk == {"fc6": (7, 5), "fc7": (5, 5), "fc8": (5, 4)}


def test_every_class_is_about_as_likely_at_the_start():
  x = inputs(VECTORS, 50)["sound"]
  logits = apply(initialised("bl_ind"), x, SOUND, "bl_ind")["fc8"]
  assert np.abs(jax.nn.softmax(logits) - 1 / CLASSES).max() < 0.1


def test_adding_a_modality_changes_no_other_parameter():
  alone = initialised("bl_ind", VECTORS[:1])
  for layer, owners in initialised("bl_ind").items():
    assert_equal(owners["sound"], alone[layer]["sound"])


def test_owners_start_apart_and_seeds_differ():
  ours, theirs = initialised("bl_ind")["fc6"], initialised("bl_ind", seed=1)["fc6"]
  assert (ours["sound"]["kernel"] != ours["touch"]["kernel"]).all()
  assert (ours["sound"]["kernel"] != theirs["sound"]["kernel"]).all()


def assert_equal(first, second):
  jax.tree.map(np.testing.assert_array_equal, first, second)


def slow_forward(params, x, name):
  """Activations of vectors, by loops over layers; relu(x w + b), the last without relu."""
  dense = [*params["tower"][name].values(), *(params[layer][name] for layer in model.TRUNK)]
  values = []
  for layer in dense:
    values.append(x @ layer["kernel"] + layer["bias"])
    x = np.maximum(values[-1], 0)
  (_, pool5, fc6, fc7, fc8) = values
  return {"pool5": np.maximum(pool5, 0), "fc6_linear": fc6, "fc6": np.maximum(fc6, 0),
          "fc7_linear": fc7, "fc7": np.maximum(fc7, 0), "fc8": fc8}


def test_every_activation_equals_the_slow_loop():
  x = inputs(VECTORS)["touch"]
  found = apply(parameters("bl_ind"), x, TOUCH, "bl_ind")
  expected = slow_forward(parameters("bl_ind"), x, "touch")
  assert set(found) == set(expected) == set(limits.ACTIVATIONS)
  for layer, value in expected.items():
    np.testing.assert_allclose(found[layer], value, rtol=1e-5, atol=1e-6, err_msg=layer)


def loss_gradient(row, name):
  """Gradient of one modality's loss with respect to all parameters."""
  modality = next(m for m in VECTORS if m.name == name)
  x = inputs(VECTORS)[name]

  def loss(params):
    return jnp.sum(apply(params, x, modality, row)["fc8"] ** 2)
  return jax.grad(loss)(parameters(row))


def influenced(gradient):
  """{layer: owners whose parameters the loss depends on}."""
  return {layer: {name for name, tree in owners.items()
                  if any(np.any(leaf) for leaf in jax.tree.leaves(tree))}
          for layer, owners in gradient.items()}


@pytest.mark.parametrize("row", ["bl_ind", "bl_shfinal", "bl_shall", "bl_shfc7"])
@pytest.mark.parametrize("modality", VECTORS, ids=lambda m: m.name)
def test_a_loss_moves_what_its_modality_owns_or_shares_and_nothing_else(row, modality):
  method = methods.named(row)
  assert influenced(loss_gradient(row, modality.name)) == {
    layer: {model.owner(layer, modality, method)} for layer in model.LAYERS}


def test_pixels_are_scaled_from_minus_one_to_one():
  x = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), np.uint8)
  params = parameters("bl_shall", PICTURES)
  as_bytes = apply(params, x, PICTURES[0], "bl_shall")["pool5"]
  as_floats = apply(params, x.astype(np.float32) / 127.5 - 1, PICTURES[0], "bl_shall")["pool5"]
  np.testing.assert_allclose(as_bytes, as_floats, rtol=1e-6)
  assert as_bytes.any()


def test_what_a_shared_tower_makes_of_an_image_does_not_depend_on_whose_it_is():
  x = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), np.uint8)
  params = parameters("bl_shall", PICTURES)
  assert_equal(apply(params, x, PICTURES[0], "bl_shall"), apply(params, x, PICTURES[1], "bl_shall"))


def keys(count, seed=3):
  return jax.random.split(jax.random.key(seed), count)


def test_dropout_leaves_the_layers_before_it_and_changes_those_behind():
  x = inputs(VECTORS)["sound"]
  plain = apply(parameters("bl_ind"), x, SOUND, "bl_ind")
  dropped = apply(parameters("bl_ind"), x, SOUND, "bl_ind", dropout_keys=keys(3))
  for layer in ("pool5", "fc6_linear", "fc6"):  # returned as they are before their own dropout
    np.testing.assert_array_equal(plain[layer], dropped[layer])
  for layer in ("fc7_linear", "fc8"):
    assert (plain[layer] != dropped[layer]).any()


def test_dropout_zeroes_its_share_and_keeps_the_mean():
  ones = jnp.ones((200, 100))
  for share in (0.2, 0.5):
    out = model._dropout(keys(200), 0, ones, share)
    np.testing.assert_allclose(np.unique(out), [0, 1 / (1 - share)], rtol=1e-6)
    assert abs((out == 0).mean() - share) < 0.01  # 3 standard deviations


def test_a_share_of_nothing_drops_nothing():
  network = config_lib.Network(**{**vars(NETWORK), "dropout": 0.0})
  x, method = inputs(VECTORS)["sound"], methods.named("bl_ind")
  assert_equal(model.apply(parameters("bl_ind"), x, SOUND, method, network),
               model.apply(parameters("bl_ind"), x, SOUND, method, network, dropout_keys=keys(3)))


def started(row, rows):
  """Parameters before and after the warm start, owners said to be warm, the reference's layers."""
  reference, before = parameters("reference", rows[:1], seed=9), parameters(row, rows)
  params, warm = model.warm_start(before, reference, rows[0], rows, methods.named(row))
  return before, params, warm, {layer: tree["shared" if layer != "tower" else rows[0].name]
                                for layer, tree in reference.items()}


# Owners that start from the reference network, natural images; all others start from nothing.
WARM = {
  "bl_ind": {layer: {"natural", "drawing"} for layer in model.LAYERS},
  "bl_shfinal": {"tower": {"natural", "drawing"}, "fc6": {"shared"}, "fc7": {"shared"},
                 "fc8": {"shared"}},
  "bl_shall": {layer: {"pixels"} for layer in model.LAYERS},
  "b_gmm": {layer: {"natural", "drawing"} for layer in model.LAYERS},
  "c": {"tower": {"natural", "drawing"}, "fc6": {"shared"}, "fc7": {"shared"}, "fc8": {"shared"}},
  "bl_shfc7": {"tower": {"natural", "drawing"}, "fc6": {"natural", "drawing"}, "fc7": {"shared"},
               "fc8": {"shared"}},
}


@pytest.mark.parametrize("row", WARM)
def test_a_warm_start_copies_what_the_paper_says_and_leaves_the_rest(row):
  before, after, warm, reference = started(row, PICTURES)
  assert warm == WARM[row]
  for layer, owners in after.items():
    for name, tree in owners.items():
      assert_equal(tree, reference[layer] if name in WARM[row][layer] else before[layer][name])


def test_texts_and_a_trunk_of_their_own_start_from_nothing():
  before, after, _, _ = started("bl_ind", PICTURES)
  for layer in model.LAYERS:
    assert_equal(after[layer]["words"], before[layer]["words"])


def test_images_of_another_size_keep_their_tower_and_share_the_trunk():
  small = PICTURES[1]._replace(name="small", shape=(48, 48, 3))
  empty = {layer: {} for layer in model.LAYERS}
  _, warm = model.warm_start(empty, parameters("reference", PICTURES[:1]), PICTURES[0],
                             (PICTURES[0], small), methods.named("c"))
  assert warm["tower"] == {"natural"} and warm["fc6"] == {"shared"}


def test_a_warm_start_leaves_what_it_is_given_as_it_is():
  before = parameters("c", PICTURES)
  kept = jax.tree.map(np.array, before)
  started("c", PICTURES)
  assert_equal(before, kept)
