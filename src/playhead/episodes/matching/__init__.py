"""Which sound two episodes share, and where exactly: fingerprints first, then the waveform."""
