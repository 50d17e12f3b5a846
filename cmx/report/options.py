"""What may be asked of a report; to know it takes no JAX, so that flags are checked at once."""

from typing import NamedTuple

SEEDS = 2**32 - 1  # the largest seed that t-SNE takes


class Options(NamedTuple):
  """What may be asked of a report.

  Attributes:
    layer: whose features are drawn and searched.
    readout: how boards compare features: an entry of `readouts.READOUTS`.
    points: of a map, all modalities together.
    perplexity: of a map.
    queries: of boards, for each modality.
    ask: keys or categories of queries; () draws them at random.
    answers: of a query in each other modality.
    seed: of everything that is drawn by lot.
  """

  layer: str = "fc7"
  readout: str = "cosine"
  points: int = 1_000
  perplexity: float = 30.0
  queries: int = 2
  ask: tuple[str, ...] = ()
  answers: int = 5
  seed: int = 0
