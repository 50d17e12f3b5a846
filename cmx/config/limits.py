"""What the value of a field must be, as its type says: between two numbers, or one of a few words.

It is checked with the flags, before anything that takes seconds is imported, and once more before
anything is trained: what works by a field takes its word for granted. What the words name is where
it is made; a test compares the two.
"""

from collections.abc import Callable
from typing import Annotated, Any, NamedTuple


class Limit(NamedTuple):
  """What a value must be: a test and the words for it; `fields.check_limits` checks it."""

  holds: Callable[[Any], bool]
  words: str


def whole(least: int, most: int = (1 << 31) - 1) -> Limit:
  """Of numbers from `least` to `most`, which says what no memory or counter can hold."""
  return Limit(lambda x: least <= x <= most, f"{least} or more, {most:,} at most")


def one_of(*names: str, begins: tuple[str, ...] = (), others: str = "") -> Limit:
  """Of words: `names`, or what begins in some way, which `others` says in words."""
  return Limit(lambda x: x in names or x.startswith(begins),
               f"one of {', '.join(name or repr(name) for name in names)}{others}")


# Of numbers whose type says no more.
OF_TYPE = {int: whole(0), float: Limit(lambda x: 0 <= x < 3e38, "0 or more, and finite")}

LAYERS = ("pool5", "fc6", "fc7", "fc8")  # of a network, in turn; with those before ReLUs:
ACTIVATIONS = ("pool5", "fc6_linear", "fc6", "fc7_linear", "fc7", "fc8")
_OWN = {"begins": ("hf:", "python:"), "others": ", hf:NAME, python:module.function"}

Layer = Annotated[str, one_of(*ACTIVATIONS)]
Tower = Annotated[str, one_of("small", "alexnet", "alexnet_torch", "resnet18", "resnet_small")]
Precision = Annotated[str, one_of("float32", "bfloat16")]
OfPixels = Annotated[str, one_of("", "efficientnet_lite0", **_OWN)]
OfTexts = Annotated[str, one_of("hashing", "minilm", "words", "vectors", **_OWN)]
SpatialText = Annotated[str, one_of("pixels", "words")]
Classifier = Annotated[str, one_of("same", "named", "fresh")]
Covariance = Annotated[str, one_of("diagonal", "tied", "full")]
Readout = Annotated[str, one_of("cosine", "centred", "whitened", "posterior", "ridge", "procrustes",
                                "csls", "query_bank")]
Parameterisation = Annotated[str, one_of("fourier", "pixels")]
