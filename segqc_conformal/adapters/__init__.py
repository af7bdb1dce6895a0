"""Foreign libraries and file formats, each touched in one file."""
