"""The mathematics of Penchant: a library without screen, database or user paths."""
