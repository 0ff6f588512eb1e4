"""Faults on order: what shall go wrong, when, and for whom; ordered from Python or through AWS FIS's interface."""
