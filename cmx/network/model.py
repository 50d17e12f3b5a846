"""The network: a tower per modality feeds a trunk fc6 -> fc7 -> fc8; who owns a layer is a look-up.

Parameters are two levels of names above Flax's own: `params[layer][owner]`, for example
`params["tower"]["natural"]` or `params["fc7"]["shared"]`. Sharing is the look-up `owner`, freezing
is leaving a layer out of the tree that is differentiated, a warm start is a copy by name. Rows that
normalise have layers more, in which every modality has its own.
"""

import zlib
from collections.abc import Callable, Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from cmx import config as config_lib
from cmx import methods as methods_lib
from cmx import modalities as modalities_lib
from cmx.alignment import normalisation
from cmx.network import towers

TRUNK = ("fc6", "fc7", "fc8")
LAYERS = ("tower", *TRUNK)
NORMS = {"fc6": "fc6_norm", "fc7": "fc7_norm"}  # scale and shift, of rows that normalise
MOMENTS = {"fc6": "fc6_moments", "fc7": "fc7_moments"}  # what they remember; never differentiated
SHARED = "shared"

Params = dict[str, dict[str, Any]]
Modalities = tuple[modalities_lib.Modality, ...]


def owner(layer: str, modality: modalities_lib.Modality, method: methods_lib.Method) -> str:
  """Who owns a modality's parameters of a layer: the modality, its kind of tower, or all.

  Raises:
    ValueError: if the method's scope is not "own", "kind" or "all".
  """
  scope = method.tower if layer == "tower" else method.trunk
  scope = "own" if layer in method.private else scope
  owners = {"own": modality.name, "kind": modality.tower, "all": SHARED}
  if scope not in owners:
    raise ValueError(f"scope {scope!r} of {layer}; expected one of {', '.join(owners)}")
  return owners[scope]


def init(key: jax.Array, modalities: Modalities, method: methods_lib.Method,
         network: config_lib.Network, classes: int) -> Params:
  """Fresh parameters {layer: {owner: tree}} of arrays float32 [...].

  The key of a layer is folded from its name and owner, so that adding a modality changes no other.
  """
  pool5 = towers.pool5_width(modalities, network)
  params: Params = {layer: {} for layer in LAYERS}
  for modality in modalities:
    for layer in LAYERS:
      name = owner(layer, modality, method)
      if name in params[layer]:
        continue
      layer_key = jax.random.fold_in(key, zlib.crc32(f"{layer}/{name}".encode()))
      if layer == "tower":
        module, shape = towers.tower(modality, network, pool5), modality.shape
      else:
        module = _dense(layer, network, classes)
        shape = (pool5 if layer == "fc6" else network.trunk,)
      example = jnp.zeros((1, *shape), jnp.float32)
      params[layer][name] = module.init(layer_key, example)["params"]
  if method.normalised:
    names = [modality.name for modality in modalities]
    for layer, make in (*((layer, normalisation.init) for layer in NORMS.values()),
                        *((layer, normalisation.no_moments) for layer in MOMENTS.values())):
      params[layer] = {name: make(network.trunk) for name in names}
  return params


def of_modality(params: Params, modality: modalities_lib.Modality,
                method: methods_lib.Method) -> Params:
  """The parameters {layer: {owner: tree}} of arrays [...] that a modality's activations need."""
  owners = {layer: owner(layer, modality, method) for layer in LAYERS}
  if method.normalised:
    owners |= {layer: modality.name for layer in (*NORMS.values(), *MOMENTS.values())}
  return {layer: {name: params[layer][name]} for layer, name in owners.items()}


def _dense(layer: str, network: config_lib.Network, classes: int) -> nn.Dense:
  if layer == "fc8":  # small logits at the start: every class equally likely; float32 for the loss
    return nn.Dense(classes, kernel_init=nn.initializers.normal(0.01))
  return nn.Dense(network.trunk, kernel_init=nn.initializers.he_normal(),
                  dtype=towers.precision(network))


