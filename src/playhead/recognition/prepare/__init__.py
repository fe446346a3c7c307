"""Preparation: from a list of videos, or from folders of clips, to an index that trains."""
