"""One modality's tower and trunk as a folder that runs without cmx, on JAX and NumPy alone.

  tower.jaxexport    the network as jax.export writes it, for CPU, CUDA and TPU, any batch size
  weights.npz        its parameters
  preprocess.py      inputs as the tower takes them, in plain NumPy
  embed.py           the script that puts these together
  readouts.npz       mean and covariance of training activations, for read-outs
  example.npy, .npz  four inputs, and the run's own activations of them
  card.json          what it is: input, classes, layers, where it comes from, parity
  flatbuffers/       a copy of the package that jax.export reads its files with

`preprocess` and `embed` are copied as they are, so that they import nothing of cmx.
"""
