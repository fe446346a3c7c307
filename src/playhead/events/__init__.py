"""Events, their files and the manifest."""
