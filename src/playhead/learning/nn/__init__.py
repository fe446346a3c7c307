"""Blocks that the models of several jobs share."""
