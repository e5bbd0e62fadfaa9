-- claim:    Every shipment is invoiced, told to the OMS and told to its channel once, line by line.
-- flow:     order-to-ship
-- class:    idempotency
-- severity: critical
-- step:     52
-- cause:    One of several followers of a shipment fails, and it is left out or all of them are told again.
-- remedy:   Give each of the three its own durable task per shipment with its own Idempotency-Key, and retry each until it is done.
WITH shipments AS (
    SELECT row_number() OVER () AS shipment, order_ref, ref AS shipment_id, effect_id, lines,
           [(x.line_id, x.quantity) FOR x IN lines] AS units
    FROM   effects WHERE kind = 'shipment_confirmed' AND ref IS NOT NULL AND len(lines) > 0
), places (kind, place) AS (
    VALUES ('invoice_received', 'the ERP'), ('oms_order_shipped', 'the OMS'), ('shipment_recorded', 'channel ')
), told AS ( -- each telling, the k-th of its system
    SELECT e.order_ref, e.ref AS shipment_id, e.kind, e.system, e.effect_id, e.at_ns, e.lines, [(x.line_id, x.quantity) FOR x IN e.lines] AS units,
           row_number() OVER (PARTITION BY e.order_ref, e.ref, e.kind ORDER BY e.at_ns, e.effect_id) AS turn
    FROM   effects AS e
    WHERE  e.kind IN (SELECT kind FROM places)
), tellings AS ( -- what is the same to the letter need not be added up by line
    SELECT s.shipment, s.order_ref, s.shipment_id, s.effect_id AS shipped_id, t.kind, t.system, t.effect_id, t.at_ns, t.turn,
           CASE WHEN t.units = s.units THEN false ELSE units_by_line(t.lines) <> units_by_line(s.lines) END AS is_other,
           s.lines AS shipped, t.lines AS said
    FROM   shipments AS s
    LEFT   JOIN told AS t ON t.order_ref = s.order_ref AND t.shipment_id = s.shipment_id
), differing AS ( -- few: in words, what was told of each line that differs
    SELECT t.shipment, t.effect_id,
           format('{} was told {}', CASE p.place WHEN 'channel ' THEN p.place || t.system ELSE p.place END, array_to_string(
               [format('line {} × {}, shipped × {}', l, coalesce(list_sum([x.quantity FOR x IN t.said IF x.line_id = l]), 0),
                       coalesce(list_sum([x.quantity FOR x IN t.shipped IF x.line_id = l]), 0))
                FOR l IN list_sort(list_distinct(list_concat([x.line_id FOR x IN t.said], [x.line_id FOR x IN t.shipped])))
                IF coalesce(list_sum([x.quantity FOR x IN t.said IF x.line_id = l]), 0)
                   <> coalesce(list_sum([x.quantity FOR x IN t.shipped IF x.line_id = l]), 0)], ' and ')) AS words
    FROM   tellings AS t JOIN places AS p ON p.kind = t.kind
    WHERE  t.is_other
), compared AS (
    SELECT any_value(t.order_ref) AS order_ref, any_value(t.shipment_id) AS shipment_id, any_value(t.shipped_id) AS effect_id,
           count(*) FILTER (WHERE t.kind = 'invoice_received')    AS invoiced,
           count(*) FILTER (WHERE t.kind = 'oms_order_shipped')   AS in_oms,
           count(*) FILTER (WHERE t.kind = 'shipment_recorded')   AS on_channel,
           string_agg(d.words, '; ' ORDER BY t.at_ns)             AS other_lines,
           coalesce(arg_min(t.effect_id, t.at_ns) FILTER (WHERE d.words IS NOT NULL),
                    arg_min(t.effect_id, t.at_ns) FILTER (WHERE t.turn > 1)) AS guilty,
           list(t.effect_id ORDER BY t.at_ns, t.effect_id) FILTER (WHERE t.effect_id IS NOT NULL) AS effect_ids
    FROM   tellings AS t
    LEFT   JOIN differing AS d ON d.shipment = t.shipment AND d.effect_id = t.effect_id
    GROUP  BY t.shipment
)
SELECT s.shipment_id                                                                            AS subject,
       CASE WHEN greatest(s.invoiced, s.in_oms, s.on_channel) > 1 OR s.other_lines IS NOT NULL THEN false
            ELSE due((s.invoiced = 1 AND s.in_oms = 1 AND s.on_channel = 1) OR coalesce(o.parked, false), coalesce(o.owed, false)) END AS holds,
       concat_ws('; ', format('order {}', s.order_ref), s.other_lines,
                 CASE WHEN s.invoiced <> 1 THEN times('invoiced', s.invoiced) END,
                 CASE WHEN s.in_oms <> 1 THEN times('told to the OMS', s.in_oms) END,
                 CASE WHEN s.on_channel <> 1
                      THEN times('told to channel ' || coalesce(o.channel, '?'), s.on_channel) END,
                 r.words)                                                                       AS finding,
       list_concat([s.effect_id], s.effect_ids)                                                 AS evidence,
       s.order_ref,
       s.guilty,
       CASE WHEN s.other_lines IS NOT NULL
            THEN 'Tell each system the lines of the shipment.confirmed event, not those of the order or of another shipment.'
            ELSE r.remedy END                                                                   AS remedy
FROM   compared AS s
LEFT   JOIN accepted_orders AS o ON o.order_ref = s.order_ref
LEFT   JOIN repeated_effects AS r ON r.effect_id = s.guilty
