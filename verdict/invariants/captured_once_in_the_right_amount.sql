-- claim:    The money captured for an order is what was shipped plus delivery, captured once.
-- flow:     order-to-ship
-- class:    idempotency
-- severity: critical
-- step:     50
-- cause:    A capture is repeated after a timeout, covers the whole order where only a part was shipped, or leaves out the delivery.
-- remedy:   Capture per shipment under one Idempotency-Key, for the lines that really left, in the order's currency; delivery with the first.
WITH goods AS (
    SELECT order_ref, sum(quantity * coalesce(unit_price, 0)) AS amount, list(DISTINCT effect_id) AS effect_ids
    FROM   shipped_lines GROUP BY order_ref HAVING sum(quantity) > 0
), taken AS ( -- each capture with what had been captured before it, for the order and for its shipment
    SELECT *, sum(amount) OVER (PARTITION BY order_ref ORDER BY at_ns, effect_id) AS so_far,
           row_number() OVER (PARTITION BY order_ref, ref ORDER BY at_ns, effect_id) AS turn,
           lag(effect_id) OVER (PARTITION BY order_ref, ref ORDER BY at_ns, effect_id) AS first_id
    FROM   effects WHERE kind = 'payment_captured'
), captures AS (
    SELECT t.order_ref, sum(t.amount) AS amount, list(DISTINCT t.currency) AS currencies,
           count(*) FILTER (WHERE t.ref IS NOT NULL AND t.turn > 1) AS repeats,
           arg_min(t.effect_id, t.at_ns) FILTER (WHERE t.ref IS NOT NULL AND t.turn > 1) AS repeated_id,
           arg_min(t.effect_id, t.at_ns) FILTER (WHERE t.currency <> o.currency) AS foreign_id,
           arg_min(t.effect_id, t.at_ns) FILTER (WHERE t.so_far > coalesce(g.amount + coalesce(o.shipping, 0), 0)) AS excess_id,
           list(t.effect_id ORDER BY t.at_ns, t.effect_id) AS effect_ids
    FROM   taken AS t
    JOIN   accepted_orders AS o ON o.order_ref = t.order_ref
    LEFT   JOIN goods AS g ON g.order_ref = t.order_ref
    GROUP  BY t.order_ref
), owed AS (
    SELECT o.*, coalesce(g.amount + coalesce(o.shipping, 0), 0) AS to_pay, coalesce(c.amount, 0) AS captured,
           coalesce(c.repeats, 0) AS repeats, coalesce(c.currencies <> [o.currency], false) AS foreign_money,
           array_to_string(c.currencies, ', ') AS currencies, coalesce(c.repeated_id, c.foreign_id, c.excess_id) AS guilty,
           c.effect_ids AS capture_ids, list_concat([o.effect_id], g.effect_ids, c.effect_ids) AS evidence
    FROM   accepted_orders AS o
    LEFT   JOIN goods AS g ON g.order_ref = o.order_ref
    LEFT   JOIN captures AS c ON c.order_ref = o.order_ref
    WHERE  g.order_ref IS NOT NULL OR c.order_ref IS NOT NULL
)
SELECT order_ref                                                                         AS subject,
       CASE WHEN repeats > 0 OR foreign_money OR captured > to_pay THEN false
            ELSE due(captured = to_pay OR parked, owed.owed) END                         AS holds,
       concat_ws('; ', format('captured {} of {} {}', captured, to_pay, currency),
                 CASE WHEN repeats > 0 THEN format('{} shipments captured again', repeats) END,
                 CASE WHEN foreign_money THEN format('captured in {}', currencies) END)  AS finding,
       evidence,
       -- too little is wrong only where every shipment was captured: else a capture is missing
       coalesce(guilty, CASE WHEN captured < to_pay AND len(capture_ids) >= (SELECT count(*) FROM effects AS s
                             WHERE s.kind = 'shipment_confirmed' AND s.order_ref = owed.order_ref AND len(s.lines) > 0)
                             THEN capture_ids[1] END)                                    AS guilty
FROM   owed
