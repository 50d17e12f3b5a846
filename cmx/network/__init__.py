"""The network: a tower for each modality, the shared trunk, and weights from outside."""
