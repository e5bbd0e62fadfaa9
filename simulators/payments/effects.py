"""What can happen in the payment service: every kind of effect, in a sentence."""

EFFECTS = {
    "payment_authorised": "An amount was set aside for an order until `data.expires_at`.",
    "payment_captured": "An amount was taken for the shipment `ref`; `status` is the payment's.",
    "payment_voided": "What was not captured was given back; `amount` says how much.",
    "payment_refunded": "An amount was given back for the return `ref`; `status` is the payment's.",
    "payment_expired": "What was not captured in time went back by itself; `amount` says how much.",
}
