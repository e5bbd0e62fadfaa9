-- claim:    What is held of a payment and will never be charged is given back, once: when the order is cancelled, or nothing more of it will ship.
-- flow:     order-to-ship, cancel
-- class:    idempotency
-- severity: critical
-- step:     74
-- cause:    The void hangs on one of several ways in which an order ends, or is sent at the first short line while other parcels are still to be charged.
-- remedy:   Void once under one Idempotency-Key per order, after the last shipment is captured or the order is cancelled; take already_voided for done.
-- A hold that expires has gone back by itself. A void that is asked for again and refused changes nothing.
WITH holds AS (
    SELECT order_ref, document_id, any_value(currency) AS currency, count(*) FILTER (WHERE kind = 'payment_voided') AS times,
           coalesce(sum(amount) FILTER (WHERE kind = 'payment_authorised'), 0)
             - coalesce(sum(amount) FILTER (WHERE kind IN ('payment_captured', 'payment_voided', 'payment_expired')), 0) AS held,
           min(at_ns) FILTER (WHERE kind = 'payment_voided') AS voided_ns,
           list(effect_id ORDER BY at_ns, effect_id) FILTER (WHERE kind = 'payment_voided') AS void_ids,
           list(effect_id ORDER BY at_ns, effect_id)         AS effect_ids
    FROM   effects
    WHERE  kind IN ('payment_authorised', 'payment_captured', 'payment_voided', 'payment_expired') AND order_ref IS NOT NULL
    GROUP  BY order_ref, document_id
), payments AS (
    SELECT order_ref, any_value(currency) AS currency, max(times) AS times, max(held) AS held, min(voided_ns) AS voided_ns,
           flatten(list(void_ids)) AS void_ids, flatten(list(effect_ids)) AS effect_ids
    FROM   holds GROUP BY order_ref
), shipped AS (
    SELECT order_ref, max(at_ns) AS last_ns, arg_max(effect_id, at_ns) AS effect_id
    FROM   effects WHERE kind = 'shipment_confirmed' AND len(lines) > 0 GROUP BY order_ref
), given_up AS (
    SELECT order_ref, min(effect_id) AS effect_id FROM short_lines WHERE quantity > 0 GROUP BY order_ref
), partly AS (
    SELECT DISTINCT order_ref FROM cancelled_lines
)
SELECT o.order_ref                                                                        AS subject,
       CASE WHEN p.times > 1 OR p.voided_ns < s.last_ns THEN false
            WHEN p.times = 1 AND NOT (o.cancelled OR o.unfillable OR o.rejected OR g.order_ref IS NOT NULL OR c.order_ref IS NOT NULL)
            THEN due(o.parked, o.owed)
            ELSE due(p.held <= 0 OR o.parked OR NOT (o.cancelled OR g.order_ref IS NOT NULL), o.owed) END AS holds,
       concat_ws('; ', format('voided {} times, {} {} still held', p.times, p.held, coalesce(p.currency, '')),
                 CASE WHEN p.voided_ns < s.last_ns
                      THEN format('given back {} ms before the last parcel left', (s.last_ns - p.voided_ns) // 1000000) END,
                 CASE WHEN o.cancelled THEN 'the order is cancelled'
                      WHEN g.order_ref IS NOT NULL THEN 'the warehouse gave up on the rest'
                      WHEN p.times > 0 AND NOT (o.unfillable OR o.rejected OR c.order_ref IS NOT NULL)
                      THEN 'nothing of the order was cancelled' END)                      AS finding,
       list_concat([o.effect_id], p.effect_ids, [x FOR x IN [g.effect_id, s.effect_id] IF x IS NOT NULL]) AS evidence,
       CASE WHEN p.times > 1 THEN p.void_ids[2] ELSE p.void_ids[1] END                    AS guilty
FROM   accepted_orders AS o
JOIN   payments AS p ON p.order_ref = o.order_ref
LEFT   JOIN shipped AS s ON s.order_ref = o.order_ref
LEFT   JOIN given_up AS g ON g.order_ref = o.order_ref
LEFT   JOIN partly AS c ON c.order_ref = o.order_ref
WHERE  p.times > 0 OR o.cancelled OR g.order_ref IS NOT NULL
