"""Vocabulary: what each object looks like and is called.

An object is a few primitives in a unit box (x right, y down). All pixel renderers draw the same
ones, so that an object is the same thing in every modality and only the way it is drawn differs.
"""

from typing import NamedTuple

MAIN, SECOND, DARK, LIGHT, GLASS = range(5)  # colour roles; MAIN and SECOND are the object's own


class Primitive(NamedTuple):
  """A filled polygon, a filled ellipse in a box of two corners, or an open stroke.

  Attributes:
    kind: "polygon", "ellipse" or "stroke".
    points: corners in the unit box.
    role: colour role.
    width: of a stroke, share of the box's height.
  """

  kind: str
  points: tuple[tuple[float, float], ...]
  role: int
  width: float = 0.0


class Shape(NamedTuple):
  """An object.

  Attributes:
    primitives: back to front.
    main: usual colour of its main parts, RGB in [0, 1].
    second: usual colour of its second parts.
    aspect: width over height.
    size: usual height, share of the image's.
    words: what people call it; the first is its name in ground truth and spatial text.
  """

  primitives: tuple[Primitive, ...]
  main: tuple[float, float, float]
  second: tuple[float, float, float]
  aspect: float
  size: float
  words: tuple[str, ...]


def _p(role, *points):
  return Primitive("polygon", points, role)


def _r(role, x0, y0, x1, y1):
  return _p(role, (x0, y0), (x1, y0), (x1, y1), (x0, y1))


def _e(role, x0, y0, x1, y1):
  return Primitive("ellipse", ((x0, y0), (x1, y1)), role)


def _l(role, width, *points):
  return Primitive("stroke", points, role, width)


_GREEN, _WOOD, _GREY, _WHITE = (.25, .5, .2), (.5, .33, .18), (.5, .52, .55), (.9, .9, .88)
_RED, _BLUE, _YELLOW = (.75, .2, .17), (.2, .38, .68), (.9, .75, .2)
_SAND, _STONE = (.82, .7, .48), (.5, .47, .43)

