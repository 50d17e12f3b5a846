"""What varies between runs: typed fields, each with its unit and meaning.

Defaults are those of the embedded rendered world. Files in `configs/` return a `Config` with other
values; flags change single fields (`--config.optimizer.steps=100`). What the paper leaves open
carries the remark "open in the paper".
"""

import dataclasses
from typing import Annotated, Any

from cmx.config import limits

# Types that say what the values of a field must be; of other numbers, limits.OF_TYPE does.
Path = Annotated[str, "file or folder of this machine; ~ is the user's home"]
_Count = Annotated[int, limits.whole(1)]
_Batch = Annotated[int, limits.whole(1, 1 << 20)]
_Many = Annotated[int, limits.whole(0, 1 << 20)]
_Side = Annotated[int, limits.whole(1, 4_096)]  # pixels; a picture of so many, squared, is 50 MB
_Pixels = Annotated[int, limits.whole(0, 4_096)]
_Width = Annotated[int, limits.whole(1, 1 << 16)]
_Layer = limits.Layer
_FromOne = Annotated[float, limits.whole(1)]
_Seed = Annotated[int, limits.Limit(lambda x: 0 <= x < 1 << 63, f"0 or more, below {1 << 63}")]
_Share = Annotated[float, limits.Limit(lambda x: 0 <= x <= 1, "a share from 0 to 1")]
_Part = Annotated[float, limits.Limit(lambda x: 0 <= x < 1, "a share from 0 to less than 1")]
_Positive = Annotated[float, limits.Limit(lambda x: x > 0, "more than 0")]
_Finite = Annotated[float, limits.Limit(lambda x: abs(x) < float("inf"), "a finite number")]
_Endless = Annotated[float, limits.Limit(lambda x: x >= 0, "0 or more")]  # also without end


@dataclasses.dataclass
class World:
  """The rendered world: how many examples of each modality, in CMPlaces' proportions."""

  image_size: _Side = 64  # pixels, height and width
  seed: _Seed = 0  # of the scenes; another seed is another world of the same categories
  natural: _Many = 400  # training examples a category
  clipart: _Many = 55
  spatial_text: _Many = 200
  drawing: _Many = 32
  description: _Many = 21
  validation_natural: _Many = 40  # validation examples a category, natural images
  validation_other: _Many = 20  # the same, every other modality


@dataclasses.dataclass
class Everyday:
  """Everyday things from published packages."""

  packages: Path = ""  # folder with the package files; "" is <data.root>/packages
  photographs_only: bool = False  # natural images: photographs alone, no 3-D renders
  spatial_text: limits.SpatialText = "pixels"  # or "words": how spatial text is read
  mask_names: bool = False  # replace words of the category's own name in descriptions


@dataclasses.dataclass
class Folders:
  """A user's own folders or manifest."""

  path: Path = ""  # root of <modality>/<split>/<class>/<file>, or a .csv / .tsv / .jsonl manifest
  damaged: int = 0  # files or rows that cannot be used and are left out, at most
  image_size: _Side = 64  # pixels; images are padded to a white square and resized
  reference: str = ""  # modality the others start from; "": natural by name, else most pictures
  written: tuple[str, ...] = ()  # image modalities that show written words: never mirrored


@dataclasses.dataclass
class Cmplaces:
  """CMPlaces from its archives. A modality's field names a TFDS set that stands in for it."""

  archives: Path = ""  # folder of archives and lists; "" is <data.root>/downloads/manual
  image_size: _Side = 256  # pixels that images are read at; they are kept at 256
  damaged: int = 0  # files of a modality that do not decode and are left out, at most
  beam: tuple[str, ...] = ()  # flags of Beam's pipeline, e.g. --runner=DirectRunner; () is no Beam
  tfds_root: str = ""  # TFDS's data directory of the sets below; "" is TFDS's own default
  natural: str = ""  # "" for the archives, or any classification set, e.g. "places365_small"
  clipart: str = ""
  spatial_text: str = ""
  drawing: str = ""
  description: str = ""


