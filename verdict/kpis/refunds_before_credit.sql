-- name:       refunds_before_credit
-- definition: Refunds that were paid before their credit memo was posted, or without one.
-- unit:       refunds
-- source:     effects payment_refunded, credit_memo_posted
-- better:     lower
-- measure:    total
SELECT o.channel, 1 AS value
FROM   effects AS r
LEFT   JOIN (SELECT ref, min(at_ns) AS at_ns FROM effects WHERE kind = 'credit_memo_posted' GROUP BY ref) AS c ON c.ref = r.ref
LEFT   JOIN accepted_orders AS o ON o.order_ref = r.order_ref
WHERE  r.kind = 'payment_refunded' AND coalesce(r.at_ns < c.at_ns, true)