SHAPES: dict[str, Shape] = {
  "tree": Shape(
    (_r(SECOND, .42, .55, .58, 1), _e(MAIN, .05, .2, .65, .7), _e(MAIN, .35, .15, .95, .68),
     _e(MAIN, .2, 0, .8, .5)),
    _GREEN, _WOOD, .8, .5, ("tree", "oak", "tall tree")),
  "pine": Shape(
    (_r(SECOND, .42, .8, .58, 1), _p(MAIN, (.5, 0), (.85, .45), (.15, .45)),
     _p(MAIN, (.5, .2), (1, .85), (0, .85))),
    (.12, .35, .22), _WOOD, .55, .5, ("pine", "fir", "evergreen")),
  "palm": Shape(
    (_p(SECOND, (.45, .3), (.53, .3), (.6, 1), (.47, 1)),
     _p(MAIN, (.5, .3), (0, .25), (.2, .05)), _p(MAIN, (.5, .3), (1, .25), (.8, .05)),
     _p(MAIN, (.5, .3), (.1, .55), (.02, .35)), _p(MAIN, (.5, .3), (.9, .55), (.98, .35)),
     _p(MAIN, (.5, .3), (.4, 0), (.62, 0))),
    (.2, .5, .22), _WOOD, .75, .55, ("palm", "coconut tree", "palm tree")),
  "bush": Shape(
    (_e(MAIN, 0, .3, .6, 1), _e(MAIN, .4, .25, 1, 1), _e(MAIN, .2, 0, .8, .9)),
    (.3, .5, .22), _RED, 1.5, .16, ("bush", "shrub", "hedge")),
  "flower": Shape(
    (_l(SECOND, .06, (.5, .4), (.5, 1)), _e(MAIN, .2, 0, .5, .3), _e(MAIN, .5, 0, .8, .3),
     _e(MAIN, .2, .25, .5, .55), _e(MAIN, .5, .25, .8, .55), _e(LIGHT, .38, .18, .62, .4)),
    (.85, .35, .5), _GREEN, .7, .14, ("flower", "blossom", "bloom")),
  "cactus": Shape(
    (_r(MAIN, .4, 0, .6, 1), _r(MAIN, .1, .3, .22, .6), _r(MAIN, .1, .5, .45, .62),
     _r(MAIN, .78, .2, .9, .5), _r(MAIN, .55, .4, .9, .52)),
    (.3, .5, .3), _GREEN, .6, .36, ("cactus", "prickly plant", "spiny plant")),
  "rock": Shape(
    (_p(MAIN, (0, 1), (.1, .45), (.4, .05), (.75, .2), (1, .7), (1, 1)),
     _p(SECOND, (.4, .05), (.75, .2), (.6, .55))),
    _STONE, (.62, .59, .55), 1.4, .16, ("rock", "boulder", "large stone")),
  "peak": Shape(
    (_p(MAIN, (0, 1), (.3, .4), (.5, 0), (.72, .35), (1, 1)),
     _p(LIGHT, (.5, 0), (.64, .22), (.55, .3), (.48, .22), (.38, .25))),
    (.42, .45, .52), _STONE, 1.5, .5, ("peak", "summit", "rocky ridge")),
  "mesa": Shape(
    (_p(MAIN, (0, 1), (.12, .2), (.2, .08), (.8, .05), (.88, .2), (1, 1)),
     _p(SECOND, (.1, .45), (.9, .42), (.93, .58), (.07, .6))),
    (.72, .4, .24), (.6, .3, .18), 1.6, .42, ("cliff", "rock wall", "steep face")),
  "cloud": Shape(
    (_e(MAIN, 0, .35, .5, 1), _e(MAIN, .45, .3, 1, 1), _e(MAIN, .22, 0, .75, .9)),
    _WHITE, _WHITE, 2.2, .12, ("cloud", "white puff", "drifting vapour")),
  "sun": Shape(
    (_e(MAIN, 0, 0, 1, 1),),
    (.98, .88, .5), _YELLOW, 1., .13, ("sun", "bright disc", "low sun")),
  "bird": Shape(
    (_p(MAIN, (0, .3), (.3, .15), (.5, .6), (.4, .7)),
     _p(MAIN, (1, .3), (.7, .15), (.5, .6), (.6, .7)), _e(MAIN, .4, .45, .62, .85)),
    (.25, .25, .28), _GREY, 2., .07, ("bird", "gull", "winged creature")),
  "cow": Shape(
    (_e(MAIN, .12, .2, .85, .72), _r(MAIN, .2, .6, .28, 1), _r(MAIN, .66, .6, .75, 1),
     _e(MAIN, .75, .08, 1, .45), _e(SECOND, .3, .25, .5, .5), _e(SECOND, .55, .4, .72, .62)),
    _WHITE, (.15, .13, .12), 1.5, .2, ("cow", "calf", "spotted animal")),
  "sheep": Shape(
    (_r(DARK, .25, .6, .32, 1), _r(DARK, .65, .6, .72, 1), _e(MAIN, .1, .15, .85, .8),
     _e(DARK, .76, .1, 1, .45)),
    (.9, .88, .82), _WHITE, 1.4, .15, ("sheep", "woolly animal", "lamb")),
  "person": Shape(
    (_e(SECOND, .35, 0, .65, .2), _p(MAIN, (.22, .22), (.78, .22), (.7, .62), (.3, .62)),
     _r(DARK, .3, .6, .46, 1), _r(DARK, .54, .6, .7, 1)),
    _BLUE, (.85, .65, .5), .42, .26, ("person", "passer-by", "figure")),
  "boat": Shape(
    (_p(SECOND, (.48, 0), (.48, .66), (.95, .66)),
     _p(SECOND, (.44, .12), (.44, .66), (.12, .66)),
     _p(MAIN, (0, .7), (1, .7), (.82, 1), (.18, 1))),
    _RED, _WHITE, 1., .3, ("boat", "sailing craft", "small yacht")),
  "ship": Shape(
    (_p(MAIN, (0, .55), (1, .55), (.9, 1), (.1, 1)), _r(SECOND, .2, .28, .65, .55),
     _r(MAIN, .35, 0, .48, .28), _e(GLASS, .25, .35, .33, .48), _e(GLASS, .4, .35, .48, .48)),
    (.3, .33, .42), _WHITE, 2., .28, ("ship", "vessel", "freighter")),
  "crane": Shape(
    (_r(MAIN, .3, .1, .42, 1), _r(MAIN, .05, .08, 1, .18), _l(DARK, .03, (.85, .15), (.85, .6)),
     _r(SECOND, .78, .58, .93, .74), _p(MAIN, (.3, .1), (.36, 0), (.42, .1))),
    _YELLOW, _STONE, .9, .5, ("crane", "hoist", "lifting machine")),
  "beacon": Shape(
    (_p(MAIN, (.35, .25), (.65, .25), (.8, 1), (.2, 1)),
     _p(SECOND, (.31, .42), (.69, .42), (.73, .6), (.27, .6)), _r(GLASS, .36, .1, .64, .26),
     _p(SECOND, (.3, .12), (.5, 0), (.7, .12))),
    _WHITE, _RED, .42, .55, ("beacon", "signal tower", "striped tower")),
  "house": Shape(
    (_r(MAIN, .08, .42, .92, 1), _p(SECOND, (0, .45), (.5, 0), (1, .45)),
     _r(DARK, .42, .65, .58, 1), _r(GLASS, .16, .55, .33, .74), _r(GLASS, .67, .55, .84, .74)),
    (.85, .75, .6), _RED, 1.1, .36, ("house", "cottage", "small building")),
  "barn": Shape(
    (_p(MAIN, (.05, 1), (.05, .45), (.25, .12), (.5, 0), (.75, .12), (.95, .45), (.95, 1)),
     _r(LIGHT, .34, .5, .66, 1), _l(MAIN, .04, (.34, .5), (.66, 1)),
     _l(MAIN, .04, (.66, .5), (.34, 1))),
    (.62, .16, .13), _WHITE, 1.2, .36, ("barn", "wooden shed", "hay store")),
  "block": Shape(
    (_r(MAIN, .1, 0, .9, 1),
     *(_r(GLASS, .2 + .24 * i, .08 + .18 * j, .34 + .24 * i, .19 + .18 * j)
       for i in range(3) for j in range(5))),
    (.55, .55, .6), _GREY, .55, .6, ("highrise", "tower block", "block of flats")),
  "turret": Shape(
    (_r(MAIN, .15, .3, .85, 1), _r(MAIN, .08, .18, .26, .34), _r(MAIN, .41, .18, .59, .34),
     _r(MAIN, .74, .18, .92, .34), _r(MAIN, .08, .28, .92, .36), _r(DARK, .4, .5, .6, .74)),
    (.6, .57, .52), _STONE, .5, .5, ("turret", "battlement", "stone tower")),
  "fence": Shape(
    (_r(MAIN, 0, .25, 1, .38), _r(MAIN, 0, .6, 1, .73),
     *(_r(MAIN, .04 + .22 * i, 0, .12 + .22 * i, 1) for i in range(5))),
    _WOOD, _WOOD, 2.4, .14, ("fence", "railing", "row of posts")),
  "car": Shape(
    (_p(MAIN, (.2, .5), (.32, .15), (.68, .15), (.82, .5)),
     _p(GLASS, (.3, .46), (.37, .22), (.63, .22), (.72, .46)), _r(MAIN, 0, .45, 1, .82),
     _e(DARK, .12, .62, .34, 1), _e(DARK, .66, .62, .88, 1)),
    _RED, _GREY, 2., .17, ("car", "automobile", "saloon car")),
  "truck": Shape(
    (_r(MAIN, 0, .1, .64, .8), _p(SECOND, (.66, .3), (.88, .3), (1, .55), (1, .8), (.66, .8)),
     _r(GLASS, .72, .36, .86, .54), _e(DARK, .1, .66, .28, 1), _e(DARK, .72, .66, .9, 1)),
    _BLUE, _WHITE, 1.7, .24, ("truck", "lorry", "delivery van")),
  "tractor": Shape(
    (_r(MAIN, .45, .35, .95, .68), _r(MAIN, .15, .05, .5, .6), _r(GLASS, .22, .12, .44, .36),
     _e(DARK, .02, .42, .5, 1), _e(LIGHT, .17, .6, .35, .82), _e(DARK, .7, .62, .98, 1)),
    (.2, .5, .2), _YELLOW, 1.3, .24, ("tractor", "farm machine", "ploughing engine")),
  "train": Shape(
    (_p(MAIN, (0, .15), (.85, .15), (1, .5), (1, .82), (0, .82)), _r(SECOND, 0, .55, 1, .66),
     *(_r(GLASS, .06 + .2 * i, .25, .2 + .2 * i, .47) for i in range(4)),
     *(_e(DARK, .08 + .24 * i, .76, .2 + .24 * i, 1) for i in range(4))),
    (.25, .4, .6), _YELLOW, 2.6, .24, ("carriage", "locomotive", "wagon")),
  "rails": Shape(
    (_p(SECOND, (.45, 0), (.55, 0), (1, 1), (0, 1)), _l(MAIN, .06, (.46, 0), (.15, 1)),
     _l(MAIN, .06, (.54, 0), (.85, 1)), *(_l(DARK, .05, (.43 - .1 * i, .2 * i + .12),
     (.57 + .1 * i, .2 * i + .12)) for i in range(5))),
    (.4, .4, .42), (.45, .4, .35), 1.2, .4, ("rails", "track", "row of sleepers")),
  "plane": Shape(
    (_p(MAIN, (0, .45), (.15, .38), (.85, .38), (1, .52), (.85, .62), (.12, .6)),
     _p(SECOND, (.38, .5), (.6, .5), (.42, 1), (.3, 1)),
     _p(SECOND, (.42, .4), (.56, .4), (.46, .12), (.4, .12)),
     _p(SECOND, (.02, .45), (.16, .42), (.08, .1), (0, .1))),
    _WHITE, (.4, .5, .7), 2.2, .22, ("plane", "jet", "winged craft")),
  "control": Shape(
    (_r(MAIN, .38, .35, .62, 1), _p(GLASS, (.1, .08), (.9, .08), (.75, .36), (.25, .36)),
     _r(SECOND, .1, 0, .9, .09)),
    _GREY, _WHITE, .5, .42, ("lookout", "control tower", "watch post")),
  "lamp": Shape(
    (_r(DARK, .44, .15, .56, 1), _l(DARK, .05, (.5, .15), (.85, .08)), _e(LIGHT, .68, .04, 1, .2)),
    _GREY, _YELLOW, .4, .42, ("lamp", "lantern", "light post")),
  "sign": Shape(
    (_r(DARK, .45, .4, .55, 1), _e(MAIN, .1, 0, .9, .5), _e(LIGHT, .28, .12, .72, .38)),
    _RED, _WHITE, .5, .24, ("sign", "signpost", "painted board")),
  "bench": Shape(
    (_r(MAIN, 0, .05, 1, .2), _r(MAIN, 0, .28, 1, .42), _r(MAIN, 0, .55, 1, .68),
     _r(DARK, .1, .4, .18, 1), _r(DARK, .82, .4, .9, 1)),
    _WOOD, _GREY, 1.9, .16, ("bench", "long seat", "wooden seat")),
  "table": Shape(
    (_p(MAIN, (.1, .1), (.9, .1), (1, .3), (0, .3)), _r(MAIN, .05, .28, .14, 1),
     _r(MAIN, .86, .28, .95, 1)),
    _WOOD, _WHITE, 1.7, .26, ("table", "wooden top", "tabletop")),
  "desk": Shape(
    (_r(MAIN, 0, .2, 1, .34), _r(SECOND, .62, .34, .96, 1), _r(MAIN, .04, .34, .12, 1),
     _l(DARK, .04, (.7, .55), (.88, .55))),
    (.62, .45, .27), (.5, .35, .2), 1.5, .28, ("desk", "writing table", "work surface")),
  "chair": Shape(
    (_r(MAIN, .15, 0, .3, .6), _r(MAIN, .15, .5, .85, .64), _r(MAIN, .15, .6, .26, 1),
     _r(MAIN, .74, .6, .85, 1)),
    (.45, .3, .2), _GREY, .65, .24, ("chair", "seat", "stool")),
  "bed": Shape(
    (_r(SECOND, 0, .05, .12, 1), _r(MAIN, .1, .45, 1, .85), _e(LIGHT, .12, .28, .42, .55),
     _r(SECOND, .92, .5, 1, 1)),
    (.5, .55, .75), _WOOD, 2., .3, ("bed", "mattress", "quilt and pillow")),
  "sofa": Shape(
    (_r(MAIN, .1, .05, .9, .6), _e(MAIN, 0, .28, .24, .95), _e(MAIN, .76, .28, 1, .95),
     _r(SECOND, .15, .5, .85, .88)),
    (.6, .25, .25), (.68, .33, .3), 1.9, .26, ("sofa", "couch", "settee")),
  "shelf": Shape(
    (_r(MAIN, 0, 0, 1, 1), *(_r(DARK, .08, .06 + .32 * j, .92, .32 + .32 * j) for j in range(3)),
     *(_r((SECOND, LIGHT, MAIN, GLASS)[(i + j) % 4], .12 + .13 * i, .1 + .32 * j + .03 * (i % 2),
           .22 + .13 * i, .32 + .32 * j)
       for i in range(6) for j in range(3))),
    (.5, .35, .2), _RED, .8, .46, ("bookcase", "rack of volumes", "row of spines")),
  "window": Shape(
    (_r(SECOND, 0, 0, 1, 1), _r(GLASS, .08, .07, .47, .47), _r(GLASS, .53, .07, .92, .47),
     _r(GLASS, .08, .53, .47, .93), _r(GLASS, .53, .53, .92, .93)),
    _BLUE, _WHITE, .9, .3, ("window", "pane", "glazed opening")),
  "door": Shape(
    (_r(MAIN, 0, 0, 1, 1), _r(SECOND, .15, .08, .85, .42), _r(SECOND, .15, .52, .85, .92),
     _e(LIGHT, .78, .46, .9, .52)),
    (.55, .38, .22), (.48, .32, .18), .45, .5, ("door", "doorway", "entrance")),
  "picture": Shape(
    (_r(MAIN, 0, 0, 1, 1), _r(LIGHT, .1, .12, .9, .88),
     _p(SECOND, (.1, .88), (.4, .4), (.65, .7), (.8, .5), (.9, .88))),
    _WOOD, _GREEN, 1.25, .17, ("picture", "framed print", "painting")),
  "clock": Shape(
    (_e(DARK, 0, 0, 1, 1), _e(LIGHT, .1, .1, .9, .9), _l(DARK, .08, (.5, .5), (.5, .2)),
     _l(DARK, .08, (.5, .5), (.7, .6))),
    _GREY, _WHITE, 1., .12, ("clock", "dial", "timepiece")),
  "computer": Shape(
    (_r(DARK, .05, 0, .95, .7), _r(GLASS, .1, .06, .9, .62), _r(MAIN, .42, .7, .58, .88),
     _r(MAIN, .2, .86, .8, 1)),
    _GREY, _GREY, 1.2, .18, ("computer", "monitor", "screen")),
  "stove": Shape(
    (_r(MAIN, 0, .1, 1, 1), _r(DARK, .15, .45, .85, .88), _r(SECOND, 0, 0, 1, .14),
     *(_e(DARK, .1 + .22 * i, .2, .24 + .22 * i, .34) for i in range(4))),
    _WHITE, _GREY, .9, .34, ("stove", "oven", "hob")),
  "fridge": Shape(
    (_r(MAIN, 0, 0, 1, 1), _l(DARK, .02, (0, .38), (1, .38)), _r(DARK, .8, .14, .88, .32),
     _r(DARK, .8, .46, .88, .7)),
    _WHITE, _GREY, .48, .5, ("fridge", "cooler cabinet", "icebox")),
  "pan": Shape(
    (_r(DARK, .6, .3, 1, .42), _p(MAIN, (0, .2), (.65, .2), (.58, .9), (.07, .9)),
     _e(SECOND, 0, .05, .65, .35)),
    _GREY, (.3, .3, .32), 1.7, .11, ("pan", "saucepan", "cooking pot")),
  "sink": Shape(
    (_p(MAIN, (0, .35), (1, .35), (.85, .8), (.15, .8)), _r(MAIN, .4, .75, .6, 1),
     _l(DARK, .08, (.5, .35), (.5, .1), (.68, .1), (.68, .2))),
    _WHITE, _GREY, 1.1, .24, ("sink", "basin", "tap and bowl")),
  "tub": Shape(
    (_p(MAIN, (0, .25), (1, .25), (.88, .9), (.12, .9)), _e(GLASS, .06, .14, .94, .38),
     _r(DARK, .15, .88, .22, 1), _r(DARK, .78, .88, .85, 1)),
    _WHITE, _GREY, 2.1, .24, ("tub", "basin of water", "soaking tub")),
  "toilet": Shape(
    (_r(MAIN, .1, 0, .5, .5), _e(MAIN, .1, .38, 1, .75),
     _p(SECOND, (.3, .65), (.8, .65), (.7, 1), (.38, 1))),
    _WHITE, (.82, .82, .82), .75, .28, ("lavatory", "cistern", "porcelain seat")),
  "mirror": Shape(
    (_e(SECOND, 0, 0, 1, 1), _e(GLASS, .1, .07, .9, .93)),
    _BLUE, _SAND, .75, .3, ("mirror", "looking glass", "reflection")),
  "board": Shape(
    (_r(SECOND, 0, 0, 1, 1), _r(MAIN, .04, .07, .96, .93), _l(LIGHT, .05, (.15, .3), (.5, .25)),
     _l(LIGHT, .05, (.15, .55), (.75, .5))),
    (.12, .3, .22), _WOOD, 2., .32, ("board", "slate", "chalkboard")),
  "book": Shape(
    (_p(LIGHT, (.5, .2), (1, .05), (1, .85), (.5, 1)),
     _p(MAIN, (0, .05), (.5, .2), (.5, 1), (0, .85))),
    _BLUE, _WHITE, 1.3, .1, ("book", "volume", "open book")),
  "plant": Shape(
    (_p(SECOND, (.3, .65), (.7, .65), (.62, 1), (.38, 1)), _e(MAIN, .05, .2, .5, .6),
     _e(MAIN, .5, .2, .95, .6), _e(MAIN, .3, 0, .7, .65)),
    _GREEN, (.7, .4, .25), .8, .2, ("plant", "fern", "leafy pot")),
  "glass": Shape(
    (_p(GLASS, (.1, 0), (.9, 0), (.6, .5), (.4, .5)), _r(GLASS, .45, .5, .55, .9),
     _r(GLASS, .2, .9, .8, 1)),
    _BLUE, _WHITE, .6, .13, ("glass", "goblet", "wine glass")),
  "swing": Shape(
    (_l(MAIN, .05, (.05, 1), (.25, .02), (.75, .02), (.95, 1)),
     _l(DARK, .03, (.4, .02), (.4, .7)), _l(DARK, .03, (.6, .02), (.6, .7)),
     _r(SECOND, .34, .68, .66, .77)),
    _RED, _YELLOW, 1.1, .38, ("swing", "hanging seat", "rope and plank")),
  "slide": Shape(
    (_l(DARK, .06, (.12, 1), (.2, .1)), _l(DARK, .06, (.3, 1), (.3, .15)),
     _p(MAIN, (.18, .08), (.35, .08), (1, .85), (1, 1), (.85, 1))),
    _YELLOW, _RED, 1.3, .36, ("slide", "chute", "sloping ramp")),
  "ball": Shape(
    (_e(MAIN, 0, 0, 1, 1), _p(SECOND, (.3, .35), (.5, .2), (.7, .35), (.62, .62), (.38, .62))),
    _WHITE, (.15, .15, .15), 1., .09, ("ball", "round toy", "bouncing ball")),
  "goal": Shape(
    (_l(MAIN, .06, (.03, 1), (.03, .03), (.97, .03), (.97, 1)),
     *(_l(LIGHT, .015, (.03 + .19 * i, .05), (.03 + .19 * i, 1)) for i in range(1, 5)),
     *(_l(LIGHT, .015, (.03, .22 * i), (.97, .22 * i)) for i in range(1, 5))),
    _WHITE, _GREY, 1.8, .28, ("goal", "net and posts", "white frame")),
  "stand": Shape(
    (_p(MAIN, (0, .2), (1, .2), (1, 1), (0, 1)),
     *(_r((SECOND, LIGHT)[j % 2], 0, .3 + .14 * j, 1, .38 + .14 * j) for j in range(5)),
     _r(DARK, 0, 0, 1, .1)),
    _GREY, _RED, 2.8, .28, ("stand", "grandstand", "tier of seats")),
  "tent": Shape(
    (_p(MAIN, (0, 1), (.5, 0), (1, 1)), _p(DARK, (.38, 1), (.5, .35), (.62, 1))),
    (.85, .5, .2), _GREEN, 1.4, .26, ("tent", "canvas shelter", "camp")),
  "crate": Shape(
    (_r(MAIN, 0, 0, 1, 1), _l(SECOND, .08, (0, 0), (1, 1)), _l(SECOND, .08, (1, 0), (0, 1)),
     _l(SECOND, .1, (0, .05), (1, .05)), _l(SECOND, .1, (0, .95), (1, .95))),
    (.62, .46, .28), (.45, .32, .18), 1., .15, ("crate", "wooden box", "packing case")),
  "barrel": Shape(
    (_e(MAIN, .05, 0, .95, 1), _r(DARK, .05, .25, .95, .33), _r(DARK, .05, .67, .95, .75)),
    _WOOD, _GREY, .75, .17, ("barrel", "cask", "drum")),
  "hay": Shape(
    (_e(MAIN, 0, 0, 1, 1), _e(SECOND, .2, .2, .8, .8), _e(MAIN, .36, .36, .64, .64)),
    (.85, .7, .3), (.72, .56, .22), 1., .16, ("bale", "straw roll", "stack of straw")),
  "umbrella": Shape(
    (_r(DARK, .47, .3, .53, 1), _p(MAIN, (0, .42), (.15, .15), (.5, 0), (.5, .42)),
     _p(SECOND, (1, .42), (.85, .15), (.5, 0), (.5, .42))),
    _RED, _WHITE, 1., .32, ("parasol", "sunshade", "striped canopy")),
  "flag": Shape(
    (_r(DARK, .05, 0, .13, 1), _p(MAIN, (.13, .03), (1, .1), (.9, .3), (1, .5), (.13, .45))),
    _RED, _WHITE, .7, .3, ("flag", "banner", "pennant")),
  "skier": Shape(
    (_l(SECOND, .07, (0, .95), (1, .85)), _p(MAIN, (.35, .25), (.65, .3), (.6, .65), (.4, .65)),
     _p(DARK, (.4, .6), (.6, .6), (.65, .9), (.45, .92)), _e(LIGHT, .4, .03, .62, .25)),
    _RED, _BLUE, .8, .2, ("skier", "racer on two boards", "winter athlete")),
  "snowman": Shape(
    (_e(MAIN, .15, .5, .85, 1), _e(MAIN, .25, .22, .75, .62), _e(MAIN, .33, 0, .67, .32),
     _p(SECOND, (.5, .14), (.78, .18), (.5, .21))),
    _WHITE, (.9, .5, .1), .65, .28, ("snowman", "frosty figure", "carrot-nosed figure")),
}

# What people paint or dye: its colour tells nothing about what it is.
PAINTED = frozenset((
  "car", "truck", "tractor", "train", "boat", "ship", "sofa", "bed", "chair", "umbrella", "flag",
  "tent", "ball", "door", "book", "picture", "slide", "swing", "person", "skier", "block",
  "house", "sign", "flower", "barrel"))
