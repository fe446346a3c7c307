"""A detector of one's own: prepare labels, train, predict, measure."""
