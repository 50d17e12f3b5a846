"""Files of weights by other hands: Caffe's schema by protobuf's own encoder, torch by opcodes."""

import io
import json
import struct
import zipfile

from google.protobuf import descriptor_pb2
from google.protobuf import descriptor_pool
from google.protobuf import message_factory
import numpy as np

_TYPES = {"string": 9, "float": 2, "double": 1, "int32": 5, "int64": 3, "enum": 5, "message": 11}
_SCHEMA = {  # a part of caffe.proto: {message: {field: (number, type, repeated and packed)}}
  "BlobShape": {"dim": (1, "int64", True)},
  "BlobProto": {"num": (1, "int32", False), "channels": (2, "int32", False),
                "height": (3, "int32", False), "width": (4, "int32", False),
                "data": (5, "float", True), "diff": (6, "float", True),
                "shape": (7, "BlobShape", False), "double_data": (8, "double", True)},
  "V0LayerParameter": {"name": (1, "string", False), "type": (2, "string", False),
                       "blobs": (50, "BlobProto", True), "blobs_lr": (51, "float", True)},
  "V1LayerParameter": {"layer": (1, "V0LayerParameter", False), "bottom": (2, "string", True),
                       "name": (4, "string", False), "type": (5, "enum", False),
                       "blobs": (6, "BlobProto", True)},
  "LayerParameter": {"name": (1, "string", False), "type": (2, "string", False),
                     "blobs": (7, "BlobProto", True)},
  "NetParameter": {"name": (1, "string", False), "layers": (2, "V1LayerParameter", True),
                   "input": (3, "string", True), "layer": (100, "LayerParameter", True)},
}


def _messages():
  file = descriptor_pb2.FileDescriptorProto(name="caffe_part.proto", package="caffe_part")
  for name, fields in _SCHEMA.items():
    message = file.message_type.add(name=name)
    for field, (number, kind, repeated) in fields.items():
      plain = kind in _TYPES
      made = message.field.add(name=field, number=number, label=3 if repeated else 1,
                               type=_TYPES[kind if plain else "message"])
      if not plain:
        made.type_name = f".caffe_part.{kind}"
      elif repeated and kind != "string":
        made.options.packed = True
  pool = descriptor_pool.DescriptorPool()
  pool.Add(file)
  return {name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"caffe_part.{name}"))
          for name in _SCHEMA}


CAFFE = _messages()


def blob(array, old=False, double=False):
  """A BlobProto; the old form states four sizes, the new one any number."""
  array = np.asarray(array)
  made = CAFFE["BlobProto"](**{"double_data" if double else "data": array.ravel().tolist()})
  if old:
    sizes = (1,) * (4 - array.ndim) + array.shape
    made.num, made.channels, made.height, made.width = sizes
  else:
    made.shape.dim.extend(array.shape)
  return made


def caffemodel(weights, generation=2):
  """A .caffemodel of {layer: (weight, bias)}; generation 0, 1 or 2 of Caffe's layers."""
  net = CAFFE["NetParameter"](name="made")
  if generation == 2:
    net.layer.add(name="data", type="Data")
  for name, pair in weights.items():
    blobs = [blob(part, old=generation < 2) for part in pair]
    if generation == 2:
      net.layer.add(name=name, type="Convolution", blobs=blobs)
    elif generation == 1:
      net.layers.add(name=name, type=4, bottom=["data"], blobs=blobs)
    else:
      net.layers.add(bottom=["data"], layer=CAFFE["V0LayerParameter"](
        name=name, type="conv", blobs=blobs, blobs_lr=[1.0, 2.0]))
  return net.SerializeToString()


def safetensors(arrays):
  """A .safetensors of float32 arrays, by its specification."""
  header, body = {"__metadata__": {"format": "pt"}}, b""
  for name, array in arrays.items():
    data = np.asarray(array, "<f4").tobytes()
    header[name] = {"dtype": "F32", "shape": list(np.shape(array)),
                    "data_offsets": [len(body), len(body) + len(data)]}
    body += data
  text = json.dumps(header).encode()
  return struct.pack("<Q", len(text)) + text + body


def _text(value):
  return b"X" + struct.pack("<I", len(value)) + value.encode()


def _number(value):
  return b"J" + struct.pack("<i", value)


def _numbers(values):
  return b"(" + b"".join(map(_number, values)) + b"t"


def checkpoint(arrays, storage="torch", rebuild="_rebuild_tensor_v2"):
  """A zipped torch checkpoint {"epoch", "state_dict"}; the storages are of the module `storage`."""
  tensors, files = b"", {}
  for index, (name, array) in enumerate(arrays.items()):
    array = np.asarray(array, "<f4")
    strides = [stride // 4 for stride in array.strides]
    view = b"" if "v2" in rebuild else b"N"  # of another storage: none
    held = (b"(" + _text("storage") + f"c{storage}\nFloatStorage\n".encode() + _text(str(index))
            + _text("cuda:0") + _number(array.size) + view + b"tQ")
    hooks = b"\x89ccollections\nOrderedDict\n)R" if "v2" in rebuild else b""
    tensors += (_text(name) + f"ctorch._utils\n{rebuild}\n(".encode() + held + _number(0)
                + _numbers(array.shape) + _numbers(strides) + hooks + b"tR")
    files[f"archive/data/{index}"] = array.tobytes()
  state = b"ccollections\nOrderedDict\n)R(" + tensors + b"u"
  tree = b"\x80\x02}(" + _text("epoch") + _number(90) + _text("state_dict") + state + b"u."
  stream = io.BytesIO()
  with zipfile.ZipFile(stream, "w") as archive:
    archive.writestr("archive/data.pkl", tree)
    for name, data in files.items():
      archive.writestr(name, data)
  return stream.getvalue()
