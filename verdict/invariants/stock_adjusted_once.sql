-- claim:    Every receipt, count and damage of the warehouse is booked in the ERP once, with its own quantity.
-- flow:     stock-sync
-- class:    idempotency
-- severity: major
-- step:     91
-- cause:    A change of the warehouse is booked again when its event comes twice, or lost when it does not come.
-- remedy:   Use the change id as the adjustment's reference and Idempotency-Key; a change seen twice is booked once.
WITH adjustments AS (
    SELECT ref, count(*) AS times, sum(quantity)::BIGINT AS quantity, list(effect_id ORDER BY at_ns, effect_id) AS effect_ids
    FROM   effects WHERE kind = 'stock_adjusted' GROUP BY ref
)
SELECT m.ref                                                                              AS subject,
       CASE WHEN a.times > 1 OR a.quantity <> m.quantity THEN false
            ELSE eventually(a.times = 1) END                                              AS holds,
       format('{} of {} × {}: booked {} times, {} units', m.cause, m.sku, m.quantity,
              coalesce(a.times, 0), coalesce(a.quantity, 0))                              AS finding,
       list_concat([m.effect_id], a.effect_ids)                                           AS evidence,
       CASE WHEN a.times > 1 THEN a.effect_ids[2] ELSE a.effect_ids[1] END                AS guilty
FROM   effects AS m
LEFT   JOIN adjustments AS a ON a.ref = m.ref
SEMI   JOIN erp_items AS i ON i.sku = m.sku
WHERE  m.kind = 'stock_moved' AND m.cause IN ('receipt', 'count', 'damage') AND m.actor IS DISTINCT FROM 'before-run'
