"""What an episode sounds like: its samples and fingerprints, read once and stored."""