@dataclasses.dataclass
class Data:
  """Which data set, and how it is read."""

  name: str = "rendered_world"  # in cmx/data/sets/
  root: Path = "data"  # folder for prepared records and cached features
  modalities: tuple[str, ...] = ()  # names to use; () is all the data set has
  added: tuple[str, ...] = ()  # "name=root of folders" of modalities added later, which stand last
  holdout: _Part = 0.0  # share of each training cell evaluated on instead of validation, to tune on
  unseen_classes: int = 0  # classes that no training example shows; the run's seed chooses them
  world: World = dataclasses.field(default_factory=World)
  everyday: Everyday = dataclasses.field(default_factory=Everyday)
  folders: Folders = dataclasses.field(default_factory=Folders)
  cmplaces: Cmplaces = dataclasses.field(default_factory=Cmplaces)


@dataclasses.dataclass
class Augment:
  """How training examples are varied; each modality gets what suits its kind of input."""

  shift: _Pixels = 4  # pixels an image moves at most, each way; its edge is repeated
  brightness: _Share = 0.1  # largest relative change of brightness and contrast of an image
  word_dropout: _Part = 0.0  # share of a text's words left out; by encoders "hashing" and "words"
  vector_dropout: _Part = 0.1  # share of a vector's entries set to zero, the rest scaled up
  vector_noise: float = 0.0  # Gaussian noise on a vector, relative to its root mean square


@dataclasses.dataclass
class Encoders:
  """Frozen encoders that turn examples into vectors before any tower; by kind of input."""

  # Both also take "hf:FOLDER" or "hf:OWNER/NAME", a model exported to ONNX, and
  # "python:module.function": a list of PIL images or strings in, an array [N, E] out.
  pixels: limits.OfPixels = ""  # "" feeds pixels to convolutions, "efficientnet_lite0" its features
  text: limits.OfTexts = "hashing"  # bag of words; "words": vectors' mean; "vectors": skip-thoughts
  file: Path = ""  # of "words": GloVe's text form, .npz or .npy; of "vectors": .npz or .npy
  sentences: bool = False  # a text's vector is the mean of those of its sentences


@dataclasses.dataclass
class Network:
  """Shapes of towers and trunk."""

  tower: limits.Tower = "small"  # for pixels: or "resnet_small", "resnet18", "alexnet" ...
  channels: tuple[_Width, ...] = (32, 48, 64, 96)  # of the small tower's four convolutions
  hidden: tuple[_Width, ...] = (256,)  # widths of a vector tower before pool5
  pool5: _Width = 512  # width of pool5 where no modality is of pixels; else convolutions fix it
  trunk: _Width = 256  # width of fc6 and fc7 (the paper: 4,096)
  dropout: _Part = 0.5  # share of fc6 and fc7 dropped while training, as in the Places-CNN
  precision: limits.Precision = "float32"  # of activations; parameters and losses are float32


@dataclasses.dataclass
class Weights:
  """Weights from outside that the reference network starts from; reference.steps=0 keeps them."""

  file: Path = ""  # .caffemodel, .safetensors, .npz, torch state dict (.pth, .pt, .tar); "": none
  mean: Path = ""  # of Caffe's: mean image (.binaryproto, .npy) or blue,green,red as in 104,117,123
  classes: Path = ""  # list of the classes they were trained on: lines of "name" or "name label"
  classifier: limits.Classifier = "same"  # fc8: the same classes, "named" rows by name, or "fresh"


@dataclasses.dataclass
class Optimizer:
  """How parameters are updated; open in the paper."""

  steps: _Count = 600  # steps of the run, all phases together
  batch: _Batch = 32  # examples of each modality a step, over all devices
  learning_rate: float = 3e-3  # peak
  tower_rate: float = 1.0  # multiplies the learning rate of towers that start from the reference
  trunk_rate: float = 1.0  # the same for trunk layers that start from the reference
  warmup: int = 50  # steps of linear warm-up at the start of each phase
  weight_decay: float = 1e-4  # decoupled, on kernels only
  clip: _Positive = 1.0  # global norm of the gradient
  tune_share: _Share = 0.5  # share of the steps with the trunk frozen, in methods that release it
  accumulate: _Count = 1  # parts in which a device works off its batch, to need part of the memory
  skip: int = 0  # steps with numbers that are not finite which are left out, at most; 0: stop
  recompute: bool = False  # activations again in the backward pass, to keep one modality's at once


