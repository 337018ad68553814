"""The bedside: a bundle meets new images."""
