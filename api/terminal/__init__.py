"""The commands that talk to a running service: thin, over the client."""
