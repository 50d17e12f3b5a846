"""Readers of weight files: what was written comes out, nothing else is run, damage is said."""

import io
import json
import struct
import zipfile

import numpy as np
import pytest

from cmx.files import safetensors
from cmx.files import state_dict

# -- safetensors, written by hand


def _safetensors(header: dict, body: bytes) -> bytes:
  text = json.dumps(header).encode()
  return struct.pack("<Q", len(text)) + text + body


def test_safetensors_come_out_as_written():
  body = np.arange(6, dtype="<f4").tobytes() + np.array([7, -8], "<i8").tobytes()
  arrays = safetensors.read(_safetensors(
    {"__metadata__": {"format": "pt"}, "a": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]},
     "b": {"dtype": "I64", "shape": [2], "data_offsets": [24, 40]}}, body))
  np.testing.assert_array_equal(arrays["a"], [[0, 1, 2], [3, 4, 5]])
  np.testing.assert_array_equal(arrays["b"], [7, -8])


def test_safetensors_are_read_from_a_memory_map(tmp_path):
  path = tmp_path / "w.safetensors"
  path.write_bytes(_safetensors({"a": {"dtype": "U8", "shape": [2], "data_offsets": [0, 2]}}, b"\x05\x06"))
  assert safetensors.read(np.memmap(path, np.uint8, "r"))["a"].tolist() == [5, 6]


@pytest.mark.parametrize("entry, message", [
  ({"dtype": "F32", "shape": [3], "data_offsets": [0, 8]}, r"a of shape \[3\] needs 12 bytes"),
  ({"dtype": "F32", "shape": [2], "data_offsets": [4, 12]}, "offsets are 4:12 in 8 bytes"),
  ({"dtype": "F99", "shape": [2], "data_offsets": [0, 8]}, "type 'F99'; expected one of F64, F32"),
])
def test_safetensors_with_wrong_sizes_are_refused(entry, message):
  with pytest.raises(ValueError, match=message):
    safetensors.read(_safetensors({"a": entry}, bytes(8)))


def test_safetensors_with_a_header_beyond_the_file_are_refused():
  with pytest.raises(ValueError, match="header of 1000 bytes in a file of 10"):
    safetensors.read(struct.pack("<Q", 1000) + b"{}")


# -- torch state dicts, written opcode by opcode: neither torch nor pickle is needed to test the reader

_STOP = b"."


def _text(value: str) -> bytes:
  return b"X" + struct.pack("<I", len(value)) + value.encode()


def _number(value: int) -> bytes:
  return b"J" + struct.pack("<i", value)


def _tuple(*items: bytes) -> bytes:
  return b"(" + b"".join(items) + b"t"


def _global(module: str, name: str) -> bytes:
  return f"c{module}\n{name}\n".encode()


def _array(key: str, count: int, offset: int, shape: tuple, stride: tuple) -> bytes:
  storage = _tuple(_text("storage"), _global("torch", "FloatStorage"), _text(key), _text("cpu"),
                   _number(count), b"N") + b"Q"
  hooks = _global("collections", "OrderedDict") + b")R"
  return (_global("torch._utils", "_rebuild_tensor_v2")
          + _tuple(storage, _number(offset), _tuple(*map(_number, shape)), _tuple(*map(_number, stride)),
                   b"\x89", hooks) + b"R")


def _dict(**items: bytes) -> bytes:
  return b"}(" + b"".join(_text(name) + value for name, value in items.items()) + b"u"


def _old_style(tree: bytes, numbers: np.ndarray) -> bytes:
  magic = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
  keys = b"](" + _text("7") + b"e" + _STOP
  return (magic + _number(1001) + _STOP + _dict() + _STOP + tree + _STOP + keys
          + struct.pack("<q", len(numbers)) + numbers.astype("<f4").tobytes())


def _zip_style(tree: bytes, numbers: np.ndarray) -> bytes:
  stream = io.BytesIO()
  with zipfile.ZipFile(stream, "w") as archive:
    archive.writestr("model/data.pkl", tree + _STOP)
    archive.writestr("model/data/7", numbers.astype("<f4").tobytes())
  return stream.getvalue()


@pytest.mark.parametrize("style", [_old_style, _zip_style])
def test_state_dict_arrays_respect_offset_and_stride(style):
  tree = _dict(whole=_array("7", 6, 0, (2, 3), (3, 1)), turned=_array("7", 6, 1, (2, 2), (1, 3)))
  arrays = state_dict.read(style(tree, np.arange(6)))
  np.testing.assert_array_equal(arrays["whole"], [[0, 1, 2], [3, 4, 5]])
  np.testing.assert_array_equal(arrays["turned"], [[1, 4], [2, 5]])


@pytest.mark.parametrize("style", [_old_style, _zip_style])
@pytest.mark.parametrize("module", ["posix", "os", "builtins"])
def test_live_payload_does_not_fire(style, module, tmp_path):
  mark = tmp_path / "fired"
  name = "exec" if module == "builtins" else "system"
  argument = f"open({str(mark)!r}, 'w')" if module == "builtins" else f"touch {mark}"
  payload = _global(module, name) + _tuple(_text(argument)) + b"R"
  with pytest.raises(ValueError, match=f"asks for {module}.{name}; only arrays are read"):
    state_dict.read(style(_dict(a=payload), np.arange(6)))
  assert not mark.exists()


@pytest.mark.parametrize("shape, stride", [((7,), (1,)), ((2, 3), (4, 1)), ((2,), (-1,)), ((1 << 30, 2), (0, 0))])
def test_array_outside_its_storage_is_refused(shape, stride):
  with pytest.raises(ValueError, match="does not fit its storage of 6"):
    state_dict.read(_old_style(_dict(a=_array("7", 6, 0, shape, stride)), np.arange(6)))


def test_cut_state_dict_is_refused():
  whole = _old_style(_dict(a=_array("7", 6, 0, (6,), (1,))), np.arange(6))
  with pytest.raises(ValueError, match="storage has 20 bytes"):
    state_dict.read(whole[:-4])
  with pytest.raises(ValueError, match="damaged or no state dict"):
    state_dict.read(whole[:60])
