"""The weakest modality of a row: which it is, and what it seems to lack.

One of three: recognition (its own classes are told apart less well than the others'), which few
examples may explain; or alignment (they are told apart, and its pairs reach less than the others').
"""

import statistics
from collections.abc import Mapping
from typing import Any, NamedTuple

from cmx.evaluation import reach

_LESS = 0.1  # accuracy below the others' mean from which recognition is to blame
_SHORT, _FAR_SHORT = 0.75, 0.5  # share of the others' reach below which alignment is
_FEW, _SCARCE = 0.5, 20  # share of the others' median examples, and examples a class, that are few


class _Facts(NamedTuple):
  """What is known of one modality and of the others, None where it is not."""

  code: str  # of the modality
  them: str  # what the others are called: "the other" where there is one
  mean: float | None  # mAP over its pairs
  reach: float | None  # of its pairs
  others: float | None  # of the pairs without it
  accuracy: float | None  # of its recognition
  elsewhere: float | None  # mean accuracy of the others
  examples: int | None  # it was trained on
  typical: float | None  # the others' median
  per_class: float | None  # its training examples a class


def sentence(content: Mapping[str, Any], row: Mapping[str, Any]) -> str:
  """Which modality is weakest in a row of the main table of `results.aggregate`, and why."""
  codes = content["modalities"]
  if len(codes) < 2:
    return "Which modality is weakest cannot be said of one."
  every = [_facts(content, row, code) for code in codes]
  alone = [facts.code for facts in every if facts.mean is None]
  if alone:
    shares, it = ("shares", "it") if len(alone) == 1 else ("share", "them")
    return (f"{' and '.join(_title(content, code) for code in alone)} {shares} no class with "
            f"another modality on this split, so nothing can be said of {it}.")
  found = min(every, key=lambda facts: (round(facts.mean, 9), facts.accuracy or 0.0))
  where = "" if len(codes) == 2 else f", {100 * found.mean:.1f} % over its pairs"
  return f"Weakest is {_title(content, found.code)}{where}: {_why(found)}."


def _facts(content: Mapping[str, Any], row: Mapping[str, Any], code: str) -> _Facts:
  others = [other for other in content["modalities"] if other != code]
  pairs = content["groups"]["mean"]
  ours = [pair for pair in pairs if code in pair.split(">")]
  theirs = [pair for pair in pairs if pair not in ours]
  chance = content["tables"][0]["chance"]
  accuracy = next((found["accuracy"] for found in content["recognition"]
                   if found["method"] == row["method"]), None)
  training, classes = content["training"], len(content["classes"])
  counted = all(name in training for name in content["modalities"])
  return _Facts(
    code, "the others" if len(others) > 1 else "the other", reach.across(row["map"], ours),
    reach.of(row["map"], chance, ours), reach.of(row["map"], chance, theirs),
    accuracy[code]["mean"] if accuracy else None,
    statistics.fmean(accuracy[other]["mean"] for other in others) if accuracy else None,
    training[code] if counted else None,
    statistics.median(training[other] for other in others) if counted else None,
    training[code] / classes if counted and classes else None)


def _why(found: _Facts) -> str:
  less = found.accuracy is not None and found.accuracy < found.elsewhere - _LESS
  if _short(found, _FAR_SHORT):
    return _alignment(found)
  if less and _few(found):
    return f"{_recognition(found)}, and it has {_examples(found)}, so more of them come first"
  if less:
    return f"{_recognition(found)}, so its encoder and data come before its alignment"
  if _short(found, _SHORT):
    return _alignment(found)
  if _few(found):
    return f"it has {_examples(found)}"
  return f"{found.them} {'is' if found.them == 'the other' else 'are'} not far ahead"


def _short(found: _Facts, share: float) -> bool:
  """Whether its pairs reach less than this share of the others', or of all there is to reach."""
  if found.reach is None:
    return False
  return found.reach < share * (1.0 if found.others is None else max(found.others, 0.0))


def _few(found: _Facts) -> bool:
  return found.examples is not None and (
    found.examples <= _FEW * found.typical or (found.per_class or _SCARCE) < _SCARCE)


def _recognition(found: _Facts) -> str:
  return (f"it is recognised in {_percent(found.accuracy)} of cases, {found.them} in "
          f"{_percent(found.elsewhere)}")


def _alignment(found: _Facts) -> str:
  words = ("it lacks alignment, as its pairs come "
           f"{_percent(max(found.reach, 0.0))} of the way from chance to what is reached within "
           "modalities")
  words += f" ({found.them} {_percent(found.others)})" if found.others is not None else ""
  if found.accuracy is not None:
    words += f", although it is recognised in {_percent(found.accuracy)} of cases"
  return words


def _examples(found: _Facts) -> str:
  a_class = f", {found.per_class:.0f} a class" if found.per_class is not None else ""
  return (f"few training examples ({found.examples:,}{a_class}; {found.them} {found.typical:,.0f})")


def _title(content: Mapping[str, Any], code: str) -> str:
  name = content["names"].get(code, code).replace("_", " ")
  return name if name.upper() == code.upper() else f"{name} ({code})"


def _percent(share: float) -> str:
  return f"{100 * share:.0f} %"
