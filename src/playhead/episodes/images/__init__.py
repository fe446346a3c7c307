"""What an episode looks like: hashes, dark frames, cuts; what of it a season shares."""
