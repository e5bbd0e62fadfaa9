-- claim:    A return's refund is paid once, after its credit memo is posted, and is what the memo says.
-- flow:     return-to-refund
-- class:    idempotency
-- severity: critical
-- step:     82
-- cause:    The refund is repeated after a lost reply, or paid at receipt, before the credit memo is posted.
-- remedy:   Wait for credit_memo.posted, refund its amount under one Idempotency-Key per return, and look the refund up before paying again.
WITH credits AS (
    SELECT ref, any_value(order_ref) AS order_ref, sum(amount) AS amount, min(at_ns) AS at_ns, min(currency) AS currency,
           list(effect_id ORDER BY at_ns) AS effect_ids
    FROM   effects WHERE kind = 'credit_memo_posted' GROUP BY ref
), refunds AS (
    SELECT coalesce(ref, effect_id) AS ref, any_value(order_ref) AS order_ref, count(*) AS times, sum(amount) AS amount,
           min(at_ns) AS at_ns, min(currency) AS currency, list(effect_id ORDER BY at_ns, effect_id) AS effect_ids
    FROM   effects WHERE kind = 'payment_refunded' GROUP BY 1
), returns AS (
    SELECT coalesce(c.ref, r.ref) AS ref, coalesce(c.order_ref, r.order_ref) AS order_ref, coalesce(r.currency, c.currency) AS currency,
           c.amount AS credited, r.amount AS refunded, coalesce(r.times, 0) AS times, c.at_ns - r.at_ns AS early_ns,
           -- paid before it was credited, or never credited: the first payment is the mistake, and not the second
           coalesce(r.at_ns < c.at_ns, r.times > 0, false) AS early,
           r.effect_ids AS refund_ids, r.currency <> c.currency AS foreign_money, list_concat(c.effect_ids, r.effect_ids) AS evidence
    FROM   credits AS c FULL JOIN refunds AS r ON r.ref = c.ref
)
SELECT t.ref                                                                                     AS subject,
       CASE WHEN t.times > 1 OR t.early OR t.refunded > t.credited OR t.foreign_money THEN false
            ELSE due((t.times = 1 AND t.refunded = t.credited) OR (t.times = 0 AND t.credited = 0) OR coalesce(o.parked, false),
                     coalesce(o.owed, false)) END                                                 AS holds,
       concat_ws('; ', format('order {}', t.order_ref), times('refunded', t.times),
                 CASE WHEN t.times > 0 THEN money(t.refunded, t.currency) END,
                 coalesce('credited ' || money(t.credited, t.currency), 'never credited'),
                 CASE WHEN t.early_ns > 0 THEN format('paid {} before the credit memo was posted', span(t.early_ns)) END,
                 CASE WHEN t.foreign_money THEN 'in another currency' END, r.words)               AS finding,
       list_concat(t.evidence, [r.before_call_id])                                                AS evidence,
       t.order_ref,
       CASE WHEN t.times > 1 AND NOT t.early THEN t.refund_ids[2] ELSE t.refund_ids[1] END        AS guilty,
       CASE WHEN t.early THEN 'Refund on credit_memo.posted, not on return.received.'
            WHEN t.times > 1 THEN r.remedy
            WHEN t.times = 0 THEN 'On credit_memo.posted refund its amount, and retry until it is paid.'
            WHEN t.refunded <> t.credited THEN 'Refund the amount that the credit memo says, in its currency.' END AS remedy
FROM   returns AS t
LEFT   JOIN accepted_orders AS o ON o.order_ref = t.order_ref
LEFT   JOIN repeated_effects AS r ON r.effect_id = t.refund_ids[2]
