-- claim:    Every order that a channel accepted is booked in the ERP exactly once.
-- flow:     order-to-erp, order-to-ship
-- class:    idempotency
-- severity: critical
-- step:     30
-- cause:    A call whose reply was lost is repeated without a key or under a new one, or a webhook is handled twice at once.
-- remedy:   Send one Idempotency-Key per order and keep it over retries, or look the order up before creating it again.
WITH booked AS (
    SELECT order_ref, document_id, effect_id, at_ns,
           lead(at_ns) OVER (PARTITION BY order_ref ORDER BY at_ns, effect_id) AS next_ns
    FROM   effects WHERE kind = 'sales_order_received'
), standing AS ( -- a booking that was rejected may be made again
    SELECT b.order_ref, list(b.effect_id ORDER BY b.at_ns, b.effect_id) AS effect_ids
    FROM   booked AS b
    LEFT   JOIN effects AS r ON r.kind = 'sales_order_rejected' AND r.document_id = b.document_id AND r.at_ns <= b.next_ns
    WHERE  r.effect_id IS NULL
    GROUP  BY b.order_ref
)
SELECT o.order_ref                                                                        AS subject,
       CASE WHEN len(b.effect_ids) > 1 THEN false
            ELSE due(b.order_ref IS NOT NULL OR o.cancelled OR o.parked OR o.undecided, o.owed) END AS holds,
       concat_ws('; ', times('booked in the ERP', len(b.effect_ids)), r.words) AS finding,
       list_concat([o.effect_id], b.effect_ids, [r.before_call_id])                       AS evidence,
       b.effect_ids[2]                                                                    AS guilty,
       r.remedy
FROM   accepted_orders AS o
LEFT   JOIN standing AS b ON b.order_ref = o.order_ref
LEFT   JOIN repeated_effects AS r ON r.effect_id = b.effect_ids[2]
