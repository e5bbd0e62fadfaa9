-- claim:    A webhook that is forged, altered, wrongly signed or too old is refused and has no effect.
-- flow:     any
-- class:    security
-- severity: critical
-- step:     1
-- leads_to: acts, omissions
-- cause:    The signature is checked over the parsed and rewritten body, only where it is present, or the timestamp is not looked at.
-- remedy:   Verify signature and timestamp over the raw body before anything else (Standard Webhooks), and answer 401 without looking further.
WITH tried AS (
    SELECT event_id, forgery, any_value(topic) AS topic, any_value(order_ref) AS order_ref, any_value(sku) AS sku,
           bool_or(acknowledged) AS taken, arg_min(delivery_id, at_ns) FILTER (WHERE acknowledged) AS taken_id, any_value(status) FILTER (WHERE acknowledged) AS status, min(at_ns) AS at_ns,
           list(delivery_id ORDER BY at_ns, delivery_id) AS delivery_ids
    FROM   deliveries WHERE forgery IS NOT NULL GROUP BY event_id, forgery
), acted AS ( -- orders that nobody placed
    SELECT e.order_ref, list(e.effect_id ORDER BY e.at_ns) AS effect_ids
    FROM   effects AS e
    SEMI   JOIN (SELECT order_ref FROM tried ANTI JOIN accepted_orders USING (order_ref)) AS t ON t.order_ref = e.order_ref
    GROUP  BY e.order_ref
)
SELECT t.event_id || ' ' || t.forgery                                                     AS subject,
       NOT t.taken AND a.order_ref IS NULL                                                AS holds,
       concat_ws('; ', format('{} about {} ({}): {}', t.topic, coalesce(t.order_ref, t.sku, '–'), t.forgery,
                              CASE WHEN t.taken THEN format('accepted with {}', t.status) ELSE 'refused' END),
                 CASE WHEN a.order_ref IS NOT NULL THEN format('{} effects of an order that nobody placed', len(a.effect_ids)) END) AS finding,
       list_concat(t.delivery_ids, a.effect_ids)                                          AS evidence,
       o.order_ref,
       coalesce(t.taken_id, a.effect_ids[1])                                              AS guilty,
       [x FOR x IN [t.order_ref, t.sku] IF x IS NOT NULL]                                 AS explains
FROM   tried AS t
LEFT   JOIN acted AS a ON a.order_ref = t.order_ref
LEFT   JOIN accepted_orders AS o ON o.order_ref = t.order_ref
