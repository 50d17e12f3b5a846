"""Rivals' terms: against obvious loops, under what they must not notice, and where parts lack."""

import itertools

import jax
import numpy as np
import pytest
from scipy import special

import made_activations as made
from cmx.alignment import adversary
from cmx.alignment import centres
from cmx.alignment import classification
from cmx.alignment import contrast
from cmx.alignment import discrepancy
from cmx.alignment import given as given_lib
from cmx.alignment import pool
from cmx.alignment import prototypes

CODES = prototypes.random_codes(made.C, made.D, 0)
GIVEN = given_lib.Given(
  prototypes=CODES, key=jax.random.key(3),
  discriminator=jax.device_get(adversary.init(jax.random.key(1), made.D, 6, list(made.LABELS))))


def slow_supervised_contrast(examples, t=0.1):
  losses = []
  for i, anchor in enumerate(examples):
    others = [e for e in examples if e.modality != anchor.modality]
    logits = [made.unit(anchor.x) @ made.unit(e.x) / t for e in others]
    positives = [logit for logit, e in zip(logits, others) if e.label == anchor.label]
    if positives:
      losses.append(special.logsumexp(logits) - np.mean(positives))
  return np.mean(losses)


def slow_sigmoid_contrast(examples, t=0.1, b=-5.0):
  total = 0.0
  for one, other in itertools.permutations(examples, 2):
    if one.modality != other.modality:
      logit = made.unit(one.x) @ made.unit(other.x) / t + b
      sign = 1 if one.label == other.label else -1
      total -= np.log(special.expit(sign * logit))
  return total / len(examples)


def slow_centre_spread(examples, s=2.0):
  centre = {}
  for label in {e.label for e in examples}:
    means = [np.mean([made.unit(e.x) for e in examples if (e.label, e.modality) == (label, name)],
                     axis=0) for name in sorted({e.modality for e in examples if e.label == label})]
    centre[label] = np.mean(means, axis=0)
  pull = np.mean([((made.unit(e.x) - centre[e.label]) ** 2).sum() for e in examples])
  spread = [np.exp(-s * ((a - b) ** 2).sum()) for a, b in made.pairs(centre.values())]
  return pull + np.log(np.mean(spread))


def slow_class_mmd(examples, widths=(0.25, 0.5, 1, 2, 4)):
  scale = np.mean([((a.x - b.x) ** 2).sum() for a, b in itertools.product(examples, examples)])

  def kernel(a, b):
    return np.mean([np.exp(-((a.x - b.x) ** 2).sum() / (w * scale)) for w in widths])

  def product(one, other):
    return np.mean([kernel(a, b) for a, b in itertools.product(one, other)])

  found = []
  for label in {e.label for e in examples}:
    cells = [[e for e in examples if (e.label, e.modality) == (label, name)]
             for name in made.LABELS]
    for one, other in made.pairs([cell for cell in cells if cell]):
      found.append(product(one, one) + product(other, other) - 2 * product(one, other))
  return np.mean(found)


def by_modality(examples):
  return [np.array([e.x for e in examples if e.modality == name]) for name in made.LABELS]


def slow_coral(examples):
  found = []
  for a, b in made.pairs(by_modality(examples)):
    found.append(((np.cov(a.T) - np.cov(b.T)) ** 2).sum() / (4 * made.D**2)
                 + ((a.mean(0) - b.mean(0)) ** 2).mean())
  return np.mean(found)


def slow_sliced_wasserstein(examples):
  draw = np.asarray(jax.random.normal(GIVEN.key, (64, made.D)))
  return np.mean([np.mean((np.sort(a @ made.unit(u)) - np.sort(b @ made.unit(u))) ** 2)
                  for u in draw for a, b in made.pairs(by_modality(examples))])


def slow_cosine_head(examples, t=0.1):
  found = [-special.log_softmax(CODES @ made.unit(e.x) / t)[e.label] for e in examples]
  return np.mean(found)


def slow_gradient_reversal(examples):
  found = []
  for e in examples:
    hidden = np.maximum(e.x @ GIVEN.discriminator["hidden"]["kernel"], 0)
    logits = hidden @ GIVEN.discriminator["out"]["kernel"]
    found.append(-special.log_softmax(logits)[sorted(made.LABELS).index(e.modality)])
  return np.mean(found)


SUPCON, SIGMOID = contrast.supervised_contrast, contrast.sigmoid_contrast
SPREAD, MMD, CORAL = centres.centre_spread, discrepancy.class_mmd, discrepancy.coral
SLICED, HEAD, DANN = (discrepancy.sliced_wasserstein, prototypes.cosine_head,
                      adversary.gradient_reversal)
