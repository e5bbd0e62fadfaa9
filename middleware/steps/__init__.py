"""The calls that carry orders through, each with how to look up whether it was carried out."""
