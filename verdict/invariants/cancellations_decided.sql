-- claim:    Every cancellation that a shopper asked for is accepted or declined.
-- flow:     cancel
-- class:    consistency
-- severity: critical
-- step:     72
-- cause:    A wish to cancel meets an order in an unexpected state and is answered by nobody.
-- remedy:   Keep each request until the warehouse has decided the race, then tell the channel which way it went.
WITH decided AS (
    SELECT ref, list(effect_id) AS effect_ids FROM effects
    WHERE  kind IN ('cancellation_accepted', 'cancellation_declined', 'cancellation_closed') GROUP BY ref
)
SELECT c.ref                                                                              AS subject,
       due(d.ref IS NOT NULL OR coalesce(o.cancelled OR o.parked, false), coalesce(o.owed, w.order_ref IS NOT NULL)) AS holds,
       format('order {}: {}', c.order_ref,
              CASE WHEN d.ref IS NOT NULL THEN 'decided' WHEN o.cancelled THEN 'order cancelled'
                   ELSE 'neither accepted nor declined' END)                              AS finding,
       list_concat([c.effect_id], d.effect_ids)                                           AS evidence,
       c.order_ref,
       NULL                                                                               AS guilty
FROM   effects AS c
LEFT   JOIN owed_orders AS w ON w.order_ref = c.order_ref
LEFT   JOIN decided AS d ON d.ref = c.ref
LEFT   JOIN accepted_orders AS o ON o.order_ref = c.order_ref
WHERE  c.kind = 'cancellation_requested'
