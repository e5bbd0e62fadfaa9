-- claim:    Each price reaches every channel within 15 seconds of the time from which it holds.
-- flow:     price-publish
-- class:    timeliness
-- severity: major
-- step:     95
-- cause:    Prices wait for a nightly batch, or behind a queue of stock updates.
-- remedy:   Publish each price as soon as it holds, in bulk calls of its own, and poll for what was missed every few seconds.
-- While a fault is armed on the channel or the ERP, or the middleware is down, the time does not run.
WITH prices AS (
    SELECT system, sku, currency, version, effect_id,
           greatest(at_ns, coalesce(epoch_ns((data ->> '$.valid_from')::TIMESTAMPTZ), at_ns)) AS due_ns
    FROM   effects WHERE kind = 'price_set' AND actor IS DISTINCT FROM 'before-run' AND version IS NOT NULL
), shown AS (
    SELECT system AS channel, sku, currency, version, min(at_ns) AS at_ns, arg_min(effect_id, at_ns) AS effect_id
    FROM   effects WHERE kind = 'price_listed' AND version IS NOT NULL GROUP BY ALL
), newest_first AS (
    SELECT channel, sku, currency, version, min(at_ns) OVER newer AS at_ns, arg_min(effect_id, at_ns) OVER newer AS effect_id
    FROM   shown WINDOW newer AS (PARTITION BY channel, sku, currency ORDER BY version DESC ROWS UNBOUNDED PRECEDING)
), told AS ( -- that price, or one that superseded it; what never came is missing, not late
    SELECT p.*, n.channel, n.at_ns AS told_ns, n.effect_id AS listed_id
    FROM   prices AS p
    ASOF   JOIN newest_first AS n ON n.sku = p.sku AND n.currency = p.currency AND n.version >= p.version
), armed AS (
    SELECT injection, system, min(at_ns) FILTER (WHERE mark = 'armed') AS began_ns, max(at_ns) FILTER (WHERE mark = 'healed') AS healed_ns
    FROM   faults GROUP BY injection, system
), late AS (
    SELECT t.* FROM told AS t
    WHERE  t.told_ns > t.due_ns + 15000000000
      AND  NOT EXISTS (SELECT 1 FROM armed AS a WHERE a.system IN (t.channel, t.system, '*', 'sut')
                       AND a.began_ns <= t.told_ns AND coalesce(a.healed_ns + 15000000000 >= t.told_ns, true))
)
SELECT concat_ws(' ', t.sku, t.currency, t.channel)                                       AS subject,
       count(l.effect_id) = 0                                                             AS holds,
       format('{} prices came to {} later than 15 s; the worst took {:.1f} s', count(l.effect_id), t.channel,
              coalesce(max(l.told_ns - l.due_ns), 0) / 1e9)                               AS finding,
       CASE WHEN count(l.effect_id) > 0 THEN flatten(list([l.effect_id, l.listed_id]) FILTER (WHERE l.effect_id IS NOT NULL))
            ELSE [min(t.effect_id)] END                                                   AS evidence,
       arg_max(l.listed_id, l.told_ns - l.due_ns)                                         AS guilty
FROM   told AS t
LEFT   JOIN late AS l ON l.effect_id = t.effect_id AND l.channel = t.channel
GROUP  BY t.sku, t.currency, t.channel
