"""Maps: features of all modalities in one plane, by t-SNE, with the places of the classes named."""
