"""Generated, labelled, really encoded videos."""
