"""What can happen on a marketplace: every kind of effect, in a sentence."""

EFFECTS = {
    "order_placed": "A shopper's order was accepted and its payment authorised.",
    "listing_lowered": "A checkout took `quantity` units (negative) off a listing, which now shows `on_hand`.",
    "order_acknowledged": "The seller said that it has the order.",
    "shipment_recorded": "The seller told of the shipment `ref`; `lines` are what it holds, `status` is the order's.",
    "order_cancelled": "All of an order that was not cancelled yet was cancelled; `ref` is the accepted request, if any.",
    "lines_cancelled": "A part of an order was cancelled; `lines` are that part, `status` is the order's.",
    "cancellation_requested": "A customer asked to cancel; a wish, not a fact. `ref` is the request.",
    "cancellation_accepted": "The seller granted the cancellation request `ref`.",
    "cancellation_declined": "The seller refused the cancellation request `ref`; `cause` says why.",
    "cancellation_closed": "The cancellation request `ref` fell away because its order was cancelled otherwise.",
    "return_requested": "A customer asked to send `lines` back; `ref` is the return.",
    "refund_confirmed": "The seller told of the refund `document_id` for the return `ref`; `status` is the order's.",
    "availability_listed": "A listing was set to `on_hand` with the seller's `version`; it was `data.on_hand_before`.",
    "price_listed": "A listing's price in a currency was set with the seller's `version`; it holds from `data.valid_from`.",
}
