"""Inputs as the tower takes them, in plain NumPy: images resized as Pillow does it, to the bit."""

import numpy as np

_BITS = 22  # of the fraction of a weight: Pillow resizes images of 8 bits in whole numbers


def prepared(inputs: np.ndarray, card: dict) -> np.ndarray:
  """Inputs of any number as the tower of a card takes them.

  Args:
    inputs: uint8 [N, H, W, 3] of any size where card["shape"] is that of an image, which are put
      whole into the middle of a white square; else float [N, E].
    card: of the folder.

  Returns:
    uint8 [N, S, S, 3] or float32 [N, E].

  Raises:
    ValueError: if they are of another kind or width, or not finite.
  """
  shape = card["shape"]
  if len(shape) == 3:
    if inputs.dtype != np.uint8 or inputs.ndim != 4 or inputs.shape[3] != 3:
      raise ValueError(f"inputs {inputs.dtype} {list(inputs.shape)}; expected images, uint8 "
                       "[N, H, W, 3]")
    return np.stack([square(image, shape[0]) for image in inputs])
  if inputs.ndim != 2 or inputs.shape[1] != shape[0] or inputs.dtype.kind not in "fiu":
    raise ValueError(f"inputs {inputs.dtype} {list(inputs.shape)}; expected numbers "
                     f"[N, {shape[0]}]: {card['input']}")
  if not np.isfinite(inputs).all():
    raise ValueError("inputs are not finite; expected numbers")
  return inputs.astype(np.float32)


def square(image: np.ndarray, size: int) -> np.ndarray:
  """An image uint8 [H, W, 3], whole, in the middle of a white square uint8 [size, size, 3]."""
  scale = size / max(image.shape[:2])
  height, width = (max(1, round(side * scale)) for side in image.shape[:2])
  canvas = np.full((size, size, 3), 255, np.uint8)
  top, left = (size - height) // 2, (size - width) // 2
  canvas[top:top + height, left:left + width] = resized(image, height, width)
  return canvas


def resized(image: np.ndarray, height: int, width: int) -> np.ndarray:
  """An image uint8 [H, W, 3] as uint8 [height, width, 3], bicubic with the kernel stretched.

  One axis after the other, rounded in between. Pillow takes the width first, from version 13 on the
  height where that shrinks by more than twice as much: a level of 255 can depend on it.
  """
  across, down = _weights(image.shape[1], width), _weights(image.shape[0], height)
  lost = image.shape[0] - height, image.shape[1] - width
  if lost[0] > max(0, 2 * lost[1]):
    channels = [_rounded(_rounded(down @ image[..., c]) @ across.T) for c in range(3)]
  else:
    channels = [_rounded(down @ _rounded(image[..., c] @ across.T)) for c in range(3)]
  return np.stack(channels, axis=-1).astype(np.uint8)


def _rounded(sums: np.ndarray) -> np.ndarray:
  """Weighted sums as values of 8 bits; whole numbers below 2^53, so that float64 is exact."""
  return np.clip(np.floor((sums + 2.0 ** (_BITS - 1)) / 2.0 ** _BITS), 0, 255)


def _weights(before: int, after: int) -> np.ndarray:
  """What each of `before` pixels gives to each of `after` ones [after, before], times 2^22."""
  scale = before / after
  stretch = max(scale, 1.0)
  weights = np.zeros((after, before))
  if before == after:  # Pillow leaves such an axis as it is
    return np.eye(after) * 2.0 ** _BITS
  for row, middle in zip(weights, (np.arange(after) + 0.5) * scale):
    first = max(int(middle - 2 * stretch + 0.5), 0)
    last = min(int(middle + 2 * stretch + 0.5), before)
    part = _bicubic((np.arange(first, last) - middle + 0.5) * (1.0 / stretch))
    row[first:last] = part / part.sum()
  return np.trunc(weights * 2.0 ** _BITS + np.copysign(0.5, weights))


def _bicubic(x: np.ndarray) -> np.ndarray:
  """The cubic kernel of a = -0.5 at distances x [n]."""
  x, a = np.abs(x), -0.5
  near = ((a + 2) * x - (a + 3)) * x * x + 1
  far = (((x - 5) * x + 8) * x - 4) * a
  return np.where(x < 1, near, np.where(x < 2, far, 0.0))
