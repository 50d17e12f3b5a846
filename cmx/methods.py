"""Methods: the rows of the table, as data.

A row says what is shared, which layers are frozen in which phase, and which term is added to the
cross entropy. Nothing else in the package knows a row by name.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax

from cmx import config as config_lib
from cmx import losses

FREE: tuple[str, ...] = ()  # a phase in which every layer is trained
TUNE: tuple[str, ...] = ("fc6", "fc7", "fc8")  # modality tuning: the trunk is frozen

CONFIGURED = 0  # components: as many as the config says


class Method(NamedTuple):
  """One row.

  Attributes:
    name: as printed in the table.
    tower: who shares a tower: "own" (nobody), "kind" (modalities of one kind of input) or "all".
    trunk: the same for fc6, fc7 and fc8.
    private: layers of the trunk that every modality keeps for itself, whatever `trunk` says.
    phases: frozen layers of each phase in turn.
    term: alignment term added to the loss, or None. Every term has the signature
      term({modality: {layer: [B, D]}}, {modality: [B]}, mixtures, *, alignment, reference) -> [].
    components: K of the mixtures that the term needs, `CONFIGURED`, or None where it needs none.
    reference: whether this is the reference network: the reference modality alone, from nothing.
      Every other row starts from it.
  """

  name: str
  tower: str = "own"
  trunk: str = "all"
  private: tuple[str, ...] = ()
  phases: tuple[tuple[str, ...], ...] = (FREE,)
  term: Callable[..., jax.Array] | None = None
  components: int | None = None
  reference: bool = False


METHODS = {
  "reference": Method("Reference network", reference=True),
  "bl_ind": Method("BL-Ind", trunk="own"),
  "bl_shfinal": Method("BL-ShFinal"),
  "bl_shall": Method("BL-ShAll", tower="kind", trunk="kind"),
  "a_tune": Method("A: Tune", phases=(TUNE,)),
  "a_free": Method("A: Tune (Free)", phases=(TUNE, FREE)),
  "b_gaussian": Method("B: StatReg (Gaussian)", trunk="own",
                       term=losses.statistical_regularisation, components=1),
  "b_gmm": Method("B: StatReg (GMM)", trunk="own",
                  term=losses.statistical_regularisation, components=CONFIGURED),
  "c": Method("C: Tune + StatReg (GMM)", phases=(TUNE, FREE),
              term=losses.statistical_regularisation, components=CONFIGURED),
  # The other reading of B, with the trunk shared: the paper does not say which one it trained.
  "b_gaussian_shared": Method("B: StatReg (Gaussian), shared",
                              term=losses.statistical_regularisation, components=1),
  "b_gmm_shared": Method("B: StatReg (GMM), shared",
                         term=losses.statistical_regularisation, components=CONFIGURED),
  # How much of the trunk is shared: from fc7 on, and the classifier alone.
  "bl_shfc7": Method("BL-ShFinal, from fc7", private=("fc6",)),
  "bl_shfc8": Method("BL-ShFinal, fc8 alone", private=("fc6", "fc7")),
}

PAPER = ("bl_ind", "bl_shfinal", "bl_shall", "a_tune", "a_free", "b_gaussian", "b_gmm", "c")


def named(key: str) -> Method:
  """The row of that key.

  Raises:
    ValueError: if there is none; the message lists the keys.
  """
  if key not in METHODS:
    raise ValueError(f"method {key!r}; expected one of {', '.join(METHODS)}")
  return METHODS[key]


def components_of(config: config_lib.Config) -> int | None:
  """K of the mixtures that the config's method needs, or None."""
  components = named(config.method).components
  return config.mixture.components if components == CONFIGURED else components
