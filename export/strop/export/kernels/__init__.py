"""States what the engines' kernels accept."""
