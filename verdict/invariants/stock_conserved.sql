-- claim:    No unit appears or vanishes: opening stock and all movements make what is on hand, in the warehouse and in the ERP's book.
-- flow:     order-to-ship, stock-sync, return-to-refund
-- class:    consistency
-- severity: critical
-- step:     90
-- cause:    A movement is applied twice or not at all, or a difference is forwarded where the new quantity was meant.
-- remedy:   This is the estate's own bookkeeping: report it with the run's folder; no middleware can break it.
-- What a system shows at the end counts only where the run has settled: else it may have been read before the last movement.
WITH moves AS (
    SELECT system, sku, location, effect_id, at_ns, quantity, on_hand,
           lag(on_hand) OVER (PARTITION BY system, sku, location ORDER BY at_ns, effect_id) AS before
    FROM   effects WHERE kind IN ('stock_moved', 'book_stock_moved')
), sums AS (
    SELECT system, sku, location, arg_min(on_hand - quantity, (at_ns, effect_id)) AS opening, sum(quantity)::BIGINT AS moved,
           arg_max(on_hand, (at_ns, effect_id)) AS closing, count(*) FILTER (WHERE before + quantity <> on_hand) AS jumps,
           list(effect_id ORDER BY at_ns, effect_id) AS effect_ids
    FROM   moves GROUP BY ALL
), final AS (
    SELECT system, sku, location, on_hand
    FROM   documents WHERE (system = 'wms' AND kind = 'stock') OR (system = 'erp' AND kind IN ('stock', 'book_stock'))
)
SELECT concat_ws(' ', s.system, s.sku, s.location)                                        AS subject,
       s.opening + s.moved = s.closing AND s.jumps = 0 AND coalesce(f.on_hand = s.closing OR NOT (SELECT settled FROM run), true) AS holds,
       format('{} at first, {} moved, {} at the end', s.opening, s.moved, coalesce(f.on_hand, s.closing)) AS finding,
       s.effect_ids[-20:]                                                                 AS evidence,
       NULL                                                                               AS guilty
FROM   sums AS s
LEFT   JOIN final AS f ON f.system = s.system AND f.sku = s.sku AND f.location IS NOT DISTINCT FROM s.location
