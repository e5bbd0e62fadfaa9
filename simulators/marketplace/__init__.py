"""A marketplace: the shoppers' side and the sellers' side of one channel."""
