"""The ERP: sales orders that are received and then posted, invoices, credit memos, book stock and prices."""
