"""What inverting a layer of a run leaves on disk.

  <workdir>/inversion/<layer>/{config.json, checkpoints/, metrics.jsonl, gallery/}     the generator
  <workdir>/inversion/<layer>/{result.json, pictures.npz, table.txt, table.csv}        what it does
  <workdir>/inversion/<layer>/{sheet,units}.{png,pdf}                                  how it looks
"""
