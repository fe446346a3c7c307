"""Networks of clips: the boundary in the first or last seconds of an episode."""
