"""What training costs, on paper: memory, operations, hours and input, from shapes alone.

A device holds parameters and the optimiser's state, its share of a batch, the gradient, and in turn
what the backward pass keeps of the forward pass and the gradient's mean over devices. Nothing is
trained, no data are read.
"""

import collections
import dataclasses
import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from cmx import config as config_lib
from cmx import data
from cmx import methods as methods_lib
from cmx.alignment import given
from cmx.data import encoders
from cmx.mixture import em
from cmx.mixture import gmm
from cmx.network import model
from cmx.runtime import devices as devices_lib
from cmx.training import loop
from cmx.training import loss as loss_lib
from cmx.training import step as step_lib

ROW_S = 5.0  # seconds to compute a row, large or small, on a CPU core
# Widths of encoders whose files are not at hand: of skip-thoughts, GloVe's largest, the packages'.
_USUAL_WIDTHS = {"vectors": 4_800, "words": 300, **encoders.WIDTHS}


class Phase(NamedTuple):
  """A phase of a row on one of several devices; memory in bytes.

  Attributes:
    frozen: layers that are not trained.
    steps: number of steps.
    trained: number of parameters that are trained.
    state: memory of parameters and optimiser.
    batch: memory of a share of a batch, and of the mixtures.
    activations: memory of what the backward pass keeps.
    gradient: memory of the gradient of what is trained.
    sums: memory of gradients of several modalities, or of several parts, that are being added.
    flops: floating point operations of a step on one device.
    compiled: memory as this backend's compiler says; None where it was not asked.
  """

  frozen: tuple[str, ...]
  steps: int
  trained: int
  state: int
  batch: int
  activations: int
  gradient: int
  sums: int
  flops: float
  compiled: int | None = None

  @property
  def memory(self) -> int:
    return (self.state + self.batch + self.gradient + self.sums
            + max(self.activations, self.gradient))


class Row(NamedTuple):
  """A row of the table, or the reference network.

  Attributes:
    method: its key.
    name: as printed.
    parameters: their number.
    examples: a step, over all devices and modalities.
    input: bytes of the examples of a step, decoded.
    phases: in turn.
  """

  method: str
  name: str
  parameters: int
  examples: int
  input: int
  phases: tuple[Phase, ...]

  @property
  def flops(self) -> float:
    """Of all steps on one device."""
    return sum(phase.flops * phase.steps for phase in self.phases)

  @property
  def steps(self) -> int:
    return sum(phase.steps for phase in self.phases)

  @property
  def memory(self) -> int:
    return max(phase.memory for phase in self.phases)

  @property
  def checkpoint(self) -> int:
    """Bytes of the largest one."""
    return max(phase.state for phase in self.phases)


def modalities_of(config: config_lib.Config) -> tuple[model.Modalities, int, list[str]]:
  """Modalities as the network sees them, number of classes, and what was taken for granted.

  Raises:
    FileNotFoundError: if only prepared records say what there is.
  """
  classes, rows = data.outline(config.data)
  found, assumed = [], []
  for row in rows:
    name = {"pixels": config.encoders.pixels, "text": config.encoders.text}.get(row.kind, "")
    if name:
      try:
        width = encoders.of(config, row.kind).width
      except FileNotFoundError:
        width = _USUAL_WIDTHS[name]
        assumed.append(f"{row.code} as {width:,} numbers, as encoder {name!r} usually gives: its "
                       "file is not at hand")
      row = row._replace(shape=(width,))
    found.append(row)
  return tuple(found), len(classes), assumed


