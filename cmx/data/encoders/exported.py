"""Exported models of Hugging Face as frozen encoders: CLIP, SigLIP, DINOv2, sentence encoders.

Networks are ONNX files, run by onnxruntime; texts are split by `tokenizers` as tokenizer.json
says, pictures prepared as preprocessor_config.json says. torch and transformers are not needed:
they weigh some fifty times as much, and would run programs that a model brings along.
"""

import functools
import hashlib
import json
import pathlib
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from cmx.data.encoders import hub
from cmx.data.encoders import preprocessing

BATCH = {"pixels": 16, "text": 32}
_OUTPUTS = {"pixels": ("image_embeds", "pooler_output", "last_hidden_state"),
            "text": ("text_embeds", "sentence_embedding", "pooler_output", "last_hidden_state",
                     "token_embeddings")}
_READ = {"pixels": {"pixel_values"},
         "text": {"input_ids", "attention_mask", "token_type_ids", "position_ids"}}
_LONGEST = 512  # tokens, where a model does not say


def load(name: str, kind: str) -> tuple[int, str, Callable[[Sequence[Any]], np.ndarray]]:
  """The model "hf:FOLDER" or "hf:OWNER/NAME" for a kind of input.

  Returns:
    E, a short hash of its files, and a function of inputs to vectors float32 [N, E].

  Raises:
    ValueError: if it is not to be had, of another kind or not exported, or a library is missing.
  """
  try:
    import onnxruntime
    import tokenizers
  except ImportError as error:
    raise ValueError(f"encoder {name!r} needs {error.name}: {hub.EXTRA}") from error
  folder = hub.folder_of(name, kind)
  path = hub.network(folder, kind)
  try:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
  except Exception as error:  # onnxruntime's own, of many names
    raise ValueError(f"{path} cannot be opened: {str(error).splitlines()[0][:200]}; expected an "
                     "ONNX file, whole") from error
  _check_inputs(session, path, kind)
  output = _output(session, path, kind)
  if kind == "pixels":
    steps = preprocessing.read(folder)
    encode = functools.partial(_pictures, session, output, steps)
    probe: list[Any] = [np.full((64, 64, 3), 255, np.uint8)]
  else:
    reader = _reader(folder, tokenizers, session)
    encode = functools.partial(_texts, session, output, reader)
    probe = ["a"]
  try:
    width = encode(probe).shape[1]
  except Exception as error:  # as above
    raise ValueError(f"{path} does not take a first example: {str(error).splitlines()[0][:200]}"
                     ) from error
  return width, _fingerprint(folder, path), encode


def _check_inputs(session: Any, path: pathlib.Path, kind: str) -> None:
  names = {given.name for given in session.get_inputs()}
  needed = "pixel_values" if kind == "pixels" else "input_ids"
  if needed not in names or names - _READ[kind]:
    raise ValueError(f"{path} reads {', '.join(sorted(names))}; expected {needed}: it is no "
                     f"encoder of {kind} alone")


def _output(session: Any, path: pathlib.Path, kind: str) -> str:
  names = [given.name for given in session.get_outputs()]
  found = [name for name in _OUTPUTS[kind] if name in names]
  if not found:
    raise ValueError(f"{path} gives {', '.join(names)}; expected one of "
                     f"{', '.join(_OUTPUTS[kind])}: it is no encoder")
  return found[0]


def _pictures(session: Any, output: str, steps: preprocessing.Steps,
              inputs: Sequence[np.ndarray]) -> np.ndarray:
  """Vectors float32 [N, E] of pictures."""
  rows = []
  for start in range(0, len(inputs), BATCH["pixels"]):
    x = preprocessing.apply(inputs[start:start + BATCH["pixels"]], steps)
    y = session.run([output], {"pixel_values": x})[0]
    if y.ndim == 4:  # maps: the mean over places
      y = y.mean((2, 3))
    rows.append(y[:, 0] if y.ndim == 3 else y)  # of tokens, the first stands for the picture
  return _joined(rows)


class _Reader(NamedTuple):
  """How texts become tokens, and tokens' vectors the text's."""

  tokenizer: Any
  inputs: tuple[str, ...]
  prompt: str
  pooling: str  # "mean", "cls", "max" or "last"
  unit: bool


def _texts(session: Any, output: str, reader: _Reader, inputs: Sequence[str]) -> np.ndarray:
  """Vectors float32 [N, E] of texts."""
  rows = []
  for start in range(0, len(inputs), BATCH["text"]):
    part = [reader.prompt + text for text in inputs[start:start + BATCH["text"]]]
    found = reader.tokenizer.encode_batch(part)
    tokens = np.array([each.ids for each in found], np.int64)
    mask = np.array([each.attention_mask for each in found], np.int64)
    mask[:, 0] = 1  # a text without a token would divide by zero
    known = {"input_ids": tokens, "attention_mask": mask,
             "token_type_ids": np.array([each.type_ids for each in found], np.int64),
             "position_ids": np.broadcast_to(np.arange(tokens.shape[1]), tokens.shape)}
    y = session.run([output], {name: known[name] for name in reader.inputs})[0]
    rows.append(_pooled(y, mask, reader.pooling) if y.ndim == 3 else y)
  x = _joined(rows)
  return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12) if reader.unit else x


