"""What can happen in the ERP: every kind of effect, in a sentence."""

EFFECTS = {
    "item_known": "An item was in the item master when the run began.",
    "sales_order_received": "A sales order was received (booked); it is not posted yet.",
    "sales_order_updated": "A received or rejected sales order was corrected.",
    "sales_order_posted": "A sales order was posted to the books.",
    "sales_order_rejected": "A received sales order was refused at posting; `cause` says why, `permanent` whether for good.",
    "sales_order_resubmitted": "A rejected sales order waits for its posting again.",
    "sales_order_cancelled": "A sales order was cancelled as a whole.",
    "sales_order_lines_cancelled": "Some lines of a sales order were cancelled.",
    "invoice_received": "An invoice was accepted for posting.",
    "invoice_posted": "An invoice was posted; its goods left the book stock. `status` is the sales order's.",
    "credit_memo_received": "A credit memo was accepted for posting.",
    "credit_memo_posted": "A credit memo was posted; sellable goods came back to the book stock.",
    "stock_adjusted": "The book stock was adjusted for a receipt, a count or damage.",
    "book_stock_moved": "The book stock of an item changed by `quantity` to `on_hand`.",
    "price_set": "A price in the price list was set; it holds from `data.valid_from`.",
    "ledger_entry": "An amount was posted from one account to another.",
}
