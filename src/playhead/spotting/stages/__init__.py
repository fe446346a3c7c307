"""Training in stages and folds: one configuration, several runs that stand on each other.

`plan` says which runs there are, `train` trains them, `pool` gathers the scores of the folds, and
`seen` notes which videos each model has seen.
"""
