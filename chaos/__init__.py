"""Ways in which things go wrong, and when: faults, throttles, injections and the gate that applies them."""
