"""What the APIs of all services here share: errors, requests held to botocore's models, pages of lists."""
