"""Training runs, read from their folders: listed, compared in the terminal and on a page."""
