"""What ships: the starter pools, their spaces and priors, their recipes, cards and licences."""
