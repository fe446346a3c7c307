"""Events, label formats and manifests."""
