"""The rendered world: scenes of objects, and a renderer for each modality."""
