"""Inverting a run: from a layer's features back to pictures of the reference modality.

`plan` says what a decoder is for and refuses what cannot be, `training` trains it by what
`objective` says, `readings` applies it to every modality, as it lies and moved to where the
reference lies (`placing`), and measures what survives (`fidelity`) and how sharp it is
(`sharpness`); `feature_pictures` finds pictures by optimisation.

  <workdir>/inversion/<layer>/{config.json, checkpoints/, metrics.jsonl, gallery/}     the decoder
  <workdir>/inversion/<layer>/{result.json, pictures.npz, table.txt, table.csv}        what it does
  <workdir>/inversion/<layer>/{sheet,spectra,units}.{png,pdf}                          how it looks
"""
