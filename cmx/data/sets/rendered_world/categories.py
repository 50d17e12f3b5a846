"""Categories: the objects of each, how likely and how many, where they stand, and the backdrop.

Most objects belong to several categories, so that no single one gives a category away.
"""

# kind: (colour above the horizon, below it, RGB in [0, 1]; horizon from, to, share of the height).
_RGB = tuple[float, float, float]
BACKDROPS: dict[str, tuple[_RGB, _RGB, float, float]] = {
  "warm room": ((.86, .8, .68), (.55, .4, .26), .6, .75),
  "cool room": ((.74, .8, .84), (.6, .6, .6), .6, .75),
  "tiled room": ((.8, .87, .88), (.7, .72, .75), .58, .72),
  "sea": ((.62, .76, .9), (.2, .4, .55), .4, .58),
  "sand": ((.6, .75, .92), (.86, .76, .54), .4, .6),
  "grass": ((.58, .74, .92), (.38, .55, .25), .38, .58),
  "woods": ((.5, .62, .5), (.28, .36, .2), .35, .55),
  "street": ((.68, .74, .82), (.42, .42, .44), .5, .66),
  "rock": ((.66, .74, .88), (.62, .42, .3), .45, .65),
  "snow": ((.6, .74, .92), (.92, .94, .97), .4, .62),
}
INDOOR = ("warm room", "cool room", "tiled room")

