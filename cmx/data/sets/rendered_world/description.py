"""Descriptions: two to five sentences about a scene, in varied words, never the category's name."""

import collections
from collections.abc import Sequence

import numpy as np

from cmx.data.sets.rendered_world import scenes
from cmx.data.sets.rendered_world import vocabulary

_ATTEMPTS = 20  # sentences tried until one does not give the category away
_BORDER = .3  # chance of a remark that has nothing to do with the scene

_OPENINGS = ("There is {things}.", "One can see {things}.", "I notice {things}.",
             "This shows {things}.", "Somebody captured {things} here.",
             "What catches the eye first is {things}.",
             "{Things} can be made out.", "The view holds {things}.", "My eye falls on {things}.",
             "Right away you spot {things}.")
_MORE = ("Nearby there is {things}.", "Also visible: {things}.", "Further on, {things}.",
         "Part of the view: {things}.", "I also made out {things}.", "Do not overlook {things}.")
_RELATIONS = ("{A} is {side} {b}.", "{Side} {b} you find {a}.", "Someone placed {a} {side} {b}.",
              "{A} stands {side} {b}, as it seems.")
_SIDES = {"left": ("to the left of", "left of", "on the left side of"),
          "right": ("to the right of", "right of", "on the right side of"),
          "above": ("above", "higher up than", "over"),
          "front": ("in front of", "nearer than", "before")}
_GROUNDS = {
  "warm room": ("The walls are painted in a warm tone.", "Wooden boards cover the floor.",
                "It feels cosy indoors.", "A parquet floor runs to the back wall."),
  "cool room": ("The walls are plain and pale.", "It is indoors, under a plain ceiling.",
                "The floor is smooth and grey.", "Everything stands between bare walls."),
  "tiled room": ("Tiles cover the wall.", "The floor is tiled and easy to wipe.",
                 "Shiny ceramic squares are everywhere.", "It is indoors and looks clean."),
  "sea": ("The water is dark and rippled.", "Waves roll in from the horizon.", "It smells of salt.",
          "Water reaches to the horizon."),
  "sand": ("The ground is sandy.", "Sand lies everywhere.", "Fine yellow grains cover the ground."),
  "grass": ("The ground is green.", "Grass grows all over.", "A lawn spreads to the horizon."),
  "woods": ("Little light comes through the leaves.", "Moss covers the ground.",
            "It is green and shady."),
  "street": ("The ground is paved.", "Asphalt covers the ground.",
             "Everything stands on grey concrete."),
  "rock": ("The ground is dry and stony.", "Red dust covers the ground.",
           "Layers of stone show everywhere."),
  "snow": ("Everything is white and cold.", "Fresh snow covers the ground.",
           "Frost glitters on the ground."),
}
_BRIGHT = ("The light is bright.", "Strong light falls in from the {from_side}.",
           "Everything casts hard shadows.", "It is a bright moment of the day.")
_DIM = ("The light is dim.", "Soft light comes from the {from_side}.", "It looks rather dull.",
        "Hardly any shadows can be seen.")
_REMARKS = ("I took this on a Tuesday.", "It reminds me of my childhood.", "Nothing else happens.",
            "The picture is slightly tilted.", "My sister likes it a lot.",
            "I would love to go there again.", "It was quiet that day.", "Not much to add here.",
            "The colours are a little faded.",
            "It must have been before lunch.", "Who knows what happened next.",
            "A phone rang somewhere.", "I forgot my coat that morning.",
            "We stayed for about an hour.", "It cost us a whole afternoon.")
_NUMBERS = {2: ("two", "a pair of", "a couple of"), 3: ("three", "several", "a few"),
            4: ("four", "several", "many"), 5: ("five", "many", "lots of")}


