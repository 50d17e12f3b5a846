"""Exported models as encoders, on tiny ones made here: what is read, and what is refused."""

import json

import numpy as np
import pytest

from cmx.data import encoders
from cmx.data.encoders import exported
from cmx.data.encoders import hub
from cmx.data.encoders import preprocessing

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
tokenizers = pytest.importorskip("tokenizers")

CLIP = {"do_resize": True, "size": {"shortest_edge": 4}, "resample": 0, "do_center_crop": True,
        "crop_size": {"height": 4, "width": 4}, "do_rescale": True, "rescale_factor": 1 / 255,
        "do_normalize": True, "image_mean": [0.5, 0.25, 0.0], "image_std": [0.5, 0.25, 2.0]}
TABLE = np.array([[0, 0], [1, 0], [0, 2], [3, 3]], np.float32)  # of [PAD], a, red, barn


def value(name, kind, shape):
  return onnx.helper.make_tensor_value_info(name, kind, shape)


def save(path, nodes, inputs, outputs, constants=()):
  graph = onnx.helper.make_graph(nodes, "tiny", inputs, outputs, list(constants))
  model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)],
                                 ir_version=8)
  path.parent.mkdir(parents=True, exist_ok=True)
  onnx.save(model, path)


def of_pictures(folder, told=CLIP, output="image_embeds", name="onnx/vision_model.onnx"):
  """A model that gives the mean of each channel as prepared."""
  number = onnx.TensorProto.FLOAT
  save(folder / name, [onnx.helper.make_node("ReduceMean", ["pixel_values"], [output],
                                             axes=[2, 3], keepdims=0)],
       [value("pixel_values", number, ["n", 3, "h", "w"])], [value(output, number, ["n", 3])])
  if told is not None:
    (folder / "preprocessor_config.json").write_text(json.dumps(told))
  return folder


def of_texts(folder, *, output="last_hidden_state", inputs=("input_ids", "attention_mask")):
  """A model whose tokens' vectors are rows of TABLE."""
  whole, number = onnx.TensorProto.INT64, onnx.TensorProto.FLOAT
  table = onnx.numpy_helper.from_array(TABLE, "table")
  save(folder / "onnx" / "model.onnx",
       [onnx.helper.make_node("Gather", ["table", "input_ids"], [output])],
       [value(name, whole, ["n", "t"]) for name in inputs],
       [value(output, number, ["n", "t", 2])], [table])
  words = {"[PAD]": 0, "a": 1, "red": 2, "barn": 3}
  tokenizer = tokenizers.Tokenizer(tokenizers.models.WordLevel(words, unk_token="[PAD]"))
  tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
  tokenizer.save(str(folder / "tokenizer.json"))
  return folder


def write(path, content):
  path.parent.mkdir(parents=True, exist_ok=True)
  path.write_text(json.dumps(content))


def load(folder, kind):
  return encoders.load(f"hf:{folder}", "nowhere", kind)


def test_pictures_are_prepared_as_the_model_says(tmp_path):
  encoder = load(of_pictures(tmp_path), "pixels")
  picture = np.zeros((6, 8, 3), np.uint8)
  picture[..., 0], picture[..., 2] = 255, 51
  np.testing.assert_allclose(encoder.encode([picture, picture]),
                             [[1.0, -1.0, 0.1]] * 2, atol=1e-6)
  assert (encoder.width, encoder.kind, encoder.cached) == (3, "pixels", True)


def test_the_middle_is_cut_out_or_the_whole_is_squeezed():
  picture = np.zeros((4, 8, 3), np.uint8)
  picture[:, 2:6] = 255
  steps = preprocessing.Steps(4, (), 0, (4, 4), 1.0, (0.0,) * 3, (1.0,) * 3)
  assert preprocessing.apply([picture], steps).min() == 255
  squeezed = preprocessing.apply([picture], steps._replace(shortest=0, size=(4, 4), crop=()))
  np.testing.assert_array_equal(squeezed[0, 0, 0], [0, 255, 255, 0])
  with pytest.raises(ValueError, match="2 sizes"):
    preprocessing.apply([picture, picture[:, :4]], steps._replace(shortest=0, crop=()))


@pytest.mark.parametrize("told, words", [
  (None, "preprocessor_config.json"), ({**CLIP, "do_pad": True}, "do_pad"),
  ({**CLIP, "image_mean": [0.5]}, "1 channels"), ({"do_normalize": False}, "size"),
  ([], "preprocessor_config.json")])
def test_preparation_that_is_not_known_is_refused(tmp_path, told, words):
  with pytest.raises(ValueError, match=words):
    load(of_pictures(tmp_path, told), "pixels")


def test_texts_are_means_of_their_tokens_whatever_stands_beside_them(tmp_path):
  encoder = load(of_texts(tmp_path), "text")
  np.testing.assert_allclose(encoder.encode(["a red barn", "red"]), [[4 / 3, 5 / 3], [0, 2]],
                             rtol=1e-6)


@pytest.mark.parametrize("mode, expected", [
  ("pooling_mode_cls_token", [1, 0]), ("pooling_mode_max_tokens", [3, 3]),
  ("pooling_mode_lasttoken", [3, 3]), ("pooling_mode_mean_tokens", [2, 1.5])])
def test_tokens_are_pooled_as_the_model_says(tmp_path, mode, expected):
  write(of_texts(tmp_path) / "1_Pooling" / "config.json", {mode: True, "dimension": 2})
  encoder = load(tmp_path, "text")
  np.testing.assert_allclose(encoder.encode(["a barn", "a a red barn"])[0], expected)


