"""Playhead finds what happens in video, when and where."""
