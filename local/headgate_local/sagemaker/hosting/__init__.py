"""Hosting: models, endpoint configurations, endpoints, and what they answer."""
