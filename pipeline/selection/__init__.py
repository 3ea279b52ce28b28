"""Which synthetic images are good enough to use, judged by a fold's training rows alone."""
