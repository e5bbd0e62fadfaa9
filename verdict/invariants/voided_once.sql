-- claim:    What is held of a payment and will never be charged is given back, once: when the order is cancelled, or nothing more of it will ship.
-- flow:     order-to-ship, cancel
-- class:    idempotency
-- severity: critical
-- step:     60
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
), stopped AS ( -- then the void was right, and what is missing are the cancellations
    SELECT DISTINCT order_ref FROM effects WHERE kind IN ('fulfilment_cancelled', 'cancellation_requested')
), compared AS (
    SELECT o.*, p.times, p.held, p.currency AS held_in, p.void_ids, p.effect_ids, s.effect_id AS shipped_id, g.effect_id AS short_id,
           -- of an order that its channel shows as cancelled the shipment is the mistake
           coalesce(s.last_ns - p.voided_ns > 0 AND NOT o.cancelled, false) AS early, s.last_ns - p.voided_ns AS early_ns,
           g.order_ref IS NOT NULL AS is_short, t.order_ref IS NOT NULL AS stopped,
           p.times = 1 AND NOT (o.cancelled OR o.unfillable OR o.rejected OR g.order_ref IS NOT NULL OR c.order_ref IS NOT NULL) AS baseless
    FROM   accepted_orders AS o
    JOIN   payments AS p ON p.order_ref = o.order_ref
    LEFT   JOIN shipped AS s ON s.order_ref = o.order_ref
    LEFT   JOIN given_up AS g ON g.order_ref = o.order_ref
    LEFT   JOIN partly AS c ON c.order_ref = o.order_ref
    LEFT   JOIN stopped AS t ON t.order_ref = o.order_ref
    WHERE  p.times > 0 OR o.cancelled OR g.order_ref IS NOT NULL
)
SELECT c.order_ref                                                                        AS subject,
       CASE WHEN c.times > 1 OR c.early THEN false
            WHEN c.baseless THEN due(c.parked, c.owed)
            ELSE due(c.held <= 0 OR c.parked OR NOT (c.cancelled OR c.is_short), c.owed) END AS holds,
       concat_ws('; ', CASE WHEN c.times > 0 THEN times('given back', c.times)
                            ELSE format('{} still held', money(c.held, c.held_in)) END,
                 CASE WHEN c.times > 0 AND c.held > 0 THEN format('{} still held', money(c.held, c.held_in)) END,
                 CASE WHEN c.early THEN format('{} before the last parcel left', span(c.early_ns)) END,
                 CASE WHEN c.cancelled THEN 'the order is cancelled'
                      WHEN c.is_short THEN 'the warehouse gave up on the rest'
                      WHEN c.baseless THEN 'no system has cancelled anything of the order' END, r.words) AS finding,
       list_concat([c.effect_id], c.effect_ids, [x FOR x IN [c.short_id, c.shipped_id, r.before_call_id] IF x IS NOT NULL]) AS evidence,
       CASE WHEN c.times > 1 THEN c.void_ids[2] WHEN c.baseless AND c.stopped AND NOT c.early THEN NULL ELSE c.void_ids[1] END AS guilty,
       CASE WHEN c.times > 1 THEN r.remedy
            WHEN c.early THEN 'Void after the last shipment is captured, not at the first short line or capture.'
            WHEN c.baseless AND c.stopped THEN 'Carry the cancellation to channel, OMS and ERP as well, each retried until done.'
            WHEN c.baseless THEN 'Void only what is cancelled, unfillable or short.' END  AS remedy
FROM   compared AS c
LEFT   JOIN repeated_effects AS r ON c.times > 1 AND r.effect_id = c.void_ids[2]
