"""Parts of networks that several families build with, in 2D and 3D."""