TERMS = {  # term: its loop, its value on the made-up activations
  SUPCON: (slow_supervised_contrast, 7.716041), SIGMOID: (slow_sigmoid_contrast, 21.38653),
  SPREAD: (slow_centre_spread, -0.3196028), MMD: (slow_class_mmd, 0.6550848),
  CORAL: (slow_coral, 0.4091112), SLICED: (slow_sliced_wasserstein, 0.6272552),
  HEAD: (slow_cosine_head, 6.772833), DANN: (slow_gradient_reversal, 1.380136)}


def each(terms=tuple(TERMS)):
  return pytest.mark.parametrize("term", terms, ids=lambda term: term.__name__)


@each()
def test_equals_the_slow_loop_and_the_golden_value(term):
  slow, golden = TERMS[term]
  found = made.value(term, given=GIVEN)
  np.testing.assert_allclose(found, slow(made.examples()), rtol=2e-5)
  np.testing.assert_allclose(found, golden, rtol=2e-5)


@each()
@pytest.mark.parametrize("what, x, labels", made.awkward(), ids=[a for a, *_ in made.awkward()])
def test_what_is_missing_is_left_out(term, what, x, labels):
  given = GIVEN if len(x) == 3 else GIVEN._replace(
    discriminator=adversary.init(jax.random.key(1), made.D, 6, list(x)))
  found = made.value(term, x, labels, given)
  slopes = made.gradient(term, x, labels, given)
  assert np.isfinite(found) and all(np.isfinite(slope).all() for slope in slopes.values())
  nothing = {"a single modality": (SUPCON, SIGMOID, MMD, CORAL, SLICED),
             "one example in all": (SUPCON, SIGMOID, SPREAD, MMD, CORAL, SLICED),
             "no class in two modalities": (SUPCON, MMD)}
  if term in nothing.get(what, ()):
    assert found == 0 and not any(slope.any() for slope in slopes.values())
  if what == "features that are zero" and term in (SUPCON, SIGMOID, SPREAD, HEAD):
    assert all(not slope[1].any() and slope[0].any() for slope in slopes.values())


@each()
def test_the_order_of_examples_and_the_names_of_modalities_do_not_matter(term):
  order = [3, 0, 4, 1, 2]
  x, labels = ({f"a{name}": value[order] for name, value in part.items()}
               for part in (made.activations(), made.LABELS))
  np.testing.assert_allclose(made.value(term, x, labels, GIVEN), made.value(term, given=GIVEN),
                             rtol=1e-5)


@each([SUPCON, SIGMOID, SPREAD, HEAD])
def test_only_directions_count(term):
  longer = {name: h * np.array([[2], [3], [4], [5], [6]], "f")
            for name, h in made.activations().items()}
  np.testing.assert_allclose(made.value(term, longer, given=GIVEN), made.value(term, given=GIVEN),
                             rtol=1e-5)


@each([MMD, CORAL, SLICED])
def test_only_differences_count(term):
  moved = {name: h + np.array([1, -2, 3, 4], "f") for name, h in made.activations().items()}
  np.testing.assert_allclose(made.value(term, moved, given=GIVEN), made.value(term, given=GIVEN),
                             rtol=1e-4)


@each([MMD, CORAL, SLICED])
def test_modalities_that_are_distributed_alike_cost_nothing(term):
  alike = {name: made.activations()["sound"][order] for name, order in (
    ("sound", [0, 1, 2, 3, 4]), ("words", [4, 2, 3, 0, 1]))}
  labels = {"sound": np.arange(5), "words": np.array([4, 2, 3, 0, 1])}
  np.testing.assert_allclose(made.value(term, alike, labels, GIVEN), 0, atol=1e-6)


@each([SUPCON, SIGMOID, SPREAD, MMD, HEAD])
def test_it_falls_where_examples_move_to_the_right_class(term):
  own, wrong = ({name: np.eye(made.D, dtype=np.float32)[(labels + shift) % made.C]
                 for shift, (name, labels) in zip(shifts, made.LABELS.items())}
                for shifts in ((0, 0, 0), (0, 1, 0)))
  given = GIVEN._replace(prototypes=np.eye(made.C, made.D, dtype=np.float32))
  assert made.value(term, own, given=given) < made.value(term, wrong, given=given) - 0.1


