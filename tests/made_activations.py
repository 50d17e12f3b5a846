"""Activations of three modalities with labels, and a loop's view of them, for terms of the loss."""

import functools
import itertools
from typing import NamedTuple

import jax
import numpy as np

from cmx import config as config_lib
from cmx.alignment import given as given_lib

D, C = 4, 3
LABELS = {"sound": np.array([0, 1, 2, 1, 0]), "touch": np.array([1, 0, 1, 1, 0]),  # none of class 2
          "words": np.array([2, 0, 0, 1, 1])}


class Example(NamedTuple):
  """One example, as a loop sees it."""

  x: np.ndarray
  label: int
  modality: str


def activations(seed=0, names=tuple(LABELS)):
  rng = np.random.default_rng(seed)
  return {name: rng.normal(size=(5, D)).astype(np.float32) for name in names}


def examples(x=None, labels=LABELS):
  """[Example], in float64."""
  return [Example(np.float64(row), int(label), name)
          for name, h in sorted((x or activations()).items())
          for row, label in zip(h, labels[name])]


def unit(x):
  norm = np.linalg.norm(x)
  return x / norm if norm else x


@functools.cache
def _compiled(term):
  return jax.jit(jax.value_and_grad(
    lambda x, labels, given: term(x, labels, given, config_lib.Alignment())))


def value(term, x=None, labels=LABELS, given=given_lib.Given()):
  return _compiled(term)(activations() if x is None else x, labels, given)[0]


def gradient(term, x=None, labels=LABELS, given=given_lib.Given()):
  return jax.device_get(_compiled(term)(activations() if x is None else x, labels, given)[1])


def awkward():
  """Batches that lack something: [(what, activations, labels)]."""
  x = activations()
  one = {"sound": x["sound"][:1]}
  zero = {name: h * (np.arange(5) != 1)[:, None] for name, h in x.items()}
  same = {name: np.ones_like(h) for name, h in x.items()}
  apart = {name: np.full(5, i) for i, name in enumerate(x)}
  return [
    ("a single modality", {"sound": x["sound"]}, {"sound": LABELS["sound"]}),
    ("a batch of one", {name: h[:1] for name, h in x.items()},
     {name: labels[:1] for name, labels in LABELS.items()}),
    ("one example in all", one, {"sound": LABELS["sound"][:1]}),
    ("features that are zero", zero, LABELS),
    ("nothing but zeros", {name: 0 * h for name, h in x.items()}, LABELS),
    ("features that are equal", same, LABELS),
    ("no class in two modalities", x, apart),
    ("one class alone", x, {name: np.zeros(5, int) for name in x})]


def pairs(members):
  return itertools.combinations(members, 2)
