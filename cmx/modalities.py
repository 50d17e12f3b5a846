"""Modalities: the rows that say what kind of input each modality is.

A data set states which modalities it has. The five of CMPlaces stand here by name; folders of a
user's own add rows of any other name through `named`.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple


class Modality(NamedTuple):
  """One kind of input.

  Attributes:
    name: folder and parameter name, e.g. "natural".
    code: short upper-case name for tables, e.g. "NAT".
    kind: "pixels", "text" or "vector": what an example is; those of one kind can share a tower.
    mirror: whether a left-right mirror image is still a valid example. Never for written words.
    shape: shape of one example as the tower sees it, (H, W, 3) for pixels, (E,) for vectors and for
      encoded text; () where it is not known yet (text before its encoder).
  """

  name: str
  code: str
  kind: str
  mirror: bool = False
  shape: tuple[int, ...] = ()

  @property
  def tower(self) -> str:
    """Name of the kind of tower; modalities that answer alike can share one."""
    return f"vector{self.shape[0]}" if self.kind == "vector" else self.kind


KINDS = ("pixels", "text", "vector")

NATURAL = Modality("natural", "NAT", "pixels", mirror=True)
CLIPART = Modality("clipart", "CLP", "pixels", mirror=True)
SPATIAL_TEXT = Modality("spatial_text", "SPT", "pixels", mirror=False)
DRAWING = Modality("drawing", "LDR", "pixels", mirror=True)
DESCRIPTION = Modality("description", "DSC", "text")

CMPLACES = (NATURAL, CLIPART, SPATIAL_TEXT, DRAWING, DESCRIPTION)

# Words of which names of natural images are made, as people name their folders.
_NATURAL_WORDS = frozenset(
  "natural real photo photos photograph photographs photography foto fotos image images img imgs "
  "picture pictures pic pics".split())


def of_kind(name: str, kind: str) -> Modality:
  """Row for a modality by name: one of the five if it is known and of that kind, else a new one.

  Args:
    name: modality name, or one of the five codes (upper case).
    kind: one of `KINDS`.

  Raises:
    ValueError: if the kind is not known.
  """
  if kind not in KINDS:
    raise ValueError(f"kind {kind!r} of modality {name!r}; expected one of {', '.join(KINDS)}")
  for row in CMPLACES:
    if name in (row.name, row.code):
      return row if kind == row.kind else row._replace(kind=kind, mirror=False)
  return Modality(name, name[:3].upper(), kind, mirror=kind == "pixels")


def shows_nature(name: str, kind: str) -> bool:
  """Whether a modality's name says natural images: natural, photos, real_images; never of texts."""
  words = re.findall(r"[^\W\d_]+", name.lower())
  return kind != "text" and bool(words) and all(word in _NATURAL_WORDS for word in words)


def of_name(modalities: Iterable[Modality], name: str) -> Modality:
  """The modality of that name or code. Raises ValueError if there is none."""
  return select(modalities, [name])[0]


def select(modalities: Iterable[Modality], names: Iterable[str]) -> tuple[Modality, ...]:
  """The modalities of those names or codes, in the order of `modalities`; all where none is named.

  Raises:
    ValueError: if a name is not among the modalities.
  """
  modalities, names = tuple(modalities), tuple(names)
  known = {row.name for row in modalities} | {row.code for row in modalities}
  for name in names:
    if name not in known:
      raise ValueError(f"modality {name!r}; this data set has "
                       f"{', '.join(m.name for m in modalities)}")
  return tuple(m for m in modalities if not names or m.name in names or m.code in names)
