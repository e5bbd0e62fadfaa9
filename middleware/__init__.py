"""The reference middleware: a small honest service that does all five flows and knows the systems by HTTP only."""
