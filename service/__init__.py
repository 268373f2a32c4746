"""What a job is and what may happen to it: the core that `api` and `workers` share, importable without torch."""

__version__ = "0.1.0"
