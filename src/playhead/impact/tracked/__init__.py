"""The network of tracked helmets: whether the helmet that a clip follows is in an impact."""
