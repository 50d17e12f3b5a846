"""What a row adds: the same on any number of devices, its share of the gradient, its metrics."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cmx import config as config_lib
from cmx import fields
from cmx import methods
from cmx import modalities
from cmx.alignment import adversary
from cmx.alignment import given
from cmx.alignment import prototypes
from cmx.mixture import gmm
from cmx.network import model
from cmx.runtime import devices as devices_lib
from cmx.training import step as step_lib
from cmx.training import terms

D, C, SIZE = 6, 3, 16
NAMES = ("sound", "touch")
ALL = {term.name: term for row in methods.METHODS.values() for term in row.terms
       if term.statistics in ("", methods.CLASSES)}
EVERYTHING = methods.Method("every term at once", trunk="own", terms=tuple(ALL.values()))
CONFIG = fields.replace(config_lib.Config(), {
  "mixture.layers": ("fc6", "fc7"), "alignment.layers": ("fc7",)})


def batch():
  rng = np.random.default_rng(0)
  return {name: {"x": rng.normal(size=(SIZE, D)).astype(np.float32),
                 "label": rng.integers(C, size=SIZE)} for name in NAMES}


def constants():
  rng = np.random.default_rng(1)
  mixture = gmm.Mixture(np.full(4, 0.25, "f"), rng.normal(size=(4, D)).astype("f"),
                        np.ones((1, D), "f"))
  share = np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0.5, 0.5]], np.float32)
  return given.Constants({layer: given.Statistics(mixture, share) for layer in ("fc6", "fc7")},
                         prototypes.random_codes(C, D, 0))


@functools.cache
def on(devices):
  """Metrics, responsibilities and the gradient by a matrix before the activations."""
  adversaries = {layer: adversary.init(jax.random.key(1), D, 4, NAMES)
                 for layer in CONFIG.alignment.layers}

  def step(weight, part, constants, adversaries, key):
    def loss(weight):
      layers = {name: {layer: jnp.tanh(number + 1 + one["x"] @ weight) for number, layer in
                       enumerate(("fc6", "fc7"))} for name, one in part.items()}
      return terms.added(CONFIG, EVERYTHING, layers, {name: one["label"] for name, one in
                                                      part.items()}, constants, adversaries, key)

    return devices_lib.mean(jax.grad(loss, has_aux=True)(weight))

  weight = np.random.default_rng(2).normal(size=(D, D)).astype(np.float32)
  split = jax.tree.map(lambda x: x.reshape(devices, -1, *x.shape[1:]), batch())
  return jax.device_get(devices_lib.pmap(step, batch_argnum=1, arguments=5)(
    weight, split, constants(), adversaries, jax.random.key(3)))


def test_every_term_is_tried_here():
  functions = {term.function for row in methods.METHODS.values() for term in row.terms}
  assert functions - {term.function for term in ALL.values()} == {
    methods.named("b_gmm").terms[0].function}  # which no pair of modalities may have beside another


@pytest.mark.parametrize("devices", [2, 4, 8])
def test_values_and_gradient_do_not_depend_on_the_number_of_devices(devices):
  (slope, ours), (expected, theirs) = on(devices), on(1)
  np.testing.assert_allclose(slope, expected, atol=1e-5 * np.abs(expected).max())
  for name, value in theirs.metrics.items():
    np.testing.assert_allclose(ours.metrics[name], value, rtol=1e-5, err_msg=name)
  jax.tree.map(functools.partial(np.testing.assert_allclose, rtol=1e-5), ours.responsibilities,
               theirs.responsibilities)


def test_the_sum_is_that_of_the_terms_with_their_weights():
  metrics = on(1)[1].metrics
  assert set(metrics) == {"loss/alignment", *(f"loss/{name}" for name in ALL)}
  np.testing.assert_allclose(metrics["loss/alignment"], sum(metrics[f"loss/{name}"]
                                                            for name in ALL), rtol=1e-6)


ROWS = (modalities.Modality("sound", "SOU", "vector", shape=(5,)),
        modalities.Modality("touch", "TOU", "vector", shape=(4,)))
SMALL = fields.replace(config_lib.Config(), {
  "network.hidden": (6,), "network.pool5": 7, "network.trunk": D, "network.dropout": 0.0,
  "optimizer.batch": 8, "mixture.layers": ("fc7",)})


@functools.cache
def stepped(row, recompute=False, devices=2):
  """(config, params, batch, metrics, state after) of one step of a row."""
  config = fields.replace(SMALL, {"method": row, "optimizer.recompute": recompute})
  method, rng = methods.named(row), np.random.default_rng(0)
  shapes = jax.eval_shape(lambda key: step_lib.parameters(key, config, ROWS, C), jax.random.key(0))
  params = jax.tree.map(lambda x: rng.normal(0, 0.5, x.shape).astype(np.float32), shapes)
  examples = {m.name: {"input": rng.normal(size=(8, *m.shape)).astype("f"),
                       "label": rng.integers(C, size=8).astype(np.int32)} for m in ROWS}
  transform = step_lib.optimizer(config.optimizer, 9, {})
  state = step_lib.begin_phase(0, params, step_lib.Phase((), 0, 9), transform)
  step = step_lib.make_step(config, method, ROWS, transform)
  split = jax.tree.map(lambda x: x.reshape(devices, -1, *x.shape[1:]), examples)
  given_row = given.Constants({"fc7": constants().statistics["fc7"]} if method.statistics else {})
  state, metrics = step(state, split, given_row, jax.random.key(1))
  return config, params, examples, jax.device_get(metrics), jax.device_get(state)


@pytest.mark.parametrize("row, recompute", [("class_own", False), ("supcon", True)])
def test_the_share_of_the_gradient_is_that_before_the_highest_layer(row, recompute):
  config, params, examples, metrics, _ = stepped(row, recompute=recompute)
  method, labels, before = methods.named(row), {}, {}
  for modality in ROWS:
    part = examples[modality.name]
    labels[modality.name] = part["label"]
    before[modality.name] = model.apply(params, part["input"], modality, method,
                                        config.network)["fc7_linear"]

  def cross_entropy(h):
    total = 0.0
    for name, x in h.items():
      layer = params["fc8"][name]
      logits = jax.nn.relu(x) @ layer["kernel"] + layer["bias"]
      chosen = jnp.take_along_axis(jax.nn.log_softmax(logits), labels[name][:, None], 1)
      total -= chosen.mean() / 2
    return total

  def added(h):
    (term,) = method.terms
    x, statistics = {name: jax.nn.relu(x) for name, x in h.items()}, constants().statistics["fc7"]
    return term.weight * terms.function_of(term)(x, labels, given.Given(statistics),
                                                 config.alignment)

  norms = [np.sqrt(sum(np.square(slope).sum() for slope in jax.grad(loss)(before).values()))
           for loss in (cross_entropy, added)]
  np.testing.assert_allclose(metrics["gradient_share"], norms[1] / sum(norms), rtol=1e-4)


def test_a_row_without_terms_has_no_share_and_one_without_mixture_no_components():
  assert terms.watched(SMALL, methods.named("bl_ind")) is None
  assert not terms.taps(SMALL, methods.named("bl_ind"), ROWS, 4)
  metrics = stepped("supcon", recompute=True)[3]
  assert not any(name.startswith(("largest", "entropy")) for name in metrics)


def test_the_health_of_a_mixture_is_its_largest_component_and_its_entropy():
  mean = {"fc7": {"sound": np.array([0.75, 0.25, 0.0], "f"), "touch": np.array([1.0], "f")}}
  found = terms.scalars(terms.Observed({"loss": 1.0}, mean, {}, {}))
  expected = {"loss": 1.0, "largest/fc7/sound": 0.75,
              "entropy/fc7/sound": -(0.75 * np.log(0.75) + 0.25 * np.log(0.25))}
  assert set(found) == set(expected)  # a single Gaussian takes all: nothing to be said of touch
  for name, value in expected.items():
    np.testing.assert_allclose(found[name], value, rtol=1e-6)
  none = terms.scalars(terms.Observed({}, {}, {}, {"cross_entropy": jnp.zeros(()),
                                                   "terms": jnp.zeros(())}))
  assert none["gradient_share"] == 0


def test_gradients_are_compared_at_the_highest_layer_of_the_trunk_that_a_term_is_on():
  for layers, highest in ((("fc6",), "fc6"), (("fc7_linear", "fc6"), "fc7"), (("pool5",), None)):
    config = fields.replace(SMALL, {"alignment.layers": layers, "mixture.layers": ("fc6",)})
    assert terms.watched(config, methods.named("supcon")) == highest
    assert terms.watched(config, methods.named("c")) == "fc6"


def test_the_adversary_stands_beside_the_layers_of_rows_that_have_one():
  def shapes(row, **changes):
    config = fields.replace(SMALL, {"method": row, **changes})
    return jax.eval_shape(lambda key: step_lib.parameters(key, config, ROWS, C), jax.random.key(0))

  found = shapes("dann", **{"alignment.layers": ("fc6", "fc7"), "alignment.discriminator": 9})
  assert set(found) == {*model.LAYERS, terms.ADVERSARY}
  for layer in ("fc6", "fc7"):
    kernels = {name: part["kernel"].shape for name, part in
               found[terms.ADVERSARY]["shared"][layer].items()}
    assert kernels == {"hidden": (D, 9), "out": (9, len(ROWS))}
  assert set(shapes("bl_ind")) == set(model.LAYERS)


def test_moments_are_those_of_the_whole_batch_and_are_remembered():
  config, params, examples, metrics, state = stepped("dsbn")
  for modality in ROWS:
    h = model.apply(params, examples[modality.name]["input"], modality,
                    methods.named("bl_shfinal"), config.network)["fc6_linear"]
    remembered = state.params["fc6_moments"][modality.name]
    before = params["fc6_moments"][modality.name]
    np.testing.assert_allclose(remembered["mean"], 0.99 * before["mean"] + 0.01 * h.mean(0),
                               rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(remembered["variance"],
                               0.99 * before["variance"] + 0.01 * h.var(0), rtol=1e-4)
  others = stepped("dsbn", devices=1)
  np.testing.assert_allclose(others[3]["gradient_norm"], metrics["gradient_norm"], rtol=1e-4)
  jax.tree.map(functools.partial(np.testing.assert_allclose, rtol=1e-4, atol=1e-6),
               others[4].params["fc7_moments"], state.params["fc7_moments"])
  fresh = model.init(jax.random.key(0), ROWS, methods.named("dsbn"), config.network, C)
  again, alone = (model.apply(fresh, examples["sound"]["input"][:count], ROWS[0],
                              methods.named("dsbn"), config.network) for count in (8, 1))
  np.testing.assert_allclose(alone["fc7"], again["fc7"][:1], rtol=1e-5)  # nobody else matters
