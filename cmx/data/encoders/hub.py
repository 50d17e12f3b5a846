"""Where an exported model lies: a folder of the user's, or what the hub's client has fetched."""

import pathlib
import socket
import types
import urllib.parse
import urllib.request

_PREFIX = "hf:"
_NEEDED = ("config.json", "preprocessor_config.json", "tokenizer.json", "tokenizer_config.json",
           "special_tokens_map.json", "modules.json", "sentence_bert_config.json",
           "config_sentence_transformers.json", "1_Pooling/config.json")
EXTRA = "pip install -e '.[hf]'"

# Files of the network by kind of input, the better ones first.
NETWORKS = {
  kind: tuple(f"{folder}{name}.onnx" for name in names for folder in ("onnx/", ""))
  for kind, names in {"pixels": ("vision_model", "model"), "text": ("text_model", "model")}.items()}


def is_one(name: str) -> bool:
  """Whether the name of an encoder is that of an exported model."""
  return name.startswith(_PREFIX)


def network(folder: pathlib.Path, kind: str) -> pathlib.Path:
  """The file of a model's network for a kind of input.

  Raises:
    ValueError: if there is none.
  """
  found = [folder / name for name in NETWORKS[kind] if (folder / name).is_file()]
  if not found:
    held = sorted(path.name for path in folder.iterdir())[:8]
    raise ValueError(
      f"{folder} holds {', '.join(held) or 'nothing'}; expected an exported model with "
      f"{' or '.join(name for name in NETWORKS[kind] if '/' in name)}. A model of torch is "
      "exported once, elsewhere: optimum-cli export onnx --model NAME FOLDER")
  return found[0]


def folder_of(name: str, kind: str) -> pathlib.Path:
  """The folder of a model "hf:FOLDER" or "hf:OWNER/NAME"; the latter is fetched, or taken as kept.

  Raises:
    ValueError: if it is neither there nor to be had, or the hub's client is not installed.
  """
  told = name.removeprefix(_PREFIX)
  folder = pathlib.Path(told).expanduser()
  if not told:
    raise ValueError(f"encoder {name!r} names nothing; expected hf:FOLDER or hf:OWNER/NAME")
  if folder.is_dir():
    return folder
  if folder.exists():
    raise ValueError(f"{folder} is a file; expected the folder of an exported model")
  if told.startswith(("/", ".", "~")) or told.count("/") > 1:
    raise ValueError(f"{folder} does not exist; expected the folder of an exported model")
  try:
    import huggingface_hub
  except ImportError as error:
    raise ValueError(f"encoder {name!r} needs the hub's client: {EXTRA}") from error
  kept = _kept(huggingface_hub, told, kind)
  if kept is not None:
    return kept
  try:
    _check_network(huggingface_hub.constants.ENDPOINT)
    files = huggingface_hub.HfApi().list_repo_files(told)
    wanted = next((file for file in NETWORKS[kind] if file in files), None)
    if wanted is not None:
      return pathlib.Path(huggingface_hub.snapshot_download(
        told, allow_patterns=[*_NEEDED, wanted, f"{wanted}_data", f"{wanted}.data"]))
  except Exception as error:  # of several libraries below the hub's client
    reason = " ".join(str(error).split())[:200] or type(error).__name__
    raise ValueError(f"the hub does not give {told}, and it was not fetched before ({reason}). "
                     "Is there a network, and is the name right? Or give a folder: "
                     "hf:/path/to/model") from error
  raise ValueError(f"{told} on the hub has no {' or '.join(NETWORKS[kind])}; expected an exported "
                   "model")


def _kept(client: types.ModuleType, told: str, kind: str) -> pathlib.Path | None:
  """The folder of a model that was fetched before: the hub is not asked again."""
  try:
    folder = pathlib.Path(client.snapshot_download(told, local_files_only=True))
    return folder if network(folder, kind) else None
  except Exception:  # as above: it is not there
    return None


def _check_network(endpoint: str) -> None:
  """Raises OSError at once where the hub's name is not known; its client would try for a minute."""
  if not urllib.request.getproxies():
    socket.getaddrinfo(urllib.parse.urlsplit(endpoint).hostname, 443)