@dataclasses.dataclass
class Mixture:
  """Statistics of the reference network's activations; open in the paper but for the idea."""

  layers: tuple[_Layer, ...] = ("fc6", "fc7")  # i of the penalty; fc6_linear: before the ReLU
  components: _Width = 32  # K of the mixture; the Gaussian row uses 1
  iterations: _Count = 50  # of EM at most
  tolerance: float = 1e-3  # EM stops below this gain, nats per example
  covariance: limits.Covariance = "diagonal"  # or "tied", one for all; "full" for K = 1 only
  restarts: _Count = 1  # starts of EM; the one with the best likelihood is kept
  variance_floor: float = 1e-3  # share of the layer's mean variance that no variance goes below
  examples: _Count = 20_000  # reference training examples the mixture is fitted on, at most
  per_class: _Width = 1  # components of each class, where a row fits its mixture class by class
  least_share: _Share = 0.02  # of a class on a component, for it to count; 1: its largest alone
  stored: bool = True  # their activations, on disk; False asks the network again in every pass


@dataclasses.dataclass
class Alignment:
  """The terms that a method adds to the cross entropy; which, is the method's row."""

  weight: float = 1.0  # multiplies the weights that the row gives its terms (see cmx.methods)
  layers: tuple[_Layer, ...] = ("fc7",)  # compared by terms without a mixture; with: mixture.layers
  temperature: _FromOne = 1.0  # T of a mixture's responsibilities, nats; 1: the paper's, D at most
  contrast: _Positive = 0.1  # temperature that cosines are divided by, of contrasts and prototypes
  bias: _Finite = -5.0  # b of the sigmoid contrast, added to cosines over their temperature
  spread: _Positive = 2.0  # s of centres with spread: the larger, the nearer a centre that pushes
  bandwidths: tuple[_Positive, ...] = (0.25, 0.5, 1.0, 2.0, 4.0)  # of MMD, mean squared distances
  projections: _Width = 64  # directions of the sliced Wasserstein distance, drawn in each step
  memory: _Part = 0.99  # of moments, a step: what rows that normalise remember of them
  discriminator: _Width = 256  # hidden units of the adversary that tells modalities apart


@dataclasses.dataclass
class Evaluation:
  """What is extracted and compared."""

  layers: tuple[_Layer, ...] = ("pool5", "fc6", "fc7")  # layers with a table each
  layer: _Layer = "fc7"  # the layer of the main table
  readout: limits.Readout = "cosine"  # how features are compared
  batch: _Batch = 256  # examples a forward pass, over all devices


@dataclasses.dataclass
class Optimisation:
  """Pictures of units by gradient descent on the image; 0 steps for none."""

  steps: int = 150  # of descent
  learning_rate: float = 0.05  # of Adam, on what the parameterisation changes
  parameterisation: limits.Parameterisation = "fourier"  # what is changed: waves, or pixels
  jitter: _Pixels = 2  # pixels that images are moved by at most, each step
  blur: float = 0.5  # pixels, deviation of the blur before the network looks; 0 for none
  smoothness: float = 0.3  # weight of the total variation beside the objective
  units: int = 6  # units of the layer that an image is found for; the liveliest ones


