"""Terms of the loss: what aligns modalities, a file a family, as pure functions of one layer.

Every term has one signature,

  term(x: {modality: [B, D]}, labels: {modality: int [B]}, given: Given, alignment: Alignment) -> []

with a layer's activations, what a row is given beside its batch, and `config.alignment`. A term
that couples examples sees those of all devices. Which row adds which term, and with what weight,
is in `cmx.methods`. What is missing (a class in a modality, a positive, a direction of a feature
that is zero) is left out of the mean and never makes a value or a gradient that is not finite.
"""
