"""What every simulator is made of: ledger, collection, refusals, events, the HTTP face and the tap."""
