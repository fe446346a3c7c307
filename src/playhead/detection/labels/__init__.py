"""Labelled pictures: boxes in still pictures, and one file a format they are written in."""
