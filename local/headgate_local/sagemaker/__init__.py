"""Amazon SageMaker on one machine: the control plane, jobs and endpoints as processes, and their events."""
