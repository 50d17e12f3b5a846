"""EM: scikit-learn's likelihood, one result on any devices, restarts, resuming, empty and dead."""

import os
import pathlib
import subprocess
import sys
import warnings

import jax
import numpy as np
import pytest
from scipy import special
from scipy import stats
from sklearn import mixture as sklearn_mixture

from cmx.mixture import em
from cmx.mixture import gmm
from cmx.mixture import passes as passes_lib

KEY = jax.random.key(0)


def groups(n=600, k=4, d=5, *, apart=2.0, seed=0):
  """Examples [n, d] of k Gaussian groups."""
  rng = np.random.default_rng(seed)
  means = apart * rng.normal(size=(k, d))
  return (means[rng.integers(k, size=n)] + rng.normal(size=(n, d))).astype(np.float32)


def fit(x, components, key=KEY, state=None, on_iteration=lambda state: None, name=str, **options):
  options = em.Options(**{"tolerance": 1e-4, **options})
  return em.fit(passes_lib.of_array(x, 100), components, key, options, state=state,
                on_iteration=on_iteration, name=name)


def start_at(x, k, rows):
  """A fit that has not begun, at the first examples with unit variances."""
  mixture = gmm.Mixture(np.full(k, 1 / k, "f"), x[:k], np.ones((rows, x.shape[1]), "f"))
  return em.State(em.Fit(mixture, [], [], False, 0, len(x), np.zeros(0, int)), None)


def test_climbs_as_scikit_learn_does_from_the_same_start():
  x = groups()
  ours = fit(x, 4, state=start_at(x, 4, 4), iterations=12, tolerance=-1.0)
  theirs = sklearn_mixture.GaussianMixture(
    4, covariance_type="diag", weights_init=np.full(4, 0.25), means_init=x[:4],
    precisions_init=np.ones((4, 5)), reg_covar=0, warm_start=True, max_iter=1)
  with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # one iteration at a time does not converge
    history = [theirs.fit(np.float64(x)).lower_bound_ for _ in range(12)]
  assert history[-1] - history[0] > 1  # there is something to climb
  np.testing.assert_allclose(ours.history[:12], history, rtol=1e-6)
  np.testing.assert_allclose(ours.mixture.mean, theirs.means_, rtol=1e-4, atol=1e-4)
  np.testing.assert_allclose(ours.mixture.variance, theirs.covariances_, rtol=1e-4)
  np.testing.assert_allclose(ours.mixture.weight, theirs.weights_, rtol=1e-4)


def test_tied_variance_climbs_as_the_slow_loop_does():
  x = groups(300, 3, 2)
  ours = fit(x, 3, state=start_at(x, 3, 1), iterations=6, tolerance=-1.0, covariance="tied")
  assert ours.mixture.variance.shape == (1, 2)
  weight, mean, variance, history = np.full(3, 1 / 3), np.float64(x[:3]), np.ones(2), []
  for _ in range(6):
    joint = np.array([[np.log(w) + stats.norm.logpdf(row, m, np.sqrt(variance)).sum()
                       for w, m in zip(weight, mean)] for row in np.float64(x)])
    total = special.logsumexp(joint, axis=1)
    history.append(total.mean())
    share = np.exp(joint - total[:, None])
    weight, mean = share.mean(0), (share.T @ x) / share.sum(0)[:, None]
    variance = np.mean(sum(share[:, k, None] * (x - mean[k]) ** 2 for k in range(3)), axis=0)
  np.testing.assert_allclose(ours.history[:6], history, rtol=1e-6)
  np.testing.assert_allclose(ours.mixture.variance[0], variance, rtol=1e-5)


def test_the_full_gaussian_has_the_likelihood_of_the_sample_covariance():
  x = groups(400, 3, 6)
  found = fit(x, 1, covariance="full", variance_floor=0.0)
  expected = stats.multivariate_normal(x.mean(0), np.cov(x.T, bias=True)).logpdf(x).mean()
  assert found.history == [pytest.approx(expected, rel=1e-5)] and found.converged
  assert found.history[0] > fit(x, 1).history[-1] + 0.1  # it knows correlations


