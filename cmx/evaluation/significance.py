"""Whether one row of a table stands above another: tests, intervals, what could have been seen.

Two questions, and each number answers one of them. Are these trained networks different? Ask many
queries: the signed-rank test, and the randomisation test by class, as queries of a class share what
is relevant to them. Would new seeds and new classes say the same? Then both are samples: the
interval and the smallest difference take the spread over both.

`cells` are numbers by class and seed whose mean is the number of the table (a row's, or the
difference of two rows'); `present` says which of them exist, where seeds differ in their classes.
"""

import numpy as np
from scipy import stats

FEWEST = 6  # units of a two-sided test: 5 signs that agree have p = 2/2^5 > 0.05
DRAWS = 100_000  # sign flips where there are more than so many; 2^16 and fewer are all taken
RESAMPLES = 10_000  # of the bootstrap
CONFIDENCE = 0.95  # of its intervals


def paired(ours: np.ndarray, theirs: np.ndarray, asked: np.ndarray | None = None) -> np.ndarray:
  """Differences of two rows for each query, in the mean over the seeds that asked it.

  d_q = mean_s (ours_sq - theirs_sq): pairs are made within a seed, and a query is one observation
  however many seeds asked it, so that seeds do not multiply the number of queries.

  Args:
    ours: average precision [S, Q], a line for each seed.
    theirs: the same of the other row, seeds and queries in the same order [S, Q].
    asked: which queries each seed has, bool [S, Q]; None for all. A query that no seed has is left
      out.

  Returns:
    Differences [q], q <= Q.

  Raises:
    ValueError: if the shapes differ, or a number that was asked for is not finite.
  """
  ours, theirs = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
  if ours.ndim != 2 or ours.shape != theirs.shape:
    raise ValueError(f"rows have queries {list(ours.shape)} and {list(theirs.shape)}; expected the "
                     "same seeds and queries of both, [S, Q]")
  asked = _present(asked, ours.shape)
  difference = _finite(np.where(asked, ours - theirs, 0), "queries")
  count = asked.sum(axis=0)
  return difference.sum(axis=0)[count > 0] / count[count > 0]


def signed_rank(difference: np.ndarray) -> float:
  """Wilcoxon's signed-rank test that differences are symmetric about zero, two-sided.

  W = sum of the ranks of |d| where d > 0. Zeros are ranked and then left out, as Pratt has it. The
  p-value is exact up to 50 differences without ties, else by the normal approximation.

  Args:
    difference: of paired queries [Q], as of `paired`.

  Returns:
    p-value; 1 where all differences are zero.

  Raises:
    ValueError: if there are fewer than 6 differences, or one is not finite.

  Source: Wilcoxon 1945; for several retrieval systems, arXiv 2501.03930.
  """
  difference = _enough(difference, "queries")
  if not difference.any():
    return 1.0
  return float(stats.wilcoxon(difference, zero_method="pratt").pvalue)


def randomisation(difference: np.ndarray, draws: int = DRAWS, seed: int = 0) -> float:
  """Fisher's randomisation test: how often exchanging the two rows at random gives as much.

  Each unit keeps or loses its sign with probability 1/2, independently; p is the share of such
  flips whose |mean| is at least the one observed. All 2^C flips are taken where they are no more
  than `draws`; else so many at random, and p = (1 + as large) / (1 + draws).

  Args:
    difference: of the units that are exchanged [C], e.g. each class's share of the difference.
    draws: flips at most.
    seed: of the random flips.

  Returns:
    p-value, two-sided; 1 where all differences are zero.

  Raises:
    ValueError: if there are fewer than 6 units, or one is not finite.

  Source: Fisher 1935; for retrieval, Smucker, Allan and Carterette 2007.
  """
  difference = _enough(difference, "units")
  if not difference.any():
    return 1.0
  found = stats.permutation_test(
    (difference,), lambda x, axis: np.abs(x.mean(axis=axis)), permutation_type="samples",
    alternative="greater", vectorized=True, n_resamples=draws, batch=10_000,
    rng=np.random.default_rng(seed))
  return float(found.pvalue)


