"""Contact centres on a clock of their own that run the real machine, matcher rules and estimator (`make simulate`)."""
