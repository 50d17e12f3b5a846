"""Devices: the one home of pmap, of collectives between devices and of where arrays lie.

Outside this room nothing has a device axis, but for the batch on its way into a pmapped function.
How processes share work and wait for each other is in `cmx.runtime.hosts`.
"""

import math
import os
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from cmx.runtime import cores
from cmx.runtime import memory as memory_lib

AXIS = "devices"
_COUNT = "--xla_force_host_platform_device_count="
_USUAL_FLAGS = rf"\s*{_COUNT}[1-9]\d{{0,2}}\s*"
_START = "import jaxlib.xla_client; jaxlib.xla_client.make_cpu_client()"

# Dense bfloat16 FLOP/s of a device by the beginning of its kind's name; from makers' data sheets.
PEAK_FLOPS = {"NVIDIA A100": 312e12, "NVIDIA H100": 989e12, "NVIDIA H200": 989e12, "TPU v4": 275e12,
              "TPU v5 lite": 197e12, "TPU v5": 459e12, "TPU v6 lite": 918e12}


def pmap(function: Callable, batch_argnum: int, arguments: int, *, gathered: bool = False,
         donate: tuple[int, ...] = ()) -> Callable:
  """`jax.pmap` of a function whose arguments are whole on every device, but for its batch.

  Args:
    function: pure; its results are equal on all devices, unless `gathered`.
    batch_argnum: which argument carries a leading device axis (see `shard`).
    arguments: number of arguments.
    gathered: results differ and come back with a leading device axis; each process then runs it on
      its own devices, for itself. Otherwise it is one program over the devices of all processes.
    donate: arguments whose buffers the results may take over; place them with `replicate`.
  """
  in_axes = tuple(0 if i == batch_argnum else None for i in range(arguments))
  devices = jax.local_devices() if gathered else _in_batch_order()
  return jax.pmap(function, AXIS, in_axes=in_axes, out_axes=0 if gathered else None,
                  donate_argnums=donate, devices=devices)


def _in_batch_order() -> list[jax.Device]:
  """All devices, as `hosts.part` cuts batches."""
  return sorted(jax.devices(), key=lambda device: (device.process_index, device.id))


def by_rows(function: Callable, batch: int) -> Callable:
  """A function of examples for any number of them up to `batch`, compiled once for all.

  Args:
    function: pure, (params, x [B, ...]) -> tree of arrays [B, ...]; example by example.
    batch: examples a call, over this process' devices; divisible by them.

  Returns:
    (params, x [N, ...]) -> tree of numpy arrays [N, ...], with N <= batch.
  """
  mapped = pmap(function, batch_argnum=1, arguments=2, gathered=True)

  def call(params, x):
    filled = np.concatenate([x, np.repeat(x[-1:], batch - len(x), axis=0)])
    outputs = jax.device_get(mapped(params, shard(filled)))
    return jax.tree.map(lambda value: value.reshape(batch, *value.shape[2:])[:len(x)], outputs)

  return call


def flops(function: Callable, batch_argnum: int, *arguments: Any) -> float:
  """Floating point operations of a call of `pmap`'s function on one device.

  They are counted from shapes, before the compiler optimises, on the program that a TPU would get:
  programs for CPUs have loops over examples, whose body would count once. The CPU's client counts,
  because those of accelerators do not offer it.

  Args:
    function: as given to `pmap`.
    batch_argnum: which argument carries a leading device axis.
    arguments: arrays or their shapes.

  Returns:
    The number; NaN where JAX was started without its CPU backend.
  """
  one = tuple(0 if i == batch_argnum else None for i in range(len(arguments)))
  shapes = [jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), tree)
            for tree in arguments]
  shapes[batch_argnum] = jax.tree.map(lambda x: jax.ShapeDtypeStruct((1, *x.shape[1:]), x.dtype),
                                      shapes[batch_argnum])
  try:
    counting = jax.default_device(jax.local_devices(backend="cpu")[0])
  except RuntimeError:
    return math.nan
  with counting:
    traced = jax.jit(jax.vmap(function, in_axes=one, axis_name=AXIS)).trace(*shapes)
    return traced.lower(lowering_platforms=("tpu",)).cost_analysis()["flops"]