def benjamini_hochberg(p: np.ndarray) -> np.ndarray:
  """p-values [m] such that rejecting those <= q keeps the rate of false discoveries at q.

  adjusted_(i) = min_{j >= i} min(1, m p_(j) / j), p_(1) <= ... <= p_(m)

  Raises:
    ValueError: if a value is not from 0 to 1.

  Source: Benjamini and Hochberg 1995.
  """
  return stats.false_discovery_control(_probabilities(p)) if np.size(p) else np.zeros(0)


def holm(p: np.ndarray) -> np.ndarray:
  """p-values [m] such that rejecting those <= a keeps the chance of any false rejection at a.

  adjusted_(i) = max_{j <= i} min(1, (m - j + 1) p_(j)), p_(1) <= ... <= p_(m)

  Raises:
    ValueError: if a value is not from 0 to 1.

  Source: Holm 1979.
  """
  p = _probabilities(p)
  order = np.argsort(p)
  adjusted = np.maximum.accumulate(np.minimum(1, np.arange(p.size, 0, -1) * p[order]))
  return adjusted[np.argsort(order)]


def standard_error(cells: np.ndarray, present: np.ndarray | None = None) -> tuple[float, float]:
  """Standard error of the mean over classes and seeds, both random, and its degrees of freedom.

  x_cs = mean + class_c + seed_s + rest_cs, N cells, n_c of a class and k_s of a seed:

    SE^2 = a sum_c n_c^2 / N^2 + b sum_s k_s^2 / N^2 + e / N

  with the three variances a, b, e by the method of moments, from the squares within classes, within
  seeds and in all, none below zero; where no cell is missing, these are the mean squares of the
  analysis of variance. The degrees of freedom are Satterthwaite's.

  Args:
    cells: numbers by class and seed [C, S].
    present: which exist, bool [C, S]; None for all.

  Returns:
    Standard error and degrees of freedom.

  Raises:
    ValueError: if there are fewer than 2 seeds or classes, a seed has no class or one alone, or a
      number that exists is not finite.

  Source: Gao and Owen 2017 for the moments; Satterthwaite 1946; both factors random, Clark 1973.
  """
  cells, present = _cells(cells, present)
  of_class, of_seed, total = present.sum(axis=1), present.sum(axis=0), present.sum()
  rest = total - len(cells)  # degrees of freedom within classes
  squares = [np.sum(present * (cells - mean) ** 2) for mean in (
    cells.sum(axis=1, keepdims=True) / of_class[:, None],
    cells.sum(axis=0) / of_seed, cells.sum() / total)]
  shares = np.array([np.sum(of_class ** 2), np.sum(of_seed ** 2)]) / total
  expected = np.array([[0, rest, rest], [total - len(of_seed), 0, total - len(of_seed)],
                       [*(total - shares), total - 1]], np.float64)
  if not rest:  # every class has one seed: what is left is part of the class
    expected[0] = 0, 0, 1
  by_class, by_seed, other = np.maximum(np.linalg.solve(expected, squares), 0)
  parts = np.array([by_class * shares[0], by_seed * shares[1], 0]) / total + other / total
  free = np.array([len(cells) - 1, len(of_seed) - 1, max(rest - len(of_seed) + 1, 1)])
  variance = parts[0] + parts[1] - parts[2]
  fewest = float(free[:2].min())
  if variance == 0:
    return 0.0, fewest
  return (float(np.sqrt(variance)),
          max(float(variance ** 2 / np.sum(parts ** 2 / free)), fewest))


