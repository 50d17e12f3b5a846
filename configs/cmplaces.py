"""CMPlaces: 205 categories of scenes, the paper's network, every method of its table.

From a folder of the archives as they are downloaded, with their lists, to the table:

  python -m launch.build cmplaces --manual_dir=ARCHIVES --data_dir=data
  python -m launch.check --config=configs/cmplaces.py
  python -m launch.reproduce --config=configs/cmplaces.py --workdir=runs/cmplaces

`tfds build cmplaces --imports=cmx.data.sets.cmplaces.dataset` is the first command where TensorFlow
is installed; with --config.data.cmplaces.archives=ARCHIVES the others need neither. Which archives
they want, where from, and by which other names they go, the first command says in an empty folder.
It goes on where it was stopped; --beam_pipeline_options=runner=DirectRunner spreads it over
processes, FlinkRunner, SparkRunner or DataflowRunner over machines. A modality whose archive cannot
be had is left out with --config.data.modalities=natural,clipart,... or replaced by any
classification set of TFDS, e.g. --config.data.cmplaces.natural=places365_small. Whoever has the
archives' SHA-256 puts them into ARCHIVES/SHA256SUMS, as sha256sum writes it.

Descriptions are read as skip-thought vectors, as in the paper, from data/skip_thoughts.npz: two
arrays of any names, the vectors [N, 4800] and the descriptions' paths in their archive [N], such as
text/abbey/000001.txt; several rows of one path, for its sentences, are averaged. Whoever has none
takes MiniLM's vectors, out of a package, or GloVe's, averaged over words, and says so:

  --config.encoders.text=minilm --config.encoders.file=
  --config.encoders.text=words --config.encoders.file=data/glove.6B.300d.txt

The same commands with configs/cmplaces_smoke.py try all of it in minutes. `launch.cost` says hours
and memory of a machine beforehand (docs/costs.md). Nothing has been measured on CMPlaces itself: it
was not at hand. The paper's means are 5.4 to 14.2, chance is 0.8 and 0.5.

"Open" below: the paper does not say, the value is our choice.
"""

from cmx import config as config_lib


def get_config() -> config_lib.Config:
  config = config_lib.Config()
  config.data.name = "cmplaces"
  config.data.cmplaces.image_size = 227  # the whole picture of 256, reduced to the network's input
  config.augment = config_lib.Augment(
    shift=14,  # as far as a crop of 227 out of 256 moves; such crops and mirrors trained Places-CNN
    brightness=0.0,  # Places-CNN's recipe has none
    vector_dropout=0.1)  # open
  config.encoders = config_lib.Encoders(  # skip-thoughts are the paper's, their mean is open
    text="vectors", file="data/skip_thoughts.npz", sentences=True)
  config.network = config_lib.Network(
    tower="alexnet", trunk=4096, dropout=0.5,  # Places-CNN's; "resnet18" is a later one
    hidden=(4096, 4096),  # of descriptions' tower; open
    precision="bfloat16")
  config.reference = config_lib.Optimizer(
    steps=420_000, batch=128,  # Places365's AlexNet was trained so; 27 times through NAT
    learning_rate=3e-4, warmup=2_000,  # of AdamW, where it had SGD of 0.01 with momentum
    weight_decay=5e-4)
  config.optimizer = config_lib.Optimizer(  # all open
    steps=50_000, batch=32, learning_rate=3e-5, warmup=500, weight_decay=5e-4,  # a tenth the rate
    tune_share=0.5)
  config.mixture = config_lib.Mixture(  # that there are mixtures is the paper's, all else is open
    layers=("fc6", "fc7"), components=100, examples=100_000)
  config.alignment.weight = 1.0  # of what the rows carry: open, tuned on the rendered world
  config.evaluation.layers = ("fc6", "fc7")  # pool5 of 28,700 examples would take a gigabyte
  config.log = config_lib.Log(metrics_steps=100, checkpoint_seconds=600)
  return config