def row(config: config_lib.Config, modalities: model.Modalities, classes: int, devices: int, *,
        compiled: bool = False) -> Row:
  """The cost of the config's method.

  Args:
    config: of the row.
    modalities: with shapes.
    classes: C.
    devices: that divide a batch.
    compiled: ask this backend's compiler for its figure of memory, which takes it a minute or so
      at full size.

  Raises:
    ValueError: if the devices do not divide a batch.
  """
  method, settings = methods_lib.named(config.method), step_lib.settings_of(config)
  modalities = modalities[:1] if method.reference else modalities
  devices_lib.check_batch(settings.batch, settings.accumulate, devices)
  key = jax.eval_shape(lambda: jax.random.key(0))
  params = jax.eval_shape(lambda key: step_lib.parameters(key, config, modalities, classes), key)
  batch = {m.name: {"input": jax.ShapeDtypeStruct(
    (settings.batch // devices, *m.shape), jnp.uint8 if len(m.shape) == 3 else jnp.float32),
    "label": jax.ShapeDtypeStruct((settings.batch // devices,), jnp.int32)} for m in modalities}
  constants = _constants(config, classes)
  phases = tuple(_phase(config, method, modalities, params, batch, constants, devices, phase,
                        compiled)
                 for phase in step_lib.phases(method, settings) if phase.last > phase.first)
  return Row(config.method, method.name, _count(params), settings.batch * len(modalities),
             devices * _bytes(batch), phases)


def _phase(config: config_lib.Config, method: methods_lib.Method, modalities: model.Modalities,
           params: model.Params, batch: Any, constants: given.Constants, devices: int,
           phase: step_lib.Phase, compiled: bool) -> Phase:
  settings = step_lib.settings_of(config)
  transform = step_lib.optimizer(settings, phase.last - phase.first, {})
  trainable, frozen = step_lib.divided(params, phase)
  optimizer = jax.eval_shape(transform.init, trainable)
  state = loop.State(jax.ShapeDtypeStruct((), jnp.int32), trainable, frozen, optimizer)
  key = jax.eval_shape(lambda: jax.random.key(0))
  given_to_loss = trainable, frozen, constants
  activations = _activations(config, method, modalities, given_to_loss, batch, devices)
  if settings.recompute:  # of one modality after the other, on top of what they start from
    activations += max(
      _activations(_with(config, recompute=False), method._replace(terms=()), (m,), given_to_loss,
                   {m.name: batch[m.name]}, devices) for m in modalities)
  arguments = (state, jax.tree.map(lambda x: jax.ShapeDtypeStruct((1, *x.shape), x.dtype), batch),
               constants, key)
  step = step_lib.step_of_device(config, method, modalities, transform)
  # Each modality that goes through a layer gives it a gradient: two or more are held to be added.
  uses = collections.Counter((layer, model.owner(layer, m, method)) for m in modalities
                             for layer in trainable if layer in model.LAYERS)
  added = [trainable[layer][name] for (layer, name), count in uses.items() if count > 1]
  return Phase(
    phase.frozen, phase.last - phase.first, _count(trainable), _bytes(state),
    _bytes((batch, constants)), activations, _bytes(trainable),
    _bytes(added) + (_bytes(trainable) if settings.accumulate > 1 else 0),
    step_lib.flops(config, method, modalities, transform, *arguments),
    devices_lib.compiled_bytes(step, 1, *arguments, donate=(0,)) if compiled else None)


def _constants(config: config_lib.Config, classes: int) -> given.Constants:
  """Shapes of what the config's method is given, as if the reference showed every class."""
  method, settings, width = methods_lib.named(config.method), config.mixture, config.network.trunk
  kind = method.statistics
  components = (settings.per_class * classes if kind == methods_lib.CLASSES
                else methods_lib.components_of(config))
  tied = kind == methods_lib.CLASSES or settings.covariance == em.TIED

  def array(*shape):
    return jax.ShapeDtypeStruct(shape, jnp.float32)

  mixture = kind and gmm.Mixture(array(components), array(components, width),
                                 array(1 if tied else components, width))
  share = array(classes, components) if kind in methods_lib.BY_CLASS else None
  return given.Constants(
    {layer: given.Statistics(mixture, share) for layer in settings.layers} if kind else {},
    array(classes, width) if method.codes else None)


def _activations(config: config_lib.Config, method: methods_lib.Method,
                 modalities: model.Modalities, given_to_loss: tuple[Any, Any, Any], batch: Any,
                 devices: int) -> int:
  """Bytes that the backward pass keeps of the forward pass, without the parameters themselves.

  Args:
    config: of the row.
    method: of the row, or the same with fewer terms.
    modalities: that go through the network.
    given_to_loss: trainable and frozen parameters, and constants.
    batch: of a device.
    devices: that divide a batch.
  """
  settings = step_lib.settings_of(config)
  loss = loss_lib.of_device(config, method, modalities, settings.recompute)
  parts = settings.accumulate
  batch = jax.tree.map(lambda x: jax.ShapeDtypeStruct((x.shape[0] // parts, *x.shape[1:]), x.dtype),
                       batch)
  size = jax.tree.leaves(batch)[0].shape[0]

  def backward(trainable, frozen, constants, batch):
    key = jax.random.key(0)
    keys = jax.vmap(jax.random.fold_in, (None, 0))(key, jnp.arange(size))
    return jax.vjp(lambda trained: loss(trained, {}, frozen, constants, batch, keys, key)[0],
                   trainable)[1]

  return _bytes(_beside(jax.tree.leaves(given_to_loss), jax.tree.leaves(
    devices_lib.shapes(backward, devices, *given_to_loss, batch))))


def _beside(arguments: list[Any], residuals: list[Any]) -> list[Any]:
  """Residuals that take room of their own: neither parameters, nor one's copy for the second time.

  JAX does not say which residual is a parameter, after it went through inner calls, so its shape
  and type decide: an activation [B, D] with the shape of a kernel is taken for one, and left out.
  """
  own = {(x.shape, x.dtype) for x in arguments}
  residuals = [x for x in residuals if (x.shape, x.dtype) not in own]
  # In lower precision each user has a copy of a kernel; the compiler makes it once.
  kernels = {x.shape for x in arguments if x.ndim > 1}
  copies = {(x.shape, x.dtype): x for x in residuals if x.shape in kernels}
  return [*copies.values(), *(x for x in residuals if x.shape not in kernels)]


def _with(config: config_lib.Config, **changes: Any) -> config_lib.Config:
  """The config with other settings of whichever optimiser trains its method."""
  settings = dataclasses.replace(step_lib.settings_of(config), **changes)
  return dataclasses.replace(config, reference=settings, optimizer=settings)


def _bytes(tree: Any) -> int:
  return sum(math.prod(x.shape) * x.dtype.itemsize for x in jax.tree.leaves(tree)
             if not jax.dtypes.issubdtype(x.dtype, jax.dtypes.prng_key))


def _count(tree: Any) -> int:
  return sum(math.prod(x.shape) for x in jax.tree.leaves(tree))