def interval(cells: np.ndarray, present: np.ndarray | None = None, *,
             resamples: int = RESAMPLES) -> tuple[float, float]:
  """95 % interval of the mean by bootstrap over classes and seeds.

  Classes and, independently, seeds are drawn with replacement; the quantiles of the means of what
  is drawn give the interval its form. Their distances from the mean are brought to scale: by the
  standard error over the deviation of those means, which counts some of the spread twice and that
  of few seeds too little, and by t / z, as few seeds do not show the tails.

  Args:
    cells: numbers by class and seed [C, S].
    present: which exist, bool [C, S]; None for all.
    resamples: drawn.

  Returns:
    Lower and upper end.

  Raises:
    ValueError: as `standard_error`.

  Source: two factors drawn together, Owen 2007; the scale for small samples, Hesterberg 2015.
  """
  error, freedom = standard_error(cells, present)
  cells, present = _cells(cells, present)
  rng = np.random.default_rng(0)
  classes, seeds = (rng.multinomial(size, np.full(size, 1 / size), resamples).astype(np.float64)
                    for size in cells.shape)
  total = np.sum((classes @ cells) * seeds, axis=1)
  drawn = np.sum((classes @ present.astype(np.float64)) * seeds, axis=1)
  means = total[drawn > 0] / drawn[drawn > 0]
  mean, tail, deviation = cells.sum() / present.sum(), (1 - CONFIDENCE) / 2, means.std()
  scale = stats.t.ppf(1 - tail, freedom) / stats.norm.ppf(1 - tail)
  scale *= error / deviation if deviation > 0 else 0
  low, high = mean + scale * (np.quantile(means, [tail, 1 - tail]) - mean)
  return float(low), float(high)


def smallest_difference(cells: np.ndarray, present: np.ndarray | None = None, *,
                        alpha: float = 0.05, power: float = 0.8) -> float:
  """The smallest true difference that a comparison with this spread would have found.

  (t_{1 - alpha/2} + t_{power}) SE, with SE and degrees of freedom of `standard_error`: at so large
  a difference a two-sided test at level alpha finds it with probability `power`.

  Args:
    cells: differences of two rows by class and seed [C, S].
    present: which exist, bool [C, S]; None for all.
    alpha: level of the test.
    power: probability of finding it.

  Raises:
    ValueError: as `standard_error`.

  Source: minimum detectable effect, e.g. Bloom 1995.
  """
  error, freedom = standard_error(cells, present)
  return float(error * (stats.t.ppf(1 - alpha / 2, freedom) + stats.t.ppf(power, freedom)))


def _cells(cells: np.ndarray, present: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
  """Cells [c, S] of classes that a seed has, zero where it has not, and which there are [c, S]."""
  cells = np.asarray(cells, np.float64)
  if cells.ndim != 2 or min(cells.shape) < 2:
    raise ValueError(f"cells of shape {list(cells.shape)}; expected [classes, seeds], 2 or more of "
                     "each: one has no spread")
  present = _present(present, cells.shape)
  fewest = int(np.argmin(present.sum(axis=0)))
  if present[:, fewest].sum() < 2:
    raise ValueError(f"seed {fewest} of {cells.shape[1]} has {present[:, fewest].sum()} classes; "
                     "expected 2 or more in each")
  known = present.any(axis=1)
  return _finite(np.where(present, cells, 0), "cells")[known], present[known]


def _present(mask: np.ndarray | None, shape: tuple[int, ...]) -> np.ndarray:
  mask = np.ones(shape, bool) if mask is None else np.asarray(mask)
  if mask.shape != shape or mask.dtype != bool:
    raise ValueError(f"mask of {mask.dtype} {list(mask.shape)}; expected bool {list(shape)}")
  return mask


def _finite(values: np.ndarray, what: str) -> np.ndarray:
  bad = np.argwhere(~np.isfinite(values))
  if len(bad):
    raise ValueError(f"{what}: {len(bad)} of {values.size} numbers are not finite, the first at "
                     f"{bad[0].tolist()}; expected numbers without NaN and infinity")
  return values


def _enough(difference: np.ndarray, what: str) -> np.ndarray:
  difference = np.asarray(difference, np.float64)
  if difference.ndim != 1 or difference.size < FEWEST:
    raise ValueError(f"{what} of shape {list(difference.shape)}; expected [{FEWEST}] or more: "
                     "fewer cannot reach p < 0.05")
  return _finite(difference, what)


def _probabilities(p: np.ndarray) -> np.ndarray:
  p = np.asarray(p, np.float64)
  if p.ndim != 1 or not np.all((p >= 0) & (p <= 1)):
    raise ValueError(f"p-values {p.tolist()}; expected numbers from 0 to 1")
  return p
