-- claim:    An order that cannot be filled is cancelled at its channel and in the ERP, and its payment is given back untouched.
-- flow:     order-to-ship
-- class:    consistency
-- severity: critical
-- step:     61
-- cause:    The refusal of the OMS is logged and nothing else; the channel and the payment never hear of it.
-- remedy:   On order.unfillable cancel the sales order if there is one, void the payment and cancel at the channel, each retried until done.
WITH ends AS (
    SELECT order_ref,
           bool_or(kind IN ('payment_voided', 'payment_expired'))                    AS voided,
           bool_or(kind = 'payment_authorised')                                      AS authorised,
           bool_or(kind = 'payment_captured')                                        AS captured,
           arg_min(effect_id, at_ns) FILTER (WHERE kind = 'payment_captured')        AS capture_id,
           bool_or(kind = 'order_cancelled')                                         AS cancelled,
           bool_or(kind = 'sales_order_received')                                    AS booked,
           bool_or(kind = 'sales_order_cancelled' OR kind = 'sales_order_rejected')  AS unbooked,
           list(effect_id ORDER BY at_ns, effect_id)                                 AS effect_ids
    FROM   effects
    WHERE  kind IN ('payment_voided', 'payment_expired', 'payment_authorised', 'payment_captured', 'order_cancelled',
                    'sales_order_received', 'sales_order_cancelled', 'sales_order_rejected')
      AND  order_ref IN (SELECT order_ref FROM effects WHERE kind = 'order_unfillable')
    GROUP  BY order_ref
), unfillable AS (
    SELECT order_ref, min(effect_id) AS effect_id FROM effects WHERE kind = 'order_unfillable' GROUP BY order_ref
)
SELECT u.order_ref                                                                                   AS subject,
       CASE WHEN e.captured THEN false
            ELSE due((coalesce(e.cancelled, false) AND (e.voided OR NOT e.authorised) AND (e.unbooked OR NOT e.booked))
                     OR k.order_ref IS NOT NULL, w.order_ref IS NOT NULL) END                        AS holds,
       coalesce('unfillable, but ' || nullif(concat_ws(', ',
           CASE WHEN e.captured THEN 'captured' END,
           CASE WHEN NOT coalesce(e.cancelled, false) THEN 'not cancelled at its channel' END,
           CASE WHEN e.authorised AND NOT e.voided THEN 'payment not voided' END,
           CASE WHEN e.booked AND NOT e.unbooked THEN 'still booked in the ERP' END), ''),
           'cancelled and voided')                                                                   AS finding,
       list_concat([u.effect_id], e.effect_ids)                                                      AS evidence,
       e.capture_id                                                                                  AS guilty,
       CASE WHEN e.captured THEN 'Capture only what a shipment.confirmed names: of an unfillable order nothing leaves.' END AS remedy
FROM   unfillable AS u
LEFT   JOIN owed_orders AS w ON w.order_ref = u.order_ref
LEFT   JOIN ends AS e ON e.order_ref = u.order_ref
LEFT   JOIN (SELECT DISTINCT order_ref FROM parked) AS k ON k.order_ref = u.order_ref
