"""Training samples from videos and labels: grids, windows, sampling, cache, augmentation."""
