"""Addresses below /api/v1, one module a topic; each has a `router`. The folder is the registration."""
