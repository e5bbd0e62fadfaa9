-- claim:    After settling the warehouse, the OMS and the ERP's book agree on every SKU, and each channel lists what the OMS last computed.
-- flow:     stock-sync
-- class:    consistency
-- severity: critical
-- step:     93
-- general:  yes
-- cause:    Missed events are never made good by polling, or the last availability is computed and never published.
-- remedy:   Forward every stock change as an absolute quantity with its version, publish the latest availability, and reconcile by polling for what was missed.
WITH on_hand AS (
    SELECT sku,
           sum(on_hand) FILTER (WHERE system = 'wms')::BIGINT AS wms,
           sum(on_hand) FILTER (WHERE system = 'oms')::BIGINT AS oms,
           sum(on_hand) FILTER (WHERE system = 'erp')::BIGINT AS erp
    FROM   documents
    WHERE  kind IN ('stock', 'book_stock') AND system IN ('wms', 'oms', 'erp')
    GROUP  BY sku
), excused AS ( -- the book waits for the invoices and credit memos of parked orders
    SELECT DISTINCT sku FROM order_lines
    WHERE  order_ref IN (SELECT order_ref FROM parked UNION ALL SELECT order_ref FROM owed_orders)
), sold AS ( -- what left the warehouse and what was invoiced of it, order by order
    SELECT sku, order_ref, sum(shipped) <> sum(invoiced) AS differs
    FROM  (SELECT sku, order_ref, quantity AS shipped, 0 AS invoiced FROM shipped_lines
           UNION ALL
           SELECT line.sku, order_ref, 0, line.quantity
           FROM  (SELECT order_ref, unnest(lines) AS line FROM effects WHERE kind = 'invoice_received'))
    GROUP  BY sku, order_ref
), booked_otherwise AS ( -- changes that the ERP's book has not, twice, or otherwise
    SELECT sku, ref FROM effects
    WHERE  kind = 'stock_adjusted' OR (kind = 'stock_moved' AND cause IN ('receipt', 'count', 'damage') AND actor IS DISTINCT FROM 'before-run')
    GROUP  BY sku, ref
    HAVING coalesce(sum(quantity) FILTER (WHERE kind = 'stock_adjusted'), 0) <> coalesce(sum(quantity) FILTER (WHERE kind = 'stock_moved'), 0)
), behind AS ( -- the orders and changes whose own findings account for a difference of the ERP's book
    SELECT sku, list(about) AS abouts
    FROM  (SELECT sku, order_ref AS about FROM sold WHERE differs UNION ALL SELECT sku, ref FROM booked_otherwise)
    GROUP  BY sku
), computed AS (
    SELECT sku, arg_max(on_hand, version) AS available, max(version) AS version, arg_max(effect_id, version) AS effect_id
    FROM   effects WHERE kind = 'availability_computed' AND actor IS DISTINCT FROM 'before-run' GROUP BY sku
), listed AS (
    SELECT system, sku, arg_max(on_hand, (at_ns, effect_id)) AS listed, arg_max(version, (at_ns, effect_id)) AS version,
           arg_max(effect_id, (at_ns, effect_id)) AS effect_id
    FROM   effects WHERE kind = 'availability_listed' GROUP BY system, sku
), published AS (
    SELECT c.sku, string_agg(format('{} lists {}, the OMS last computed {}', h.channel, coalesce(l.listed::VARCHAR, 'nothing new'), c.available), '; ')
             FILTER (WHERE l.listed IS DISTINCT FROM c.available) AS wrong,
           -- listed as the newest version and yet another number: that listing is wrong; an old version is one that is missing
           min(l.effect_id) FILTER (WHERE l.listed IS DISTINCT FROM c.available AND l.version >= c.version) AS guilty,
           list_concat([any_value(c.effect_id)], list(l.effect_id)) AS evidence
    FROM   computed AS c
    CROSS  JOIN channels AS h -- a handful of channels
    LEFT   JOIN listed AS l ON l.sku = c.sku AND l.system = h.channel
    GROUP  BY c.sku
), last_moves AS (
    SELECT sku, list(effect_id) AS effect_ids
    FROM  (SELECT sku, arg_max(effect_id, (at_ns, effect_id)) AS effect_id FROM effects
           WHERE kind IN ('stock_moved', 'stock_set', 'book_stock_moved') GROUP BY system, sku, location)
    GROUP  BY sku
)
SELECT coalesce(s.sku, p.sku)                                                             AS subject,
       due(coalesce(s.wms = s.oms, true) AND (coalesce(s.wms = s.erp, true) OR x.sku IS NOT NULL)
           AND p.wrong IS NULL, w.sku IS NOT NULL)                                        AS holds,
       concat_ws('; ', format('on hand: WMS {}, OMS {}, ERP book {}', coalesce(s.wms::VARCHAR, '–'),
                              coalesce(s.oms::VARCHAR, '–'), coalesce(s.erp::VARCHAR, '–')), p.wrong) AS finding,
       list_concat(['state: stock of ' || coalesce(s.sku, p.sku)], m.effect_ids, p.evidence) AS evidence,
       CASE WHEN coalesce(s.wms = s.oms, true) AND coalesce(s.wms = s.erp, true) THEN p.guilty END AS guilty,
       list_concat([coalesce(s.sku, p.sku)], CASE WHEN s.wms = s.oms AND p.wrong IS NULL THEN b.abouts END) AS explains
FROM   on_hand AS s
FULL   JOIN published AS p ON p.sku = s.sku
LEFT   JOIN excused AS x ON x.sku = s.sku
LEFT   JOIN behind AS b ON b.sku = s.sku
LEFT   JOIN owed_articles AS w ON w.sku = coalesce(s.sku, p.sku)
LEFT   JOIN last_moves AS m ON m.sku = coalesce(s.sku, p.sku)
