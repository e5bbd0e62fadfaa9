-- claim:    Every order that a channel accepted is created in the OMS exactly once.
-- flow:     order-to-ship
-- class:    idempotency
-- severity: critical
-- step:     20
-- cause:    A webhook that came twice, or a call whose reply was lost, is simply carried out again.
-- remedy:   Send one Idempotency-Key per order and keep it over retries, or look the order up before creating it again.
SELECT o.order_ref                                                                    AS subject,
       CASE WHEN count(c.effect_id) > 1 THEN false
            ELSE due(count(c.effect_id) = 1 OR o.cancelled OR o.parked OR o.undecided, o.owed) END   AS holds,
       format('created {} times in the OMS', count(c.effect_id))                      AS finding,
       list_concat([o.effect_id], list(c.effect_id ORDER BY c.at_ns)
         FILTER (WHERE c.effect_id IS NOT NULL))                                      AS evidence,
       (list(c.effect_id ORDER BY c.at_ns, c.effect_id)
         FILTER (WHERE c.effect_id IS NOT NULL))[2]                                   AS guilty
FROM   accepted_orders AS o
LEFT   JOIN effects AS c ON c.order_ref = o.order_ref AND c.kind = 'oms_order_created'
GROUP  BY o.order_ref, o.effect_id, o.cancelled, o.parked, o.owed, o.undecided
