"""Clips of episodes as features: sound, frames and text, prepared once for the networks."""