@dataclasses.dataclass
class Inversion:
  """From features back to pictures of the reference modality; all of it is our choice."""

  layer: _Layer = "fc7"  # whose features are inverted
  maps: tuple[_Width, ...] = (64, 160)  # channels of the decoder's fine and coarse maps
  depth: _Count = 2  # of its blocks on each
  size: _Pixels = 0  # pixels of the pictures; 0: the data set's, and the tower's
  steps: _Count = 2400  # of the decoder's training
  batch: _Batch = 32  # pictures of the reference modality a step, over all devices
  learning_rate: float = 1e-3  # peak, of AdamW
  average: _Part = 0.998  # of the weights' moving average that a step keeps; it draws the pictures
  withheld: _Part = 0.1  # share of training pictures whose features the decoder is not told
  drawing: _Count = 16  # steps from noise to a picture
  guidance: float = 1.5  # 1: as trained; above: further from what it would draw without features
  pull: float = 1.0  # length of a descent to the features in the run's own reading, in every step
  pulls: _Count = 4  # such descents in every step
  gallery: int = 20_000  # training pictures that the nearest is looked for in, at most
  examples: _Count = 120  # of each modality that are inverted and measured, at most
  categories: int = 6  # shown on the sheet, evenly spaced in label order
  optimisation: Optimisation = dataclasses.field(default_factory=Optimisation)


# What an inversion's settings held before decoders by flow matching: runs that were trained with
# such settings are the same runs, and are opened without them.
FORMER = {"Inversion": frozenset({
  "layout", "hidden", "channels", "image_weight", "perceptual_weight", "perceptual_layer",
  "layer_weight", "adversarial_weight", "adversarial_start", "adversarial_penalty",
  "discriminator"})}


@dataclasses.dataclass
class Extension:
  """A modality that was trained against a finished run (launch.extend); "" in all other runs."""

  modality: str = ""  # its name; `Data.added` says where its examples are
  run: Path = ""  # work directory of the finished run
  weights: str = ""  # digest of that run's parameters, all of which stay as they are
  terms: str = ""  # row whose terms are added to the cross entropy; "none"; "" for the run's own
  trunk: str = ""  # modality whose trunk it feeds; "" for the reference's


@dataclasses.dataclass
class Log:
  """Progress, metrics and checkpoints."""

  metrics_steps: _Count = 20  # steps between two lines of metrics
  validation_steps: int = 100  # steps between two looks at a part of the validation split; 0: none
  select: bool = False  # keep the look's step that is best on a held-out tenth of the training part
  patience: int = 0  # looks without a better one that end training, where select is; 0: none do
  checkpoint_seconds: _Endless = 60.0  # time between two checkpoints; the last step is always kept
  keep: _Count = 2  # newest checkpoints kept while a run is trained
  keep_optimizer: bool = False  # of a finished run keep all: optimiser, checkpoints, every layer
  dead_seconds: _Count = 10  # without a sign of life of one of several processes: all end
  stuck_seconds: _Endless = 50.0  # the same without a step of theirs; 0 for any number
  tensorboard: bool = False  # also write TensorBoard events (needs the extra [explore])
  peak_flops: _Endless = 0.0  # FLOP/s of a device at its best, for the utilisation; 0 looks it up


@dataclasses.dataclass
class Config:
  """One run. `method` and `seed` choose it; the rest says how."""

  method: str = "c"  # key of a row in cmx.methods.METHODS
  seed: _Seed = 0  # of initialisation, batches, dropout and unseen classes
  data: Data = dataclasses.field(default_factory=Data)
  augment: Augment = dataclasses.field(default_factory=Augment)
  encoders: Encoders = dataclasses.field(default_factory=Encoders)
  network: Network = dataclasses.field(default_factory=Network)
  weights: Weights = dataclasses.field(default_factory=Weights)
  reference: Optimizer = dataclasses.field(
    default_factory=lambda: Optimizer(steps=1500, batch=64, learning_rate=1e-3))
  optimizer: Optimizer = dataclasses.field(default_factory=Optimizer)
  mixture: Mixture = dataclasses.field(default_factory=Mixture)
  alignment: Alignment = dataclasses.field(default_factory=Alignment)
  evaluation: Evaluation = dataclasses.field(default_factory=Evaluation)
  inversion: Inversion = dataclasses.field(default_factory=Inversion)
  extension: Extension = dataclasses.field(default_factory=Extension)
  log: Log = dataclasses.field(default_factory=Log)
  deterministic: bool = False  # the same bits on any number of devices that divides `shards`
  shards: _Count = 8  # parts of a batch, whose gradients are then added in their order
  rows: dict[str, dict[str, Any]] = dataclasses.field(default_factory=dict)  # see `for_method`
