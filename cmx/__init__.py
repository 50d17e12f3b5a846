"""cmx: one representation across kinds of input that share only class labels.

Dimension letters used in every docstring:

  B batch per device      N examples            Q, G queries and gallery
  M modalities            C classes             D feature width
  U units                 K components          H, W image height and width
  E width of a precomputed vector (sentence vectors, frozen features)
"""
