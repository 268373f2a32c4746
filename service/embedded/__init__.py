"""The whole service on one machine: Redis, S3, API, worker and keeper on loopback, under one supervisor."""
