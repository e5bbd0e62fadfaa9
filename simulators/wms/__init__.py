"""The WMS: stock by location, picking that takes time, shipments whole, split or short, and what comes back."""
