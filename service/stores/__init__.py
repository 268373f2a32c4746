"""The drivers: Redis, S3 and Celery, and nothing else, live here; their errors are translated here."""
