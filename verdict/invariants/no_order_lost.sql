-- claim:    Every order that a channel accepted is posted in the ERP, refused there for good, cancelled, or visibly parked.
-- flow:     order-to-erp, order-to-ship
-- class:    consistency
-- severity: critical
-- step:     31
-- cause:    An order is dropped after some failed attempts, on a 5xx that was taken for good, or with the memory of a restarted process.
-- remedy:   Store the order before acknowledging its event, retry until the ERP has posted it, and park what it refuses for good.
WITH erp AS (
    SELECT order_ref,
           bool_or(kind = 'sales_order_posted')                                   AS posted,
           bool_or(kind = 'sales_order_rejected' AND coalesce(permanent, false))  AS refused,
           bool_or(kind = 'sales_order_received')                                 AS received,
           arg_max(cause, at_ns) FILTER (WHERE kind = 'sales_order_rejected')     AS reason,
           list(effect_id ORDER BY at_ns, effect_id)                              AS effect_ids
    FROM   effects
    WHERE  kind IN ('sales_order_received', 'sales_order_posted', 'sales_order_rejected')
    GROUP  BY order_ref
)
SELECT o.order_ref                                                                             AS subject,
       eventually(coalesce(e.posted OR e.refused, false) OR o.cancelled OR o.parked)           AS holds,
       CASE WHEN e.posted              THEN 'posted'
            WHEN o.cancelled           THEN 'cancelled'
            WHEN o.parked              THEN 'parked'
            WHEN e.refused             THEN format('refused for good: {}', coalesce(e.reason, 'no reason given'))
            WHEN e.reason IS NOT NULL  THEN format('rejected ({}) and never put right', e.reason)
            WHEN e.received            THEN 'booked, but never posted'
            ELSE format('accepted by {}, never seen in the ERP', o.channel) END                AS finding,
       list_concat([o.effect_id], e.effect_ids)                                                AS evidence
FROM   accepted_orders AS o
LEFT   JOIN erp AS e ON e.order_ref = o.order_ref
