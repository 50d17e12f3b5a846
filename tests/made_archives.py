"""Small archives of exactly the form that CMPlaces' and Places205's have, made without the reader.

What is public of the form: NAT as one .tar.gz of data/vision/torralba/deeplearning/images256/
<letter>/<name>[/<sub>]/ with lists `path label` in a second .tar.gz; cmplaces.zip with
labels/categories.txt and labels/<modality>_{train,val}.txt; descriptions.zip with text/<category>/.
"""

import io
import pathlib
import tarfile
import zipfile

import numpy as np
from PIL import Image

PUBLIC = (pathlib.Path(__file__).parents[1] / "cmx/data/sets/cmplaces/categories.txt"
          ).read_text().split()
PLACES_ROOT = "data/vision/torralba/deeplearning/images256"
TEXTS = ("There is a {0}. It is large, e.g. 3.5 m high! Is it old?",
         "A {0} with grey stones\nand two doors.")


def picture(seed: int, label: int, size: tuple[int, int] = (256, 256), kind: str = "JPEG") -> bytes:
  """A picture whose colours say its label: blocks of noise on a class's own colour."""
  rng = np.random.default_rng(seed)
  own = np.random.default_rng(label).integers(40, 215, (4, 4, 3))
  small = np.clip(own + rng.integers(-30, 30, (4, 4, 3)), 0, 255).astype(np.uint8)
  image = Image.fromarray(small).resize(size, Image.Resampling.NEAREST)
  stream = io.BytesIO()
  image.save(stream, kind)
  return stream.getvalue()


def add(archive: tarfile.TarFile | zipfile.ZipFile, name: str, content: bytes) -> None:
  """Adds a file to a tar or zip archive that is being written."""
  if isinstance(archive, zipfile.ZipFile):
    archive.writestr(name, content)
    return
  info = tarfile.TarInfo(name)
  info.size = len(content)
  archive.addfile(info, io.BytesIO(content))


def natural(folder: pathlib.Path, labels, train: int = 2, val: int = 1) -> None:
  """Photographs of these labels, as Places205 packs them, and their lists."""
  lines = {"train": [], "val": []}
  with tarfile.open(folder / "imagesPlaces205_resize.tar.gz", "w:gz", compresslevel=1) as archive:
    for label in labels:
      for number in range(train + val):
        public = PUBLIC[label]
        path = f"{public[0]}/{public}/gsun_{number:04d}.jpg"
        add(archive, f"{PLACES_ROOT}/{path}", picture(1000 * label + number, label))
        lines["train" if number < train else "val"].append(f"{path} {label}")
  with tarfile.open(folder / "trainvalsplit_places205.tar.gz", "w:gz") as archive:
    for split, entries in lines.items():
      add(archive, f"trainvalsplit_places205/{split}_places205.csv", "\n".join(entries).encode())


def others(folder: pathlib.Path, labels, train: int = 2, val: int = 1) -> None:
  """Clip art, spatial text, drawings and descriptions of these labels, as CMPlaces packs them."""
  made = {"clipart": ("clipart", ".png", lambda n, l: picture(n, l, (120, 90), "PNG")),
          "spatial_text": ("spatial_text", ".png", lambda n, l: picture(n, l, kind="PNG")),
          "line_drawings": ("line_drawings", ".png", lambda n, l: picture(n, l, (200, 300), "PNG")),
          "descriptions": ("text", ".txt", lambda n, l: TEXTS[n % 2].format(PUBLIC[l]).encode())}
  with zipfile.ZipFile(folder / "cmplaces.zip", "w") as lists:
    for archive_name, (inner, suffix, make) in made.items():
      lines = {"train": [], "val": []}
      with zipfile.ZipFile(folder / f"{archive_name}.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for label in labels:
          category = PUBLIC[label].replace("/", "_")
          for number in range(train + val):
            path = f"{inner}/{category}/{number:06d}{suffix}"
            add(archive, path, make(10_000 * label + number, label))
            lines["train" if number < train else "val"].append(f"data/{path}")
      for split, entries in lines.items():
        add(lists, f"labels/{inner}_{split}.txt", "\n".join(entries).encode() + b"\n")
    numbered = (f"{name.replace('/', '_')} {label}" for label, name in enumerate(PUBLIC))
    add(lists, "labels/categories.txt", "\n".join(numbered).encode())


def all_of(folder: pathlib.Path, labels, train: int = 2, val: int = 1) -> pathlib.Path:
  """All archives of the five modalities."""
  folder.mkdir(parents=True, exist_ok=True)
  natural(folder, labels, train, val)
  others(folder, labels, train, val)
  return folder
