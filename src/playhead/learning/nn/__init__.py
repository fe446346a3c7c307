"""Network blocks shared by several jobs."""
