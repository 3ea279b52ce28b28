"""What families eat, one kind a file."""