def test_length_prompt_and_unit_length_are_the_models(tmp_path):
  of_texts(tmp_path)
  write(tmp_path / "sentence_bert_config.json", {"max_seq_length": 2})
  write(tmp_path / "modules.json", [{"type": "sentence_transformers.models.Normalize"}])
  write(tmp_path / "config_sentence_transformers.json",
        {"prompts": {"query": "red "}, "default_prompt_name": "query"})
  found = load(tmp_path, "text").encode(["barn a a"])  # red barn
  np.testing.assert_allclose(found, np.array([[1.5, 2.5]]) / np.hypot(1.5, 2.5), rtol=1e-6)


def test_a_model_without_a_mask_gets_texts_of_its_own_length(tmp_path):
  of_texts(tmp_path, inputs=("input_ids",))
  write(tmp_path / "tokenizer_config.json", {"model_max_length": 4, "pad_token": "[PAD]"})
  assert load(tmp_path, "text").encode(["red"]).tolist() == [[0, 2]]


def test_weights_and_preparation_are_in_the_fingerprint(tmp_path):
  first = load(of_pictures(tmp_path), "pixels").fingerprint
  assert load(tmp_path, "pixels").fingerprint == first
  of_pictures(tmp_path, {**CLIP, "resample": 2})
  second = load(tmp_path, "pixels").fingerprint
  (tmp_path / "onnx" / "vision_model.onnx_data").write_bytes(b"more")
  assert len({first, second, load(tmp_path, "pixels").fingerprint}) == 3


def test_models_of_another_kind_are_refused(tmp_path):
  pictures, texts = of_pictures(tmp_path / "p", name="model.onnx"), of_texts(tmp_path / "t")
  with pytest.raises(ValueError, match="reads pixel_values; expected input_ids"):
    load(pictures, "text")
  with pytest.raises(ValueError, match="attention_mask, input_ids; expected pixel_values"):
    load(texts, "pixels")
  with pytest.raises(ValueError, match="gives logits; expected one of image_embeds"):
    load(of_pictures(tmp_path / "c", output="logits"), "pixels")
  (texts / "tokenizer.json").unlink()
  with pytest.raises(ValueError, match="tokenizer.json"):
    load(texts, "text")
  (tmp_path / "torch").mkdir()
  (tmp_path / "torch" / "model.safetensors").write_bytes(b"")
  with pytest.raises(ValueError, match="holds model.safetensors; .*optimum-cli"):
    load(tmp_path / "torch", "pixels")
  (pictures / "model.onnx").write_bytes(b"cut off")
  with pytest.raises(ValueError, match="model.onnx cannot be opened"):
    load(pictures, "pixels")


@pytest.mark.parametrize("name, words", [
  ("hf:", "names nothing"), ("hf:/no/such/folder", "/no/such/folder does not exist"),
  ("hf:./none", "none does not exist"), (f"hf:{__file__}", "is a file")])
def test_a_folder_that_is_not_there_is_said(name, words):
  with pytest.raises(ValueError, match=words):
    encoders.load(name, "nowhere", "pixels")


def test_a_hub_that_cannot_be_reached_is_said(monkeypatch, tmp_path):
  client = pytest.importorskip("huggingface_hub")

  def unreachable(*args, **kwargs):
    raise ConnectionError("name resolution failed")

  monkeypatch.setattr(hub.socket, "getaddrinfo", unreachable)
  monkeypatch.setattr(hub.urllib.request, "getproxies", dict)
  monkeypatch.setattr(client, "snapshot_download", unreachable)
  with pytest.raises(ValueError, match="openai/clip.*name resolution failed.*hf:/path/to/model"):
    hub.folder_of("hf:openai/clip", "pixels")
  of_pictures(tmp_path)
  monkeypatch.setattr(client, "snapshot_download", lambda *args, **kwargs: str(tmp_path))
  assert hub.folder_of("hf:openai/clip", "pixels") == tmp_path  # fetched before


def test_what_the_hub_has_is_fetched_for_the_kind_alone(monkeypatch, tmp_path):
  client, asked = pytest.importorskip("huggingface_hub"), []

  def fetch(name, local_files_only=False, allow_patterns=()):
    if local_files_only:
      raise FileNotFoundError(name)
    asked.extend(allow_patterns)
    return str(tmp_path)

  files = ["onnx/model.onnx", "onnx/vision_model.onnx", "onnx/text_model.onnx", "model.safetensors"]
  monkeypatch.setattr(hub, "_check_network", lambda endpoint: None)
  monkeypatch.setattr(client.HfApi, "list_repo_files", lambda self, name: files)
  monkeypatch.setattr(client, "snapshot_download", fetch)
  assert hub.folder_of("hf:openai/clip", "pixels") == tmp_path
  assert [name for name in asked if ".onnx" in name] == [
    "onnx/vision_model.onnx", "onnx/vision_model.onnx_data", "onnx/vision_model.onnx.data"]
  files[:] = ["model.safetensors"]
  with pytest.raises(ValueError, match="openai/clip on the hub has no onnx/text_model.onnx"):
    hub.folder_of("hf:openai/clip", "text")


def test_a_library_that_is_missing_is_named_with_the_extra(monkeypatch, tmp_path):
  monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)
  with pytest.raises(ValueError, match=r"onnxruntime: pip install -e '.\[hf\]'"):
    exported.load(f"hf:{tmp_path}", "text")
