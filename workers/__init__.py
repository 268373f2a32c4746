"""Celery and the painter: what runs where the pictures are painted."""