def render(scene: scenes.Scene, rng: np.random.Generator) -> scenes.Rendering:
  """Describes a scene in two to five sentences.

  Args:
    scene: what there is to tell about.
    rng: of the choice of objects, words and sentences.
  """
  items = scenes.noticed(scene, rng, 2, 5)
  things = _things(items, scene.category, rng)
  cut = max(1, len(things) - int(rng.integers(0, 3)))
  told = [_sentence(_OPENINGS, scene.category, rng, things=_listed(things[:cut]))]
  if things[cut:]:
    told.append(_sentence(_MORE, scene.category, rng, things=_listed(things[cut:])))
  extras = []
  if len(items) > 1 and rng.random() < .6:
    extras.append(_relation(items, scene.category, rng))
  if rng.random() < .35:
    extras.append(_sentence(_GROUNDS[scene.backdrop], scene.category, rng))
  if rng.random() < .35:
    side = "right" if scene.light[0] > 0 else "left"
    light = _BRIGHT if scene.light[2] > .65 else _DIM
    extras.append(_sentence(light, scene.category, rng, from_side=side))
  if not extras or rng.random() < _BORDER:
    extras.append(_sentence(_REMARKS, scene.category, rng))
  told += [extras[i] for i in rng.permutation(len(extras))]
  objects = [thing for item in items for thing in scenes.seen(item.name, item.box)]
  return scenes.Rendering(" ".join(told[:5]), tuple(objects))


def _pick(options: Sequence[str], rng: np.random.Generator) -> str:
  return options[int(rng.integers(len(options)))]


def _sentence(templates: Sequence[str], category: str, rng: np.random.Generator,
              **slots: str) -> str:
  """A filled template that does not give the category away."""
  slots |= {key.capitalize(): value[:1].upper() + value[1:] for key, value in slots.items()}
  for _ in range(_ATTEMPTS):
    text = _pick(templates, rng).format(**slots)
    if not scenes.gives_away(text, category):
      return text
  raise ValueError(f"every sentence like {text!r} contains a word of the category {category!r}; "
                   "expected one without: add a template")


def _word(name: str, category: str, rng: np.random.Generator) -> str:
  words = vocabulary.SHAPES[name].words
  return _pick([w for w in words if not scenes.gives_away(w, category)] or ["thing"], rng)


def _article(noun: str) -> str:
  if plural(noun) == noun:
    return "some " + noun
  return ("an " if noun[0] in "aeiou" else "a ") + noun


def plural(noun: str) -> str:
  """Plural of a name; of its first noun where it says more ("rack of volumes")."""
  for mark in (" of ", " and ", " on ", "-by"):
    if mark in noun:
      head, rest = noun.split(mark, 1)
      return plural(head) + mark + rest
  if noun.endswith("us"):
    return noun[:-2] + "i"
  if noun.endswith(("lf", "sheep")):
    return noun if noun.endswith("p") else noun[:-1] + "ves"
  if noun.endswith(("ss", "sh", "ch", "x")):
    return noun + "es"
  if noun.endswith("s"):
    return noun
  return noun[:-1] + "ies" if noun.endswith("y") and noun[-2] not in "aeiou" else noun + "s"


def _things(items: Sequence[scenes.Item], category: str, rng: np.random.Generator) -> list[str]:
  """Noun phrases, one for each name among the items, in random order."""
  counts = collections.Counter(item.name for item in items)
  phrases = []
  for name, count in counts.items():
    noun = _word(name, category, rng)
    phrases.append(_article(noun) if count == 1 else
                   f"{_pick(_NUMBERS[min(count, 5)], rng)} {plural(noun)}")
  return [phrases[i] for i in rng.permutation(len(phrases))]


def _listed(phrases: Sequence[str]) -> str:
  return phrases[0] if len(phrases) == 1 else ", ".join(phrases[:-1]) + " and " + phrases[-1]


def _relation(items: Sequence[scenes.Item], category: str, rng: np.random.Generator) -> str:
  """How two of the objects stand to each other, true to the scene."""
  first, second = (items[i] for i in rng.permutation(len(items))[:2])
  (ax, ay), (bx, by) = (((i.box[0] + i.box[2]) / 2, i.box[3]) for i in (first, second))
  if abs(ax - bx) > abs(ay - by):
    side = "left" if ax < bx else "right"
  else:
    side = "above" if ay < by else "front"
  a, b = ("the " + _word(item.name, category, rng) for item in (first, second))
  return _sentence(_RELATIONS, category, rng, a=a, b=b, side=_pick(_SIDES[side], rng))
