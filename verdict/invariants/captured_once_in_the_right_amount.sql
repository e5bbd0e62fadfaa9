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
), taken AS ( -- each capture with what had been captured by then, and its place among those of its shipment
    SELECT order_ref, effect_id, at_ns, amount, currency, ref,
           sum(amount) OVER (PARTITION BY order_ref ORDER BY at_ns, effect_id) AS so_far,
           row_number() OVER (PARTITION BY order_ref, ref ORDER BY at_ns, effect_id) AS turn
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
), compared AS (
    SELECT o.*, coalesce(g.amount + coalesce(o.shipping, 0), 0) AS to_pay, coalesce(c.amount, 0) AS captured,
           coalesce(c.repeats, 0) AS repeats, coalesce(c.currencies <> [o.currency], false) AS foreign_money,
           array_to_string(c.currencies, ', ') AS currencies,
           -- too little is a wrong amount where every shipment was captured: else a capture is missing
           coalesce(c.repeated_id, c.foreign_id, c.excess_id,
                    CASE WHEN c.amount < g.amount + coalesce(o.shipping, 0) AND len(c.effect_ids) >= len(g.effect_ids)
                         THEN c.effect_ids[1] END) AS guilty,
           list_concat([o.effect_id], g.effect_ids, c.effect_ids) AS evidence
    FROM   accepted_orders AS o
    LEFT   JOIN goods AS g ON g.order_ref = o.order_ref
    LEFT   JOIN captures AS c ON c.order_ref = o.order_ref
    WHERE  g.order_ref IS NOT NULL OR c.order_ref IS NOT NULL
)
SELECT c.order_ref                                                                        AS subject,
       CASE WHEN c.repeats > 0 OR c.foreign_money OR c.captured > c.to_pay THEN false
            ELSE due(c.captured = c.to_pay OR c.parked, c.owed) END                       AS holds,
       concat_ws('; ', format('captured {} of {}', money(c.captured, NULL), money(c.to_pay, c.currency)),
                 CASE WHEN c.repeats > 0 THEN format('{} of its shipments captured again', c.repeats) END, r.words,
                 CASE WHEN c.foreign_money THEN format('captured in {}', c.currencies) END) AS finding,
       list_concat(c.evidence, [r.before_call_id])                                        AS evidence,
       c.guilty,
       coalesce(r.remedy, CASE WHEN c.captured = 0 THEN 'Capture each shipment when it is confirmed, and retry until it is done.' END) AS remedy
FROM   compared AS c
LEFT   JOIN repeated_effects AS r ON r.effect_id = c.guilty AND c.repeats > 0
