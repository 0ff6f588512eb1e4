"""Hyperparameter tuning jobs: which training jobs to run next, and what became of them."""
