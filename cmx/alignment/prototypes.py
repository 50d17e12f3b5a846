"""Fixed codes of the classes, to which every modality is drawn; a modality can be added later."""

import jax
import jax.numpy as jnp
import numpy as np

from cmx import config as config_lib
from cmx.alignment import given as given_lib
from cmx.alignment import pool


def cosine_head(x: given_lib.Layer, labels: given_lib.Layer, given: given_lib.Given,
                alignment: config_lib.Alignment) -> jax.Array:
  """Cross entropy of a classifier whose weights are the codes: mean_n CE( z_n.w_c / t ).

  z are directions of activations, w the codes; nothing of this head is trained, so that modalities
  meet in the activations themselves.

  Args:
    x: activations {modality: [B, D]}.
    labels: {modality: int [B]}.
    given: `prototypes` [C, D] of unit length; classes whose code is 0 are no choice.
    alignment: `contrast` is t.

  Returns:
    The term [], in nats.

  Source: arXiv 2508.12290 (CLAIR), 2312.12478 (ProS); Hu et al. 2019 (SDML) for fixed random codes.
  """
  codes = given.prototypes
  possible = jnp.square(codes).sum(-1) > 0
  total = jnp.zeros(())
  for name, h in x.items():
    cosines = jnp.matmul(pool.directions(h.astype(jnp.float32)), codes.T,
                         precision=jax.lax.Precision.HIGHEST)
    logits = jax.nn.log_softmax(jnp.where(possible, cosines / alignment.contrast, -1e30))
    total -= jnp.take_along_axis(logits, labels[name][:, None], axis=1).mean()
  return total / len(x)


def placed(vectors: np.ndarray, width: int, seed: int) -> np.ndarray:
  """Codes of classes from vectors of their names: [C, E] -> [C, D] of unit length.

  Vectors of other width are turned by a random orthonormal map, which keeps their angles where
  D >= E and about keeps them below. The code of a class does not depend on what others there are.
  """
  rng = np.random.default_rng(seed)
  given_width = vectors.shape[1]
  square = rng.standard_normal((max(width, given_width), min(width, given_width)))
  basis = np.linalg.qr(square)[0]  # orthonormal columns
  turned = vectors @ (basis.T if width >= given_width else basis)
  return _unit(turned).astype(np.float32)


def random_codes(classes: int, width: int, seed: int) -> np.ndarray:
  """Orthogonal directions [C, D] at random; where C > D, of random ones, which are nearly so."""
  rng = np.random.default_rng(seed)
  draw = rng.standard_normal((width, classes))
  codes = np.linalg.qr(draw)[0] if classes <= width else draw
  return _unit(codes.T).astype(np.float32)


def _unit(vectors: np.ndarray) -> np.ndarray:
  """Vectors [N, D] scaled to unit length; zeros stay zeros."""
  norm = np.linalg.norm(vectors, axis=1, keepdims=True)
  return vectors / np.where(norm > 0, norm, 1.0)
