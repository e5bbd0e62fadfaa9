"""The estate: simulators of retail systems, each `tap(gate(face(ledger)))`, and what wires them together."""
