"""What can happen in the WMS: every kind of effect, in a sentence."""

EFFECTS = {
    "fulfilment_requested": "A location was asked to ship a part of an order (`ref` is the part).",
    "picking_started": "Picking began; from here on a cancellation is too late.",
    "shipment_confirmed": "A parcel left (`ref`), or everything that was still to ship was given up: then it has no"
    " `ref` and no lines. `data.short` is what was given up, `data.final` whether it was the fulfilment's last.",
    "fulfilment_cancelled": "A fulfilment was stopped before picking began.",
    "stock_moved": "The stock at a location changed by `quantity` to `on_hand`; `ref` is the change.",
    "return_expected": "Goods of a return are announced.",
    "return_received": "Goods came back (`lines`); `data.sellable` says how many units of each line can be sold again.",
}
