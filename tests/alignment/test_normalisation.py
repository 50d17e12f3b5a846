"""Normalisation modality by modality: by hand, at the ends, and what is remembered."""

import jax.numpy as jnp
import numpy as np

from cmx.alignment import normalisation


def test_activations_get_the_scale_and_shift_in_place_of_their_moments():
  x = np.array([[1.0, -2], [3, -2], [5, 4], [7, 8]], np.float32)
  moments = {"mean": x.mean(0), "variance": x.var(0)}
  own = {"scale": np.array([2.0, 0.5], "f"), "shift": np.array([10.0, -1.0], "f")}
  found = normalisation.normalise(x, moments, own)
  np.testing.assert_allclose(found.mean(0), own["shift"], rtol=1e-5)
  np.testing.assert_allclose(found.std(0), own["scale"], rtol=1e-5)
  np.testing.assert_allclose(found[0], [10 + 2 * -3 / np.sqrt(5), -1 + 0.5 * -4 / np.sqrt(18)],
                             rtol=1e-5)


def test_a_unit_that_never_changes_stays_finite():
  moments = {"mean": np.ones(2), "variance": np.zeros(2)}
  found = normalisation.normalise(np.ones((3, 2), "f"), moments, normalisation.init(2))
  np.testing.assert_array_equal(found, 0)


def test_precision_of_activations_is_kept():
  x = jnp.ones((3, 2), jnp.bfloat16)
  found = normalisation.normalise(x, normalisation.no_moments(2), normalisation.init(2))
  assert found.dtype == jnp.bfloat16
  np.testing.assert_allclose(found.astype(jnp.float32), 1, rtol=1e-2)


def test_a_share_of_what_was_is_remembered_of_the_layers_that_are_new():
  before = {"fc6_moments": {"sound": {"mean": np.array([1.0])}}, "fc7": {"shared": np.array([5.0])}}
  now = {"fc6_moments": {"sound": {"mean": np.array([3.0])}}}
  found = normalisation.remembered(before, now, 0.75)
  assert found == {"fc6_moments": {"sound": {"mean": np.array([1.5])}}}
