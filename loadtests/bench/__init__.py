"""What the estate costs: CPU per request beside a bare server, state per order, judging time; ratios of one run."""
