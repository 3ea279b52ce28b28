"""Networks of the fold's real rows that are asked about generated images, one kind a file."""
