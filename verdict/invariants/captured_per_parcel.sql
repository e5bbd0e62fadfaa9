-- claim:    Each capture takes what its own shipment is worth, after it has left.
-- flow:     order-to-ship
-- class:    consistency
-- severity: critical
-- step:     49
-- cause:    The whole order is captured with its first parcel, or one capture stands for several parcels.
-- remedy:   On each shipment.confirmed capture its lines at the order's prices, under a key of that shipment; delivery with the first.
-- Delivery may come with any one capture of the order. A capture that names no known shipment is judged by what had left by then;
-- one that repeats another of its shipment belongs to captured_once_in_the_right_amount.
WITH parcels AS (
    SELECT order_ref, shipment_id, any_value(effect_id) AS effect_id, min(at_ns) AS at_ns, sum(quantity * coalesce(unit_price, 0)) AS goods
    FROM   shipped_lines WHERE shipment_id IS NOT NULL GROUP BY order_ref, shipment_id HAVING sum(quantity) > 0
), captures AS (
    SELECT order_ref, effect_id, at_ns, ref, amount, actor, is_first,
           sum(amount) FILTER (WHERE is_first) OVER (PARTITION BY order_ref ORDER BY at_ns, effect_id) AS so_far
    FROM  (SELECT *, ref IS NULL OR row_number() OVER (PARTITION BY order_ref, ref ORDER BY at_ns, effect_id) = 1 AS is_first
           FROM effects WHERE kind = 'payment_captured' AND order_ref IS NOT NULL AND actor IS DISTINCT FROM 'before-run')
), left_by AS ( -- what had left of the order when each capture was made
    SELECT c.effect_id, coalesce(sum(p.goods), 0) AS goods
    FROM   captures AS c LEFT JOIN parcels AS p ON p.order_ref = c.order_ref AND p.at_ns <= c.at_ns
    GROUP  BY c.effect_id
), judged_captures AS (
    SELECT c.*, o.currency, o.effect_id AS placed_id, p.effect_id AS shipped_id, p.goods, l.goods AS left_goods, coalesce(o.shipping, 0) AS shipping,
           CASE WHEN NOT c.is_first THEN NULL
                WHEN c.so_far > l.goods + coalesce(o.shipping, 0) THEN 'ahead'
                WHEN p.effect_id IS NOT NULL AND c.amount NOT IN (p.goods, p.goods + coalesce(o.shipping, 0)) THEN 'other' END AS wrong
    FROM   captures AS c
    JOIN   accepted_orders AS o ON o.order_ref = c.order_ref
    JOIN   left_by AS l ON l.effect_id = c.effect_id
    LEFT   JOIN parcels AS p ON p.order_ref = c.order_ref AND p.shipment_id = c.ref
), uncaptured AS ( -- parcels that no capture names, although the order has captures
    SELECT p.order_ref, count(*) AS parcels, list(p.effect_id) AS effect_ids
    FROM   parcels AS p
    ANTI   JOIN captures AS c ON c.order_ref = p.order_ref AND c.ref = p.shipment_id
    WHERE  p.goods > 0
    GROUP  BY p.order_ref
)
SELECT c.order_ref                                                                        AS subject,
       CASE WHEN count(c.wrong) > 0 THEN false
            ELSE due(any_value(u.order_ref) IS NULL OR any_value(o.parked), any_value(o.owed)) END AS holds,
       coalesce(nullif(concat_ws('; ',
           string_agg(CASE c.wrong WHEN 'ahead' THEN format('{} captured when goods for {} had left',
                                                            money(c.so_far, c.currency), money(c.left_goods, NULL))
                                   WHEN 'other' THEN format('{} captured for shipment {}, which is worth {}',
                                                            money(c.amount, c.currency), c.ref, money(c.goods, NULL))
                      END, '; ' ORDER BY c.at_ns),
           CASE any_value(u.parcels) WHEN 1 THEN 'one shipment was never captured'
                ELSE format('{} shipments were never captured', any_value(u.parcels)) END), ''),
           'each shipment captured as it left')                                           AS finding,
       list_concat(list(DISTINCT c.placed_id), list_concat(list(c.shipped_id ORDER BY c.at_ns), list(c.effect_id ORDER BY c.at_ns)),
                   any_value(u.effect_ids))                                               AS evidence,
       arg_min(c.effect_id, c.at_ns) FILTER (WHERE c.wrong IS NOT NULL)                   AS guilty,
       CASE WHEN count(c.wrong) = 0 AND any_value(u.parcels) > 0
            THEN 'Capture each shipment of its own when it is confirmed, and retry until it is done.' END AS remedy
FROM   judged_captures AS c
JOIN   accepted_orders AS o ON o.order_ref = c.order_ref
LEFT   JOIN uncaptured AS u ON u.order_ref = c.order_ref
WHERE  c.actor IS NULL
GROUP  BY c.order_ref
