"""A user's own files: what is there (`listing`) and how a file is read (`reading`)."""