# category: (backdrop, {object: (chance, most, place)}); place: "sky", "far" (on the horizon),
# "near" (on the ground before it), "wall" (hangs above the horizon).
CATEGORIES: dict[str, tuple[str, dict[str, tuple[float, int, str]]]] = {
  "bedroom": ("warm room", {
    "bed": (.9, 1, "near"), "window": (.6, 1, "wall"), "picture": (.5, 2, "wall"),
    "desk": (.3, 1, "far"), "clock": (.25, 1, "wall"), "door": (.3, 1, "far"),
    "mirror": (.35, 1, "wall"), "book": (.3, 1, "near"), "chair": (.25, 1, "near")}),
  "bathroom": ("tiled room", {
    "tub": (.7, 1, "near"), "toilet": (.65, 1, "near"), "sink": (.7, 1, "far"),
    "mirror": (.7, 1, "wall"), "window": (.35, 1, "wall"), "door": (.25, 1, "far"),
    "plant": (.2, 1, "near")}),
  "kitchen": ("tiled room", {
    "stove": (.8, 1, "far"), "fridge": (.7, 1, "far"), "sink": (.55, 1, "far"),
    "pan": (.7, 2, "near"), "table": (.45, 1, "near"), "window": (.35, 1, "wall"),
    "clock": (.35, 1, "wall"), "chair": (.3, 1, "near")}),
  "living_room": ("warm room", {
    "sofa": (.9, 1, "near"), "picture": (.6, 2, "wall"), "window": (.5, 1, "wall"),
    "plant": (.5, 1, "near"), "table": (.4, 1, "near"), "shelf": (.4, 1, "far"),
    "clock": (.25, 1, "wall"), "book": (.25, 1, "near")}),
  "classroom": ("cool room", {
    "board": (.9, 1, "wall"), "desk": (.85, 3, "near"), "chair": (.6, 2, "near"),
    "clock": (.45, 1, "wall"), "book": (.45, 2, "near"), "person": (.4, 2, "near"),
    "window": (.35, 1, "wall")}),
  "office": ("cool room", {
    "desk": (.85, 2, "near"), "computer": (.85, 2, "near"), "chair": (.6, 2, "near"),
    "shelf": (.4, 1, "far"), "plant": (.4, 1, "far"), "window": (.45, 1, "wall"),
    "clock": (.4, 1, "wall"), "door": (.3, 1, "far"), "person": (.3, 1, "near")}),
  "library": ("warm room", {
    "shelf": (.95, 3, "far"), "book": (.7, 3, "near"), "table": (.55, 1, "near"),
    "chair": (.5, 2, "near"), "person": (.35, 1, "near"), "computer": (.25, 1, "near"),
    "window": (.25, 1, "wall")}),
  "restaurant": ("warm room", {
    "table": (.9, 3, "near"), "chair": (.8, 3, "near"), "glass": (.75, 3, "near"),
    "picture": (.4, 2, "wall"), "person": (.55, 2, "near"), "plant": (.35, 1, "far"),
    "barrel": (.2, 1, "far"), "window": (.3, 1, "wall")}),
  "harbour": ("sea", {
    "ship": (.75, 2, "near"), "crane": (.7, 2, "far"), "boat": (.55, 2, "near"),
    "crate": (.55, 3, "near"), "bird": (.4, 3, "sky"), "barrel": (.3, 2, "near"),
    "beacon": (.2, 1, "far"), "cloud": (.4, 2, "sky")}),
  "beach": ("sand", {
    "umbrella": (.75, 2, "near"), "palm": (.55, 2, "far"), "person": (.6, 3, "near"),
    "boat": (.35, 1, "far"), "ball": (.4, 1, "near"), "bird": (.35, 2, "sky"),
    "sun": (.5, 1, "sky"), "rock": (.25, 1, "near")}),
  "lighthouse": ("sea", {
    "beacon": (.9, 1, "far"), "rock": (.75, 3, "near"), "boat": (.4, 1, "near"),
    "bird": (.5, 3, "sky"), "house": (.35, 1, "far"), "cloud": (.5, 2, "sky"),
    "sun": (.25, 1, "sky"), "ship": (.25, 1, "far")}),
  "canyon": ("rock", {
    "mesa": (.95, 3, "far"), "rock": (.75, 3, "near"), "cactus": (.3, 1, "near"),
    "bush": (.35, 2, "near"), "sun": (.4, 1, "sky"), "bird": (.3, 2, "sky")}),
  "desert": ("sand", {
    "cactus": (.85, 3, "near"), "rock": (.5, 2, "near"), "sun": (.6, 1, "sky"),
    "mesa": (.35, 1, "far"), "bush": (.35, 2, "near"), "tent": (.2, 1, "near"),
    "palm": (.15, 1, "far")}),
  "forest": ("woods", {
    "tree": (.85, 4, "far"), "pine": (.8, 4, "near"), "bush": (.6, 3, "near"),
    "bird": (.35, 1, "sky"), "rock": (.35, 1, "near"), "flower": (.3, 2, "near")}),
  "mountain": ("grass", {
    "peak": (.95, 3, "far"), "pine": (.6, 3, "near"), "cloud": (.5, 2, "sky"),
    "rock": (.5, 2, "near"), "sheep": (.25, 2, "near"), "house": (.2, 1, "near"),
    "bird": (.25, 1, "sky")}),
  "farm": ("grass", {
    "barn": (.8, 1, "far"), "cow": (.6, 3, "near"), "tractor": (.55, 1, "near"),
    "hay": (.5, 2, "near"), "fence": (.55, 1, "near"), "sheep": (.4, 2, "near"),
    "tree": (.35, 1, "far"), "sun": (.25, 1, "sky")}),
  "airfield": ("street", {
    "plane": (.95, 3, "near"), "control": (.65, 1, "far"), "truck": (.4, 1, "near"),
    "flag": (.35, 1, "far"), "cloud": (.5, 2, "sky"), "person": (.3, 1, "near"),
    "lamp": (.2, 1, "near")}),
  "street": ("street", {
    "car": (.9, 3, "near"), "block": (.7, 2, "far"), "lamp": (.6, 2, "near"),
    "sign": (.5, 1, "near"), "person": (.55, 2, "near"), "house": (.5, 2, "far"),
    "truck": (.35, 1, "near"), "tree": (.35, 1, "far"), "bench": (.2, 1, "near")}),
  "playground": ("grass", {
    "swing": (.8, 1, "near"), "slide": (.8, 1, "near"), "person": (.6, 3, "near"),
    "ball": (.45, 2, "near"), "bench": (.4, 1, "near"), "tree": (.45, 2, "far"),
    "fence": (.35, 1, "far"), "block": (.2, 1, "far")}),
  "railway": ("street", {
    "rails": (.75, 1, "near"), "train": (.8, 1, "near"), "sign": (.5, 2, "near"),
    "lamp": (.45, 2, "near"), "bench": (.4, 1, "near"), "person": (.45, 2, "near"),
    "clock": (.3, 1, "wall"), "house": (.3, 1, "far"), "crate": (.2, 1, "near")}),
  "garden": ("grass", {
    "flower": (.9, 5, "near"), "bush": (.7, 3, "far"), "bench": (.5, 1, "near"),
    "fence": (.5, 1, "far"), "tree": (.55, 2, "far"), "house": (.35, 1, "far"),
    "bird": (.3, 1, "sky"), "table": (.2, 1, "near"), "umbrella": (.2, 1, "near")}),
  "castle": ("grass", {
    "turret": (.95, 3, "far"), "flag": (.7, 2, "far"), "rock": (.4, 2, "near"),
    "tree": (.4, 2, "far"), "bird": (.35, 2, "sky"), "cloud": (.4, 1, "sky"),
    "person": (.25, 1, "near"), "door": (.2, 1, "far")}),
  "stadium": ("grass", {
    "stand": (.9, 1, "far"), "goal": (.75, 1, "far"), "person": (.75, 4, "near"),
    "ball": (.65, 1, "near"), "flag": (.45, 2, "far"), "lamp": (.35, 2, "far"),
    "cloud": (.2, 1, "sky")}),
  "ski_slope": ("snow", {
    "skier": (.85, 3, "near"), "pine": (.7, 3, "far"), "peak": (.6, 2, "far"),
    "snowman": (.35, 1, "near"), "flag": (.45, 2, "near"), "house": (.3, 1, "far"),
    "sun": (.3, 1, "sky"), "fence": (.2, 1, "near")}),
}
NAMES = tuple(CATEGORIES)
