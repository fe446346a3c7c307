"""From videos and labels to training samples."""
