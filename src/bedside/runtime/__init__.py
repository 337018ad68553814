"""A model file and the port that runs it."""
