"""One module a file format, each with read() and write()."""