def test_one_component_is_the_gaussian_of_the_moments():
  x = groups()
  found = fit(x, 1)
  np.testing.assert_allclose(found.mixture.mean[0], x.mean(0), rtol=1e-5, atol=1e-6)
  np.testing.assert_allclose(found.mixture.variance[0], x.var(0), rtol=1e-5)
  assert found.converged and len(found.history) == 3


@pytest.mark.parametrize("covariance", ["diagonal", "tied"])
def test_likelihood_never_falls_and_the_last_is_that_of_the_mixture(covariance):
  x = groups(1000, 6, 8)
  found = fit(x, 6, covariance=covariance)
  assert found.converged and not any(found.reseeded)
  assert np.diff(found.history).min() > -1e-5
  np.testing.assert_allclose(np.asarray(gmm.log_prob(x, found.mixture), float).mean(),
                             found.history[-1], rtol=1e-6)


def test_stops_when_an_iteration_gains_less_than_the_tolerance():
  gains = np.diff(fit(groups(apart=1.0), 4, tolerance=0.01).history)
  assert (gains[:-1] >= 0.01).all() and gains[-1] < 0.01


def test_iterations_are_bounded_and_not_called_converged():
  found = fit(groups(apart=1.0), 4, iterations=3, tolerance=0.0)
  assert len(found.history) == 4 and not found.converged


def test_the_best_of_the_restarts_is_kept():
  x = groups(500, 6, 3)
  key, ends = jax.random.key(3), {}
  found = fit(x, 6, key, restarts=3, on_iteration=lambda state: ends.update(
    {state.current.restart: state.current.history[-1]}))
  assert list(ends) == [0, 1, 2] and ends[1] > max(ends[0], ends[2]) + 0.01
  assert found.restart == 1 and found.history[-1] >= ends[1]
  assert fit(x, 6, key).history[-1] < found.history[-1]


def test_a_fit_goes_on_from_any_iteration_to_the_same_bits():
  x = groups(500, 6, 3)
  states = []
  whole = fit(x, 6, restarts=3, on_iteration=states.append)
  assert {state.current.restart for state in states} == {0, 1, 2}
  for state in states[::7]:
    again = fit(x, 6, restarts=3, state=state)
    assert (again.history, again.restart) == (whole.history, whole.restart)
    for ours, theirs in zip(again.mixture[:3], whole.mixture[:3]):
      np.testing.assert_array_equal(ours, theirs)


FIT = """
import hashlib, sys
import jax, numpy as np
from cmx.mixture import em, passes
x = np.load(sys.argv[1])
for components, covariance in ((6, "diagonal"), (6, "tied"), (1, "full")):
  found = em.fit(passes.of_array(x, 300), components, jax.random.key(0),
                 em.Options(covariance, iterations=6))
  digest = hashlib.sha256(b"".join(np.asarray(a).tobytes() for a in jax.tree.leaves(found.mixture)))
  print(jax.device_count(), covariance, digest.hexdigest(), found.history)
"""


def test_one_two_and_eight_devices_give_the_same_bits(tmp_path):
  np.save(tmp_path / "x.npy", groups(3000, 6, 40))
  found = {}
  for devices in (1, 2, 8):
    environment = dict(os.environ, XLA_FLAGS=f"--xla_force_host_platform_device_count={devices}")
    lines = subprocess.run([sys.executable, "-c", FIT, str(tmp_path / "x.npy")], text=True,
                           cwd=pathlib.Path(__file__).parents[2], env=environment, check=True,
                           stdout=subprocess.PIPE).stdout.splitlines()
    assert len(lines) == 3 and all(line.startswith(f"{devices} ") for line in lines)
    found[devices] = [line.split(" ", 1)[1] for line in lines]
  assert found[1] == found[2] == found[8]


def test_chunks_do_not_change_a_bit():
  x = groups()
  first, second = (em.fit(passes_lib.of_array(x, size), 4, KEY) for size in (37, 600))
  assert first.history == second.history


