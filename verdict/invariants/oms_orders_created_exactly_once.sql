-- claim:    Every order that a channel accepted is created in the OMS exactly once.
-- flow:     order-to-ship
-- class:    idempotency
-- severity: critical
-- step:     20
-- cause:    A webhook that came twice, or a call whose reply was lost, is simply carried out again.
-- remedy:   Send one Idempotency-Key per order and keep it over retries, or look the order up before creating it again.
WITH created AS (
    SELECT order_ref, list(effect_id ORDER BY at_ns, effect_id) AS effect_ids
    FROM   effects WHERE kind = 'oms_order_created' GROUP BY order_ref
)
SELECT o.order_ref                                                                        AS subject,
       CASE WHEN len(c.effect_ids) > 1 THEN false
            ELSE due(c.order_ref IS NOT NULL OR o.cancelled OR o.parked OR o.undecided, o.owed) END AS holds,
       concat_ws('; ', times('created in the OMS', len(c.effect_ids)), r.words) AS finding,
       list_concat([o.effect_id], c.effect_ids, [r.before_call_id])                       AS evidence,
       c.effect_ids[2]                                                                    AS guilty,
       r.remedy
FROM   accepted_orders AS o
LEFT   JOIN created AS c ON c.order_ref = o.order_ref
LEFT   JOIN repeated_effects AS r ON r.effect_id = c.effect_ids[2]
