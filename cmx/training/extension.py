"""A modality trained against a finished run: it gets a tower of its own, and nothing else changes.

It feeds the run's trunk, which is frozen (modality tuning, phase one for ever). Where modalities
have trunks of their own, the new one owns a copy of one of them, frozen as well.
"""

import dataclasses

import jax

from cmx import config as config_lib
from cmx import methods as methods_lib
from cmx import modalities as modalities_lib
from cmx.network import model
from cmx.network import towers
from cmx.training import checkpoint
from cmx.training import loop
from cmx.training import step
from cmx.training import train


def host(config: config_lib.Config, run: checkpoint.Run) -> modalities_lib.Modality:
  """The modality of the finished run whose trunk a new one feeds: the reference, or the one named.

  Raises:
    ValueError: if the run has none of that name.
  """
  if not config.extension.trunk:
    return run.modalities[0]
  return modalities_lib.of_name(run.modalities, config.extension.trunk)


def plan(config: config_lib.Config, run: checkpoint.Run, modality: modalities_lib.Modality,
         terms: tuple[methods_lib.Term, ...]) -> train.Plan:
  """What is trained for a new modality: what is its own alone, from the host's tower if it fits.

  Args:
    config: of the extended run.
    run: the finished one.
    modality: row of the new one, with its shape.
    terms: added to the cross entropy. Where they compare modalities, a step sees all of them, else
      the new one alone.

  Raises:
    ValueError: if the new one would share the tower of others, its tower does not fit the trunk, or
      the terms cannot be had.
  """
  method, source = run.method, host(config, run)
  _check(method, modality, run, terms)
  pool5 = run.params["fc6"][model.owner("fc6", source, method)]["kernel"].shape[0]
  network = dataclasses.replace(config.network, pool5=pool5)
  width = towers.pool5_width((modality,), network)
  if width != pool5:
    raise ValueError(f"modality {modality.name!r}: images of {list(modality.shape)} give {width} "
                     f"values of pool5; expected {pool5}, which the run's trunk takes: vectors, or "
                     "images that the run's encoder reads")
  fresh = jax.jit(lambda key: model.init(key, (modality,), method, network, len(run.classes)))(
    jax.random.key(config.seed))
  fresh, warm = model.warm_start(fresh, model.of_modality(run.params, source, method), source,
                                 (modality,), method)
  kept = {layer: set(owners) for layer, owners in run.params.items()}
  for layer in model.TRUNK:
    name = model.owner(layer, modality, method)
    if layer not in method.private and name not in kept[layer]:
      fresh[layer] = {name: run.params[layer][model.owner(layer, source, method)]}
      kept[layer].add(name)
  rows = (*run.modalities, modality)
  return train.Plan(
    f"{config.method}, {modality.name}", method._replace(terms=terms), rows,
    rows if any(term.couples for term in terms) else (modality,),
    loop.joined(fresh, run.params), warm, [step.Phase((), 0, step.steps(config), kept)])


def _check(method: methods_lib.Method, modality: modalities_lib.Modality, run: checkpoint.Run,
           terms: tuple[methods_lib.Term, ...]) -> None:
  name = model.owner("tower", modality, method)
  if name in run.params["tower"]:
    sharing = [row.name for row in run.modalities if model.owner("tower", row, method) == name]
    raise ValueError(f"modality {modality.name!r} would share the tower of {', '.join(sharing)}, "
                     f"as one kind does in {method.name}: there is nothing to train. Expected a "
                     "run of a row whose towers are each modality's own, or an input of another "
                     "kind")
  if any(term.adversary for term in terms):
    raise ValueError(f"the adversary of {method.name} tells {len(run.modalities)} modalities apart "
                     "and knows no other; expected --terms=none, or a row without one")
  if method.normalised and any(term.couples for term in terms):
    raise ValueError(f"terms that compare modalities would change what {method.name} remembers of "
                     "them; expected --terms=none, or a row whose terms do not")
