"""How a written file is loaded again and compared: shared by the targets."""