def shapes(function: Callable, devices: int, *arguments: Any) -> Any:
  """Shapes of what `pmap`'s function, or a part of it, gives on one of so many devices.

  Args:
    function: of what is on one device.
    devices: their number, which collectives' results depend on.
    arguments: arrays or their shapes.
  """
  return jax.make_jaxpr(function, axis_env=[(AXIS, devices)], return_shape=True)(*arguments)[1]


def compiled_bytes(function: Callable, batch_argnum: int, *arguments: Any,
                   donate: tuple[int, ...] = ()) -> int:
  """Memory of a call of `pmap`'s function on one device of this backend, as its compiler says.

  Args:
    function: as given to `pmap`.
    batch_argnum: which argument carries a leading device axis, here of one device.
    arguments: arrays or their shapes.
    donate: as given to `pmap`.
  """
  in_axes = tuple(0 if i == batch_argnum else None for i in range(len(arguments)))
  mapped = jax.pmap(function, AXIS, in_axes=in_axes, out_axes=None, donate_argnums=donate,
                    devices=jax.local_devices()[:1])
  memory = mapped.lower(*arguments).compile().memory_analysis()
  return (memory.argument_size_in_bytes + memory.output_size_in_bytes + memory.temp_size_in_bytes
          - memory.alias_size_in_bytes)


def peak_flops(given: float) -> float:
  """FLOP/s of one device at its best: `given`, or that of a device in `PEAK_FLOPS`, or else 0."""
  kind = jax.local_devices()[0].device_kind
  known = [peak for name, peak in PEAK_FLOPS.items() if kind.startswith(name)]
  return given or (known[0] if known else 0.0)


def memory() -> float:
  """Bytes of all processes' devices together; those of a CPU share its machine's."""
  limits = [(device.memory_stats() or {}).get("bytes_limit", 0) for device in jax.local_devices()]
  return (sum(limits) if all(limits) else memory_lib.size()) * jax.process_count()


def mean(tree: Any) -> Any:
  """Mean over devices of every leaf; inside `pmap` only."""
  return jax.lax.pmean(tree, AXIS)


def example_keys(key: jax.Array, count: int) -> jax.Array:
  """A random key for each of this device's examples [count]; inside `pmap` only.

  They are folded from the example's place in the whole batch, so that what is drawn with them does
  not depend on the number of devices.
  """
  first = jax.lax.axis_index(AXIS) * count
  return jax.vmap(jax.random.fold_in, (None, 0))(key, first + jnp.arange(count))


def gather(tree: Any) -> Any:
  """Examples of all devices, every leaf [B, ...] -> [devices * B, ...]; inside `pmap` only.

  For terms that couple examples: without it the loss would depend on the number of devices. Each
  device's gradient holds what all devices' copies of the term owe its own examples.
  """
  return jax.lax.all_gather(tree, AXIS, tiled=True)


def moments(x: jax.Array) -> dict[str, jax.Array]:
  """Mean and variance over the examples of all devices, [B, D] -> [D] each; inside `pmap` only."""
  x = x.astype(jnp.float32)
  centre = mean(x.mean(0))
  return {"mean": centre, "variance": mean(jnp.square(x - centre).mean(0))}


def check_batch(size: int, parts: int = 1, devices: int | None = None) -> None:
  """Raises ValueError unless `size` examples split evenly over devices, and each's over `parts`.

  The devices are those at hand where no number is given.
  """
  devices = devices or jax.device_count()
  if size % (devices * parts):
    several = f" times {parts} parts" if parts > 1 else ""
    raise ValueError(f"batch size {size} is not divisible by {devices} devices{several}")


