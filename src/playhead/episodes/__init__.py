"""Episodes: where the opening and the ending of each episode of a season lie."""
