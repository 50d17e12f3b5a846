"""Inverting a run: from a layer's features back to pictures of the reference modality.

`planning` says what a generator is for and refuses what cannot be, `training` trains it, `reading`
applies it to every modality and measures what survives, `seeking` finds pictures by optimisation.
"""
