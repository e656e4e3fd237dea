"""The starter picture model: data, conditions, training recipe, weights and card."""
