"""The payment service: authorisations, captures, voids and refunds."""
