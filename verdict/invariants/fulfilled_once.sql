-- claim:    Every allocated part of a posted order is requested from the warehouse once, and no line ships more than was ordered.
-- flow:     order-to-ship
-- class:    idempotency
-- severity: critical
-- step:     40
-- cause:    The request to the warehouse is repeated after a lost reply, or sent again when the order is seen again.
-- remedy:   Request each part when the order is both posted and allocated, under one Idempotency-Key per part; ask for the order's fulfilments before asking again.
WITH requests AS (
    SELECT r.order_ref, coalesce(r.ref, r.document_id) AS part_id, r.effect_id, r.at_ns, r.lines, c.at_ns AS cancelled_ns
    FROM   effects AS r
    LEFT   JOIN effects AS c ON c.kind = 'fulfilment_cancelled' AND c.document_id = r.document_id
    WHERE  r.kind = 'fulfilment_requested'
), repeated AS ( -- asked for again while an earlier request of the same part stood
    SELECT order_ref, string_agg(DISTINCT part_id, ', ') AS parts, arg_min(effect_id, at_ns) AS effect_id
    FROM  (SELECT *, max(coalesce(cancelled_ns, 9223372036854775807)) OVER (
                      PARTITION BY order_ref, part_id ORDER BY at_ns, effect_id
                      ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS stood_until_ns FROM requests)
    WHERE  stood_until_ns > at_ns
    GROUP  BY order_ref
), parts AS (
    SELECT order_ref, part ->> '$.part_id' AS part_id, from_json(part -> '$.lines', '[{"line_id": "VARCHAR", "quantity": "BIGINT"}]') AS lines
    FROM  (SELECT order_ref, unnest(from_json(data -> '$.parts', '["JSON"]')) AS part
           FROM effects WHERE kind = 'order_allocated')
), altered AS ( -- with other lines than its part has; less is right where lines were cancelled meanwhile
    SELECT r.order_ref, arg_min(r.effect_id, r.at_ns) AS effect_id,
           string_agg(format('part {} was requested as {}, allocated as {}', r.part_id,
                             array_to_string([format('line {} × {}', x.line_id, x.quantity) FOR x IN r.lines], ', '),
                             array_to_string([format('line {} × {}', x.line_id, x.quantity) FOR x IN p.lines], ', ')),
                      '; ' ORDER BY r.at_ns) AS words
    FROM   requests AS r
    JOIN   parts AS p ON p.order_ref = r.order_ref AND p.part_id = r.part_id AND len(p.lines) > 0
    ANTI   JOIN cancelled_lines AS c ON c.order_ref = r.order_ref
    WHERE  units_by_line(r.lines) <> units_by_line(p.lines)
    GROUP  BY r.order_ref
), missing AS (
    SELECT p.order_ref, string_agg(p.part_id, ', ' ORDER BY p.part_id) AS parts
    FROM   parts AS p
    ANTI   JOIN requests AS r ON r.order_ref = p.order_ref AND r.part_id = p.part_id
    SEMI   JOIN (SELECT order_ref FROM effects WHERE kind = 'sales_order_posted') AS b ON b.order_ref = p.order_ref
    ANTI   JOIN (SELECT order_ref FROM effects
                 WHERE kind IN ('oms_order_cancelled', 'sales_order_cancelled')) AS c ON c.order_ref = p.order_ref
    GROUP  BY p.order_ref
), wanted AS (
    SELECT order_ref, line.line_id AS line_id, sum(line.quantity) AS requested, 0 AS shipped
    FROM  (SELECT order_ref, unnest(lines) AS line FROM requests WHERE cancelled_ns IS NULL)
    GROUP  BY ALL
    UNION  ALL
    SELECT order_ref, line_id, 0, sum(quantity) FROM shipped_lines GROUP BY ALL
), excess AS (
    SELECT w.order_ref, string_agg(format('line {}: {} ordered, {} requested, {} shipped', w.line_id,
                                          coalesce(l.quantity, 0), w.requested, w.shipped), '; ' ORDER BY w.line_id) AS lines
    FROM  (SELECT order_ref, line_id, sum(requested)::BIGINT AS requested, sum(shipped)::BIGINT AS shipped FROM wanted GROUP BY ALL) AS w
    LEFT   JOIN order_lines AS l ON l.order_ref = w.order_ref AND l.line_id = w.line_id
    WHERE  greatest(w.requested, w.shipped) > coalesce(l.quantity, 0)
    GROUP  BY w.order_ref
), too_much AS ( -- the first request, else the first shipment, by which a line of an order came to more than was ordered
    SELECT order_ref, arg_min(effect_id, (is_shipment, at_ns, effect_id)) AS effect_id
    FROM  (SELECT u.*, sum(u.quantity) OVER (PARTITION BY u.order_ref, u.line_id, u.is_shipment ORDER BY u.at_ns, u.effect_id) AS so_far
           FROM  (SELECT order_ref, line.line_id AS line_id, line.quantity AS quantity, effect_id, at_ns, false AS is_shipment
                  FROM  (SELECT order_ref, effect_id, at_ns, unnest(lines) AS line FROM requests WHERE cancelled_ns IS NULL)
                  UNION  ALL
                  SELECT order_ref, line_id, quantity, effect_id, at_ns, true FROM shipped_lines) AS u
           SEMI   JOIN excess AS x ON x.order_ref = u.order_ref) AS a
    LEFT   JOIN order_lines AS l USING (order_ref, line_id)
    WHERE  a.so_far > coalesce(l.quantity, 0)
    GROUP  BY order_ref
), steps AS (
    SELECT order_ref, list(effect_id ORDER BY at_ns, effect_id) AS effect_ids
    FROM   effects WHERE kind IN ('order_allocated', 'fulfilment_requested', 'fulfilment_cancelled', 'shipment_confirmed')
    GROUP  BY order_ref
)
SELECT o.order_ref                                                                                  AS subject,
       CASE WHEN r.parts IS NOT NULL OR x.lines IS NOT NULL OR a.words IS NOT NULL THEN false
            ELSE due(m.parts IS NULL OR o.cancelled OR o.parked OR o.undecided, o.owed) END         AS holds,
       coalesce(nullif(concat_ws('; ', 'requested again: ' || r.parts, d.words, a.words, x.lines,
                                 'allocated and posted, but never requested: ' || m.parts), ''),
                'each part requested once')                                                         AS finding,
       list_concat([o.effect_id], s.effect_ids)                                                     AS evidence,
       coalesce(r.effect_id, a.effect_id, t.effect_id)                                              AS guilty,
       coalesce(d.remedy, CASE WHEN a.words IS NOT NULL THEN 'Request each part of order.allocated with its own lines.'
            WHEN m.parts IS NOT NULL AND r.parts IS NULL AND x.lines IS NULL
            THEN 'Request every part of order.allocated once the order is posted, and retry each until the warehouse has it.' END) AS remedy
FROM   accepted_orders AS o
JOIN   steps AS s ON s.order_ref = o.order_ref
LEFT   JOIN repeated AS r ON r.order_ref = o.order_ref
LEFT   JOIN missing AS m ON m.order_ref = o.order_ref
LEFT   JOIN excess AS x ON x.order_ref = o.order_ref
LEFT   JOIN too_much AS t ON t.order_ref = o.order_ref
LEFT   JOIN altered AS a ON a.order_ref = o.order_ref
LEFT   JOIN repeated_effects AS d ON d.effect_id = r.effect_id