def check_parts(parts: int, devices: int | None = None) -> None:
  """Raises ValueError unless so many parts of a batch split evenly over the devices at hand."""
  devices = devices or jax.device_count()
  if parts % devices:
    raise ValueError(f"config.shards {parts} is not divisible by {devices} devices, which "
                     "config.deterministic needs; a run keeps its shards wherever it goes on")


def check_environment() -> None:
  """Checks what JAX_PLATFORMS and XLA_FLAGS ask for, before anything is computed.

  Raises:
    ValueError: if there is no such device, or XLA does not know a flag.
  """
  if (told := os.environ.get("XLA_FLAGS", "")) and not re.fullmatch(_USUAL_FLAGS, told):
    tried = subprocess.run([sys.executable, "-c", _START], capture_output=True, text=True,
                           errors="replace", check=False)  # XLA ends the process that it is in
    if tried.returncode:
      said = next((line for line in tried.stderr.splitlines() if "XLA_FLAGS" in line),
                  f"exit code {tried.returncode}").rpartition("] ")[2]
      raise ValueError(f"XLA_FLAGS={told}: XLA does not take them: {said}; expected flags that it "
                       f"knows, as {_COUNT}4")
  if asked := jax.config.jax_platforms:
    try:
      jax.devices()
    except (RuntimeError, AssertionError) as error:  # the second where jaxlib was built without it
      why = re.sub(r"Unable to initialize backend '\w+': | ?\(set JAX_PLATFORMS.*", "", str(error))
      raise ValueError(f"JAX_PLATFORMS={asked}: there is no such device here"
                       f"{f' ({why})' if why else ''}; expected cpu, or a platform that this "
                       "machine and its jaxlib have, in lower case") from error


def use_cores(batches: Sequence[int]) -> None:
  """Makes the cores of a host several devices, before any of them is used.

  A device of its own for each core works off a batch in fewer core seconds than all cores together
  on one. Where there is an accelerator, or where XLA_FLAGS says how many, nothing changes.

  Args:
    batches: examples a step, all that are going to be split over devices.
  """
  use(devices_of(cores.count(), batches))


def use(count: int) -> None:
  """Makes so many devices of a host's cores, before any is used; XLA_FLAGS that say how many win.
  """
  if _COUNT not in os.environ.get("XLA_FLAGS", ""):
    jax.config.update("jax_num_cpu_devices", count)


def by_cores() -> bool:
  """Whether cores are the devices, and nobody has said how many they are to be."""
  return jax.default_backend() == "cpu" and _COUNT not in os.environ.get("XLA_FLAGS", "")


def devices_of(available: int, batches: Sequence[int]) -> int:
  """The largest power of two up to the available number, and 8, that divides all batches."""
  return max(count for count in (1, 2, 4, 8)
             if count <= max(available, 1) and not any(batch % count for batch in batches))


def rounded_up(size: int) -> int:
  """The smallest batch of `size` examples or more that splits evenly over this process' devices."""
  return size + -size % jax.local_device_count()


def shard(batch: Any) -> Any:
  """This process' examples on its devices: every leaf [B, ...] -> [devices, B / devices, ...]."""
  devices = jax.local_device_count()
  split = jax.tree.map(lambda x: np.asarray(x).reshape(devices, -1, *x.shape[1:]), batch)
  return jax.device_put(split, _placement(jax.P(AXIS)))


def replicate(tree: Any) -> Any:
  """Every leaf on each of this process' devices, copied: it may be donated, its source stays.

  The copy is made first: placing an array that lies on one of the devices keeps that device's
  buffer, even with may_alias=False, and donating one buffer twice ends the process.
  """
  return jax.device_put(jax.tree.map(jnp.copy, tree), _placement(jax.P()))


def forget() -> None:
  """Drops what was compiled: of many trainings in one process, each leaves a hundred megabytes."""
  jax.clear_caches()


def _placement(spec: jax.P) -> jax.NamedSharding:
  return jax.NamedSharding(jax.sharding.Mesh(np.array(jax.local_devices()), (AXIS,)), spec)
