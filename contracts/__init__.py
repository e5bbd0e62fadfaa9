"""Contracts in both directions: the room where Pact will verify the middleware as consumer and as provider."""
