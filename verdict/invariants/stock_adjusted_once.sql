-- claim:    Every receipt, count and damage is booked in the ERP once, and nothing else is.
-- flow:     stock-sync
-- class:    idempotency
-- severity: major
-- step:     91
-- cause:    A change of the warehouse is booked again when its event comes twice, or lost when it does not come.
-- remedy:   Use the change id as the adjustment's reference and Idempotency-Key; a change seen twice is booked once.
WITH adjustments AS (
    SELECT ref, count(*) AS times, sum(quantity)::BIGINT AS quantity, list(effect_id ORDER BY at_ns, effect_id) AS effect_ids
    FROM   effects WHERE kind = 'stock_adjusted' GROUP BY ref
), moves AS (
    SELECT m.ref, m.sku, m.cause, m.quantity, m.effect_id FROM effects AS m SEMI JOIN erp_items AS i ON i.sku = m.sku
    WHERE  m.kind = 'stock_moved' AND m.cause IN ('receipt', 'count', 'damage') AND m.actor IS DISTINCT FROM 'before-run'
), baseless AS ( -- an adjustment that no receipt, count or damage stands behind
    SELECT a.* FROM effects AS a
    ANTI   JOIN (SELECT ref FROM effects WHERE kind = 'stock_moved' AND cause IN ('receipt', 'count', 'damage')) AS m ON m.ref = a.ref
    WHERE  a.kind = 'stock_adjusted' AND a.actor IS NULL
)
SELECT m.ref                                                                              AS subject,
       CASE WHEN a.times > 1 OR a.quantity <> m.quantity THEN false
            ELSE due(coalesce(a.times, 0) = 1, w.sku IS NOT NULL) END                     AS holds,
       concat_ws('; ', format('{} of {} × {}', m.cause, m.sku, m.quantity), times('booked', a.times),
                 CASE WHEN a.quantity <> m.quantity THEN format('{} units in all', a.quantity) END, r.words) AS finding,
       list_concat([m.effect_id], a.effect_ids, [r.before_call_id])                       AS evidence,
       CASE WHEN a.times > 1 THEN a.effect_ids[2] ELSE a.effect_ids[1] END                AS guilty,
       CASE WHEN a.times > 1 THEN r.remedy
            WHEN a.quantity <> m.quantity THEN 'Book the signed quantity of the change as it came.' END AS remedy
FROM   moves AS m
LEFT   JOIN adjustments AS a ON a.ref = m.ref
LEFT   JOIN owed_articles AS w ON w.sku = m.sku
LEFT   JOIN repeated_effects AS r ON r.effect_id = a.effect_ids[2]
UNION  ALL
SELECT coalesce(ref, effect_id), false,
       format('{} of {} × {} booked as {}, which is no receipt, count or damage of the warehouse', cause, sku, quantity, coalesce(ref, 'nothing')),
       [effect_id], effect_id, 'Book receipts, counts and damage alone, each under its change id; sales and returns move the book by themselves.'
FROM   baseless
