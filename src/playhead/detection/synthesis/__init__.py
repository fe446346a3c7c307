"""Synthesis: objects cut out of labelled images and pasted elsewhere, for more training images."""
