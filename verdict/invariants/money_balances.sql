-- claim:    Of every order, in its currency, what was captured is what was invoiced, and what was refunded is what was credited, to the penny.
-- flow:     order-to-ship, return-to-refund
-- class:    consistency
-- severity: critical
-- step:     94
-- general:  yes
-- cause:    Amounts are reckoned anew with floats or per unit, and the odd penny of a part goes astray.
-- remedy:   Reckon in decimals, bill and capture the same lines of the same shipment in one currency, and refund what the credit memo says.
WITH money AS (
    SELECT order_ref, currency,
           coalesce(sum(amount) FILTER (WHERE kind = 'payment_captured'), 0)   AS captured,
           coalesce(sum(amount) FILTER (WHERE kind = 'payment_refunded'), 0)   AS refunded,
           coalesce(sum(amount) FILTER (WHERE kind = 'invoice_posted'), 0)     AS invoiced,
           coalesce(sum(amount) FILTER (WHERE kind = 'credit_memo_posted'), 0) AS credited,
           list(effect_id ORDER BY at_ns, effect_id)                           AS effect_ids
    FROM   effects
    WHERE  kind IN ('payment_captured', 'payment_refunded', 'invoice_posted', 'credit_memo_posted') AND order_ref IS NOT NULL
    GROUP  BY order_ref, currency
)
SELECT concat_ws(' ', m.order_ref, m.currency)                                            AS subject,
       CASE WHEN m.refunded > m.captured THEN false
            ELSE due((m.captured = m.invoiced AND m.refunded = m.credited) OR coalesce(o.parked, false), coalesce(o.owed, false)) END AS holds,
       format('captured {}, invoiced {}; refunded {}, credited {}', money(m.captured, NULL), money(m.invoiced, NULL),
              money(m.refunded, NULL), money(m.credited, m.currency))                     AS finding,
       m.effect_ids                                                                       AS evidence,
       m.order_ref,
       NULL                                                                               AS guilty
FROM   money AS m
LEFT   JOIN accepted_orders AS o ON o.order_ref = m.order_ref
