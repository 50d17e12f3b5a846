"""Entry points: flags in, a library call, files out."""
