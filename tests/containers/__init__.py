"""The service in its containers, run as the runbook says: `make containers`, where there is Docker."""
