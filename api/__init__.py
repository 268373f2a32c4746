"""HTTP words around the service: routes, problems, the client and its commands."""
