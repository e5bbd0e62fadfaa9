-- claim:    Where a shopper wants to cancel while the order ships, one of the two wins, and it is the same one in every system.
-- flow:     cancel
-- class:    consistency
-- severity: critical
-- step:     61
-- cause:    The wish is granted on what was last heard of the order, while the warehouse is already packing it.
-- remedy:   Let the warehouse decide the race, tell no other system before it has, and then carry its answer to all of them.
WITH raced AS (
    SELECT order_ref, min(effect_id) AS effect_id FROM effects WHERE kind = 'cancellation_requested' GROUP BY order_ref
), facts AS (
    SELECT e.order_ref, e.system, e.effect_id, e.at_ns,
           e.kind IN ('order_cancelled', 'oms_order_cancelled', 'sales_order_cancelled') AS cancelled,
           e.kind = 'shipment_confirmed' AS left_house
    FROM   effects AS e SEMI JOIN raced AS r ON r.order_ref = e.order_ref
    WHERE  e.kind IN ('order_cancelled', 'oms_order_cancelled', 'sales_order_cancelled',
                      'oms_order_shipped', 'invoice_received', 'shipment_recorded', 'payment_captured')
       OR  (e.kind = 'shipment_confirmed' AND len(e.lines) > 0)
), winners AS (
    SELECT order_ref, string_agg(DISTINCT system, ', ') FILTER (WHERE cancelled) AS cancelled_in,
           string_agg(DISTINCT system, ', ') FILTER (WHERE NOT cancelled) AS shipped_in, list(effect_id ORDER BY at_ns, effect_id) AS effect_ids,
           -- the warehouse has decided: where it has shipped the cancellation is wrong, else what was billed as shipped
           CASE WHEN bool_or(left_house) THEN arg_min(effect_id, at_ns) FILTER (WHERE cancelled)
                ELSE arg_min(effect_id, at_ns) FILTER (WHERE NOT cancelled) END AS guilty
    FROM   facts GROUP BY order_ref
), declined AS ( -- although no part of the order was left in the warehouse, and nothing was requested again
    SELECT e.order_ref, arg_min(e.effect_id, e.at_ns) FILTER (WHERE e.kind = 'cancellation_declined') AS guilty,
           list(e.effect_id ORDER BY e.at_ns, e.effect_id) AS effect_ids
    FROM   effects AS e SEMI JOIN raced AS r ON r.order_ref = e.order_ref
    WHERE  e.kind IN ('cancellation_declined', 'fulfilment_requested', 'fulfilment_cancelled', 'shipment_confirmed', 'order_cancelled')
    GROUP  BY e.order_ref
    HAVING count(*) FILTER (WHERE e.kind = 'fulfilment_cancelled') > 0
       AND count(*) FILTER (WHERE e.kind = 'fulfilment_cancelled') = count(*) FILTER (WHERE e.kind = 'fulfilment_requested')
       AND count(*) FILTER (WHERE e.kind IN ('shipment_confirmed', 'order_cancelled')) = 0
       AND min(e.at_ns) FILTER (WHERE e.kind = 'fulfilment_cancelled') < max(e.at_ns) FILTER (WHERE e.kind = 'cancellation_declined')
)
SELECT r.order_ref                                                                        AS subject,
       (w.cancelled_in IS NULL OR w.shipped_in IS NULL) AND d.order_ref IS NULL           AS holds,
       concat_ws('; ', 'cancelled in ' || w.cancelled_in, 'shipped, billed or captured in ' || w.shipped_in,
                 CASE WHEN d.order_ref IS NOT NULL THEN 'declined, although the warehouse had stopped the order' END) AS finding,
       list_concat([r.effect_id], w.effect_ids, d.effect_ids)                             AS evidence,
       coalesce(CASE WHEN w.cancelled_in IS NOT NULL AND w.shipped_in IS NOT NULL THEN w.guilty END, d.guilty) AS guilty,
       CASE WHEN d.order_ref IS NOT NULL
            THEN 'Decline only where the warehouse says too_late: once it has stopped the order, cancel it everywhere and accept.' END AS remedy
FROM   raced AS r
LEFT   JOIN winners AS w ON w.order_ref = r.order_ref
LEFT   JOIN declined AS d ON d.order_ref = r.order_ref
WHERE  w.order_ref IS NOT NULL OR d.order_ref IS NOT NULL