def test_an_empty_component_takes_over_half_of_the_heaviest():
  x = groups(600, 2, 5, apart=6.0)
  far = np.full((1, 5), 1e4, np.float32)
  mixture = gmm.Mixture(np.full(4, 0.25, "f"), np.concatenate([x[:2], far, -far]),
                        np.ones((4, 5), "f"))
  state = em.State(em.Fit(mixture, [], [], False, 0, 600, np.zeros(0, int)), None)
  states = []
  found = fit(x, 4, state=state, on_iteration=states.append)
  assert found.reseeded[0] == 2 and not any(found.reseeded[2:])
  after = states[0].current.mixture
  assert np.abs(after.mean).max() < 100 and len(np.unique(after.mean, axis=0)) == 4
  assert after.weight.min() > 0.1 and found.mixture.weight.min() > 0.01
  assert found.history[-1] > fit(x, 2).history[-1]


def test_more_empty_components_than_others_are_all_put_somewhere_else():
  x = groups(200, 1, 3)
  mean = np.concatenate([x[:1], np.full((4, 3), 1e4, np.float32)])
  mixture = gmm.Mixture(np.full(5, 0.2, "f"), mean, np.ones((5, 3), "f"))
  state = em.State(em.Fit(mixture, [], [], False, 0, 200, np.zeros(0, int)), None)
  found = fit(x, 5, state=state)
  assert found.reseeded[0] == 4 and np.abs(found.mixture.mean).max() < 100


def test_dead_units_are_reported_and_have_the_floor():
  x = groups()
  x[:, [1, 3]] = 0, 0.5
  found = fit(x, 3, variance_floor=0.01)
  assert found.dead_units.tolist() == [1, 3]
  floor = 0.01 * x.var(0).mean()
  np.testing.assert_allclose(found.mixture.variance[:, [1, 3]], floor, rtol=1e-4)
  assert (found.mixture.variance >= floor * (1 - 1e-4)).all()
  np.testing.assert_allclose(found.mixture.mean[:, 3], 0.5, rtol=1e-5)
  assert np.isfinite(gmm.log_prob(x + 1, found.mixture)).all()


def test_an_example_far_out_does_not_hold_up_the_variances_of_the_others():
  x = groups()
  x[5] = 1e6
  found = fit(x, 3).mixture
  assert sorted(found.weight > 0.01) == [False, True, True]  # one component is that example's
  assert found.variance[found.weight > 0.01].max() < 20  # 1.7e6 by a share of the whole variance


def test_as_many_components_as_examples_stay_finite():
  x = groups(8, 2, 3)
  found = fit(x, 8)
  assert np.isfinite(found.history).all() and all(np.isfinite(a).all() for a in found.mixture[:3])


def test_activations_may_come_from_a_function_and_are_never_kept():
  x, alive = groups(2000), []

  def passes():
    for start in range(0, 2000, 250):
      alive.append(start)
      yield x[start:start + 250].copy()

  assert em.fit(passes, 3, KEY).history == em.fit(passes_lib.of_array(x), 3, KEY).history
  assert len(alive) % 8 == 0 and len(alive) > 8


def test_refusals_say_expected_and_given():
  x = groups(20)
  with pytest.raises(ValueError, match="covariance 'round'; expected one of diagonal, tied, full"):
    fit(x, 2, covariance="round")
  with pytest.raises(ValueError, match="covariance 'full' with 2 components; expected 1"):
    fit(x, 2, covariance="full")
  with pytest.raises(ValueError, match="0 components, 1 restarts; expected 1 or more of each"):
    fit(x, 0)
  with pytest.raises(ValueError, match="20 examples for 21 components; expected at least as many"):
    fit(x, 21)
  x[7, 3] = np.nan
  with pytest.raises(ValueError, match="activation of example seven is not finite"):
    fit(x, 2, name={7: "seven"}.get)


def test_a_source_that_changes_between_passes_is_refused():
  x, passes = groups(100), []

  def shorter():
    passes.append(0)
    return iter([x[:101 - len(passes)]])

  with pytest.raises(ValueError, match="a pass gave 99 examples; expected 100 as in the first"):
    em.fit(shorter, 2, KEY)
  states = []
  fit(x, 2, iterations=1, on_iteration=states.append)
  with pytest.raises(ValueError, match="a pass gave 90 examples; expected 100 as in the first"):
    fit(x[:90], 2, state=states[0])
  passes.clear()

  def broken():
    passes.append(0)
    return iter([x if len(passes) == 1 else np.full_like(x, np.nan)])

  with pytest.raises(ValueError, match="mean log likelihood nan after 0 iterations; expected a"):
    em.fit(broken, 2, KEY)
