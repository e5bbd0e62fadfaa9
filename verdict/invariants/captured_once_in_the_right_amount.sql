-- claim:    For every order the money captured is what was shipped plus delivery once, with one capture a shipment.
-- flow:     order-to-ship
-- class:    idempotency
-- severity: critical
-- step:     50
-- cause:    A capture is repeated after a timeout, covers the whole order where only a part was shipped, or leaves out the delivery.
-- remedy:   Capture per shipment under one Idempotency-Key, for the lines that really left, in the order's currency; delivery with the first.
WITH goods AS (
    SELECT order_ref, sum(quantity * coalesce(unit_price, 0)) AS amount, list(DISTINCT effect_id) AS effect_ids
    FROM   shipped_lines GROUP BY order_ref HAVING sum(quantity) > 0
), captures AS (
    SELECT order_ref, sum(amount) AS amount, list(DISTINCT currency) AS currencies,
           count(*) FILTER (WHERE ref IS NOT NULL) - count(DISTINCT ref) AS repeats,
           list(effect_id ORDER BY at_ns, effect_id) AS effect_ids
    FROM   effects WHERE kind = 'payment_captured' GROUP BY order_ref
), owed AS (
    SELECT o.*, coalesce(g.amount + coalesce(o.shipping, 0), 0) AS due, coalesce(c.amount, 0) AS captured,
           coalesce(c.repeats, 0) AS repeats, coalesce(c.currencies <> [o.currency], false) AS foreign_money,
           array_to_string(c.currencies, ', ') AS currencies,
           list_concat([o.effect_id], g.effect_ids, c.effect_ids) AS evidence
    FROM   accepted_orders AS o
    LEFT   JOIN goods AS g ON g.order_ref = o.order_ref
    LEFT   JOIN captures AS c ON c.order_ref = o.order_ref
    WHERE  g.order_ref IS NOT NULL OR c.order_ref IS NOT NULL
)
SELECT order_ref                                                                         AS subject,
       CASE WHEN repeats > 0 OR foreign_money OR captured > due THEN false
            ELSE eventually(captured = due OR parked) END                                AS holds,
       concat_ws('; ', format('captured {} of {} {}', captured, due, currency),
                 CASE WHEN repeats > 0 THEN format('{} shipments captured again', repeats) END,
                 CASE WHEN foreign_money THEN format('captured in {}', currencies) END)  AS finding,
       evidence
FROM   owed