def apply(params: Params, x: jax.Array, modality: modalities_lib.Modality,
          method: methods_lib.Method, network: config_lib.Network, *,
          dropout_keys: jax.Array | None = None, taps: Mapping[str, jax.Array] = {},
          moments: Callable[[jax.Array], dict[str, jax.Array]] | None = None
          ) -> dict[str, Any]:
  """Every named activation of a batch of one modality.

  Args:
    params: {layer: {owner: tree}}.
    x: uint8 or float [B, H, W, 3], or float [B, E].
    modality: row of the input.
    method: row that says whose parameters are used.
    network: shapes and dropout.
    dropout_keys: random keys [B], one an example: drop fc6 and fc7 where given (training); the
      activations returned are those before dropout.
    taps: {layer: [2, B, D]} zeros: the first is added before the layer's ReLU on the way to fc8,
      the second in the activations returned, so that gradients that come either way can be told.
    moments: in rows that normalise, of activations [B, D]: those of the step's whole batch
      (training); what the parameters remember where None.

  Returns:
    pool5 [B, D5], fc6 and fc7 [B, D] after their ReLU, fc6_linear and fc7_linear [B, D] before it,
    and the logits fc8 [B, C]; fc6_moments and fc7_moments where `moments` is given. Under jit, what
    is not used is not computed.
  """
  weights = {layer: params[layer][owner(layer, modality, method)] for layer in LAYERS}
  classes = weights["fc8"]["bias"].shape[0]
  pool5 = weights["fc6"]["kernel"].shape[0]
  h = towers.tower(modality, network, pool5).apply({"params": weights["tower"]}, x)
  activations = {"pool5": h}
  for i, layer in enumerate(TRUNK):
    h = _dense(layer, network, classes).apply({"params": weights[layer]}, h)
    if layer == "fc8":
      activations[layer] = h
      break
    if method.normalised:
      own, seen = params[NORMS[layer]][modality.name], params[MOMENTS[layer]][modality.name]
      if moments is not None:
        activations[MOMENTS[layer]] = seen = moments(h)
      h = normalisation.normalise(h, seen, own)
    # Two copies of one value, told apart by their taps: what goes on to fc8, what terms are given.
    onward, aside = (h + taps[layer][0], h + taps[layer][1]) if layer in taps else (h, h)
    activations[f"{layer}_linear"] = aside
    activations[layer] = h = nn.relu(aside)
    h = nn.relu(onward) if layer in taps else h
    if dropout_keys is not None and network.dropout > 0:
      h = _dropout(dropout_keys, i, h, network.dropout)
  return activations


def _dropout(keys: jax.Array, number: int, x: jax.Array, share: float) -> jax.Array:
  """x [B, D] with a share of its entries set to 0 and the rest scaled so that the mean stays.

  Each example draws with a key of its own (keys [B], folded with the layer's `number`), so that
  what it loses does not depend on how a batch is split over devices.
  """
  def draw(key):
    return jax.random.bernoulli(jax.random.fold_in(key, number), 1.0 - share, x.shape[1:])
  return jnp.where(jax.vmap(draw)(keys), x / (1.0 - share), 0.0)


def warm_start(params: Params, reference: Mapping[str, Mapping[str, Any]],
               reference_modality: modalities_lib.Modality, modalities: Modalities,
               method: methods_lib.Method) -> tuple[Params, dict[str, set[str]]]:
  """Copies the reference network's layers to every owner that can take them.

  A tower takes the reference's where it is of the same kind and shape; a trunk layer where one of
  its users has such a tower. So a trunk that everybody shares starts from the reference, and a
  modality of another kind with a trunk of its own starts from nothing, as in the paper.

  Args:
    params: fresh parameters of the method.
    reference: the reference network's parameters, {layer: {owner: tree}}.
    reference_modality: whose statistics are matched; the reference network was trained on it alone.
    modalities: of the run, with shapes.
    method: row of the run.

  Returns:
    The parameters, and {layer: owners that started from the reference}.
  """
  like = [m for m in modalities
          if (m.tower, m.shape) == (reference_modality.tower, reference_modality.shape)]
  warm = {layer: {owner(layer, m, method) for m in like} for layer in LAYERS}
  sources = {layer: next(iter(owners.values())) for layer, owners in reference.items()}
  return {layer: {name: sources[layer] if name in warm.get(layer, ()) else tree
                  for name, tree in owners.items()} for layer, owners in params.items()}, warm