def _pooled(y: np.ndarray, mask: np.ndarray, pooling: str) -> np.ndarray:
  """One vector [B, E] of each text's tokens [B, T, E], of which the mask [B, T] has ones."""
  if pooling == "cls":
    return y[:, 0]
  if pooling == "last":
    last = mask.shape[1] - 1 - mask[:, ::-1].argmax(1)
    return y[np.arange(len(y)), last]
  if pooling == "max":
    return np.where(mask[..., None] > 0, y, -np.inf).max(1)
  return (y * mask[..., None]).sum(1) / mask.sum(1)[:, None]


def _reader(folder: pathlib.Path, tokenizers: Any, session: Any) -> _Reader:
  path = folder / "tokenizer.json"
  if not path.exists():
    raise ValueError(f"{folder} has no tokenizer.json, so nothing says how texts are split; "
                     "expected the folder of a model of texts, as exported")
  try:
    tokenizer = tokenizers.Tokenizer.from_file(str(path))
  except Exception as error:  # tokenizers raises plain exceptions
    raise ValueError(f"{path} cannot be read: {str(error)[:200]}") from error
  inputs = tuple(given.name for given in session.get_inputs())
  told = _json(folder / "tokenizer_config.json")
  longest = _limit(folder, told)
  tokenizer.enable_truncation(longest)
  padding = tokenizer.padding or {}
  token = padding.get("pad_token") or _content(told.get("pad_token")) or "[PAD]"
  number = tokenizer.token_to_id(token)
  # Without a mask the model was trained on texts of one length: SigLIP, CLIP.
  tokenizer.enable_padding(pad_token=token, pad_id=0 if number is None else number,
                           length=None if "attention_mask" in inputs else longest)
  prompts = _json(folder / "config_sentence_transformers.json")
  prompt = prompts.get("prompts", {}).get(prompts.get("default_prompt_name") or "", "")
  modules = [module.get("type", "") for module in _json(folder / "modules.json") or []]
  return _Reader(tokenizer, inputs, prompt, _pooling(folder),
                 any(kind.endswith("Normalize") for kind in modules))


def _limit(folder: pathlib.Path, told: dict[str, Any]) -> int:
  """Tokens of a text at most."""
  network = _json(folder / "config.json")
  said = (_json(folder / "sentence_bert_config.json").get("max_seq_length"),
          told.get("model_max_length"), network.get("max_position_embeddings"),
          (network.get("text_config") or {}).get("max_position_embeddings"))
  return next((int(limit) for limit in said if limit and limit < 1e6), _LONGEST)


def _pooling(folder: pathlib.Path) -> str:
  told = _json(folder / "1_Pooling" / "config.json")
  modes = {"pooling_mode_cls_token": "cls", "pooling_mode_max_tokens": "max",
           "pooling_mode_lasttoken": "last", "pooling_mode_mean_tokens": "mean"}
  chosen = [mode for name, mode in modes.items() if told.get(name)]
  others = [name for name, value in told.items()
            if name.startswith("pooling_mode") and value is True and name not in modes]
  if others or len(chosen) > 1:
    raise ValueError(f"{folder}/1_Pooling/config.json asks for {', '.join(others or chosen)}; "
                     f"expected one of {', '.join(modes)}")
  return chosen[0] if chosen else "mean"


def _content(token: Any) -> str:
  return token.get("content", "") if isinstance(token, dict) else token or ""


def _json(path: pathlib.Path) -> Any:
  if not path.exists():
    return {}
  try:
    return json.loads(path.read_text())
  except ValueError as error:
    raise ValueError(f"{path} is damaged: {error}") from error


def _joined(rows: list[np.ndarray]) -> np.ndarray:
  return np.concatenate(rows).astype(np.float32)


def _fingerprint(folder: pathlib.Path, network: pathlib.Path) -> str:
  """Short hash of the network, its weights beside it, and of how examples are prepared."""
  total = hashlib.sha256()
  for path in [*sorted(network.parent.glob(f"{network.name}*")),
               *sorted(folder.glob("*.json")), *sorted(folder.glob("1_Pooling/*.json"))]:
    total.update(path.relative_to(folder).as_posix().encode())
    with path.open("rb") as file:
      hashlib.file_digest(file, lambda: total)
  return total.hexdigest()[:16]
