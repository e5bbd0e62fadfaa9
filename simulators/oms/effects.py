"""What can happen in the OMS: every kind of effect, in a sentence."""

EFFECTS = {
    "oms_order_created": "An order was taken into the house; nothing is reserved yet.",
    "order_allocated": "All open units were reserved; `data.parts` says which location ships what.",
    "order_unfillable": "Units were missing (`data.missing`), so nothing was reserved.",
    "oms_order_updated": "An order's address, priority or date was changed; `data` has the new values.",
    "oms_order_shipped": "Units left the house (`lines`) and their reservation.",
    "oms_order_cancelled": "An order was cancelled with the last of its open units; nothing of it was shipped.",
    "oms_lines_cancelled": "Some open units were cancelled and the order goes on.",
    "return_authorised": "Goods may come back.",
    "oms_return_received": "The warehouse has told the OMS what came back.",
    "stock_set": "The stock at a location was set to `on_hand`; `data.before` is what it was.",
    "availability_computed": "What may be sold of a SKU became `on_hand`, and is published as `version`.",
}
