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
    SELECT coalesce(c.ref, r.ref) AS ref, coalesce(c.order_ref, r.order_ref) AS order_ref,
           c.amount AS credited, r.amount AS refunded, coalesce(r.times, 0) AS times, c.at_ns AS credited_ns, r.at_ns AS refunded_ns,
           r.effect_ids AS refund_ids, r.currency <> c.currency AS foreign_money, list_concat(c.effect_ids, r.effect_ids) AS evidence
    FROM   credits AS c FULL JOIN refunds AS r ON r.ref = c.ref
)
SELECT t.ref                                                                                     AS subject,
       CASE WHEN t.times > 1 OR (t.times > 0 AND t.credited IS NULL) OR t.refunded_ns < t.credited_ns
              OR t.refunded > t.credited OR t.foreign_money THEN false
            ELSE due((t.times = 1 AND t.refunded = t.credited) OR (t.times = 0 AND t.credited = 0) OR coalesce(o.parked, false),
                     coalesce(o.owed, false)) END                                                 AS holds,
       concat_ws('; ', format('order {}: refunded {} in {} payments, credited {}', t.order_ref, coalesce(t.refunded, 0),
                              t.times, coalesce(t.credited::VARCHAR, 'nothing')),
                 CASE WHEN t.refunded_ns < t.credited_ns
                      THEN format('paid {} ms before the credit memo was posted', (t.credited_ns - t.refunded_ns) // 1000000) END,
                 CASE WHEN t.foreign_money THEN 'in another currency' END)                        AS finding,
       t.evidence,
       t.order_ref,
       CASE WHEN t.times > 1 THEN t.refund_ids[2] ELSE t.refund_ids[1] END                        AS guilty
FROM   returns AS t
LEFT   JOIN accepted_orders AS o ON o.order_ref = t.order_ref