@each([CORAL, SLICED, DANN])
def test_labels_do_not_matter_where_distributions_are_compared_whole(term):
  shifted = {name: (labels + 1) % made.C for name, labels in made.LABELS.items()}
  assert made.value(term, labels=shifted, given=GIVEN) == made.value(term, given=GIVEN)


@each([HEAD, DANN])
def test_one_modality_does_not_pull_another_where_nothing_is_compared(term):
  x = made.activations()
  whole = made.gradient(term, x, given=GIVEN)["sound"]
  other = made.gradient(term, {**x, "words": 2 * x["words"]}, given=GIVEN)["sound"]
  np.testing.assert_array_equal(whole, other)


def test_contrast_does_not_push_examples_of_one_modality_apart():
  x = made.activations()
  found = made.gradient(SUPCON, {"sound": x["sound"], "words": 0 * x["words"]})
  assert not found["sound"].any()  # nothing to be near to


def test_the_adversary_learns_what_the_network_unlearns():
  x, epsilon = made.activations(), 1e-2

  def of(discriminator, x):
    return made.value(DANN, x, given=GIVEN._replace(discriminator=discriminator))

  slope = jax.grad(of)(GIVEN.discriminator, x)
  better = jax.tree.map(lambda p, g: p - epsilon * g, GIVEN.discriminator, slope)
  assert of(better, x) < of(GIVEN.discriminator, x)
  pull = made.gradient(DANN, x, given=GIVEN)
  moved = {name: h - epsilon * pull[name] for name, h in x.items()}
  assert of(GIVEN.discriminator, moved) > of(GIVEN.discriminator, x)


def test_classes_without_a_code_are_no_choice():
  codes = np.array(CODES)
  codes[1] = 0
  x, labels = {"sound": made.activations()["sound"]}, {"sound": np.array([0, 2, 2, 0, 0])}
  found = made.value(HEAD, x, labels, GIVEN._replace(prototypes=codes))
  kept = made.value(HEAD, x, {"sound": labels["sound"] // 2}, GIVEN._replace(prototypes=codes[::2]))
  np.testing.assert_allclose(found, kept, rtol=1e-6)


@pytest.mark.parametrize("width", [8, 3])
def test_codes_of_names_keep_their_angles_where_there_is_room(width):
  vectors = np.random.default_rng(0).normal(size=(6, 5)) * np.arange(1, 7)[:, None]
  codes = prototypes.placed(vectors, width, seed=0)
  unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
  assert codes.shape == (6, width) and codes.dtype == np.float32
  np.testing.assert_allclose(np.linalg.norm(codes, axis=1), 1, rtol=1e-6)
  assert np.allclose(codes @ codes.T, unit @ unit.T, atol=1e-6) == (width == 8)
  np.testing.assert_allclose(codes[:4], prototypes.placed(vectors[:4], width, seed=0), rtol=1e-6)
  np.testing.assert_array_equal(prototypes.placed(0 * vectors, width, seed=0), 0)


@pytest.mark.parametrize("classes, orthogonal", [(3, True), (4, True), (7, False)])
def test_random_codes_are_orthogonal_where_there_is_room(classes, orthogonal):
  codes = prototypes.random_codes(classes, 4, seed=0)
  np.testing.assert_allclose(np.linalg.norm(codes, axis=1), 1, rtol=1e-6)
  assert np.allclose(codes @ codes.T, np.eye(classes), atol=1e-6) == orthogonal
  assert (prototypes.random_codes(classes, 4, seed=1) != codes).any()


def test_cross_entropy_in_numbers():
  logits = np.log(np.array([[0.5, 0.25, 0.25], [0.1, 0.1, 0.8]], np.float32))
  loss = classification.cross_entropy(logits, np.array([0, 1]))
  np.testing.assert_allclose(loss, (np.log(2) + np.log(10)) / 2, rtol=1e-6)


def test_cross_entropy_of_a_guess_is_the_logarithm_of_the_classes():
  np.testing.assert_allclose(classification.cross_entropy(np.zeros((3, 24)), np.arange(3)),
                             np.log(24), rtol=1e-6)


def test_a_pool_counts_cells_and_modalities():
  found = pool.joined(made.activations(), made.LABELS)
  # sound 0 1 2 1 0, touch 1 0 1 1 0, words 2 0 0 1 1
  np.testing.assert_array_equal(found.cell, [2, 2, 1, 2, 2, 3, 2, 3, 3, 2, 1, 2, 2, 2, 2])
  np.testing.assert_array_equal(found.shown, [3, 3, 2, 3, 3, 3, 3, 3, 3, 3, 2, 3, 3, 3, 3])
