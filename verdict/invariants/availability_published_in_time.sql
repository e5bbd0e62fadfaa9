-- claim:    Each change of what may be sold is listed on every channel, or something newer is, within 15 seconds.
-- flow:     stock-sync
-- class:    timeliness
-- severity: major
-- step:     93
-- cause:    One slow channel or one refused batch holds up the queue that all channels share.
-- remedy:   Publish changes as they come, in small bulk calls of their own, not behind a long batch; poll for what was missed every few seconds.
-- While a fault is armed on the channel or the OMS the time does not run.
WITH computed AS (
    SELECT sku, version, at_ns, effect_id FROM effects
    WHERE  kind = 'availability_computed' AND version IS NOT NULL AND actor IS DISTINCT FROM 'before-run'
), shown AS (
    SELECT system AS channel, sku, version, at_ns, effect_id FROM effects
    WHERE  kind = 'availability_listed' AND version IS NOT NULL
), at_once AS ( -- most, and quickly told
    SELECT s.channel, c.sku, c.version FROM computed AS c
    JOIN   shown AS s ON s.sku = c.sku AND s.version = c.version
    WHERE  s.at_ns <= c.at_ns + 15000000000
), rest AS ( -- superseded, late or never
    SELECT h.channel, c.* FROM computed AS c CROSS JOIN channels AS h -- a handful of channels
    ANTI   JOIN at_once AS a ON a.channel = h.channel AND a.sku = c.sku AND a.version = c.version
), newest_first AS (
    SELECT channel, sku, version, min(at_ns) OVER newer AS at_ns, arg_min(effect_id, at_ns) OVER newer AS effect_id
    FROM   shown SEMI JOIN rest USING (channel, sku)
    WINDOW newer AS (PARTITION BY channel, sku ORDER BY version DESC ROWS UNBOUNDED PRECEDING)
), told AS (
    SELECT r.*, coalesce(n.at_ns, (SELECT max(at_ns) FROM effects)) AS told_ns, n.at_ns IS NOT NULL AS was_told, n.effect_id AS listed_id
    FROM   rest AS r
    ASOF   LEFT JOIN newest_first AS n ON n.channel = r.channel AND n.sku = r.sku AND n.version >= r.version
), armed AS (
    SELECT injection, system, min(at_ns) FILTER (WHERE mark = 'armed') AS began_ns, max(at_ns) FILTER (WHERE mark = 'healed') AS healed_ns
    FROM   faults GROUP BY injection, system
), late AS (
    SELECT t.* FROM told AS t
    WHERE  t.told_ns > t.at_ns + 15000000000
      AND  NOT EXISTS (SELECT 1 FROM armed AS a WHERE a.system IN (t.channel, 'oms', '*')
                       AND a.began_ns <= t.told_ns AND coalesce(a.healed_ns + 15000000000 >= t.told_ns, true))
), summed AS (
    SELECT channel, sku, count(*) AS changes, max(told_ns - at_ns) / 1e9 AS worst_s, bool_and(was_told) AS was_told,
           flatten(list([effect_id, listed_id] ORDER BY told_ns - at_ns DESC)) AS evidence
    FROM   late GROUP BY channel, sku
)
SELECT c.sku || ' ' || h.channel                                                          AS subject,
       s.sku IS NULL                                                                      AS holds,
       format('{} changes came to {} later than 15 s; the worst took {:.1f} s{}', coalesce(s.changes, 0), h.channel, coalesce(s.worst_s, 0),
              CASE WHEN s.was_told THEN '' ELSE ' and never came' END)                    AS finding,
       coalesce(s.evidence, [c.effect_id])                                                AS evidence,
       NULL                                                                               AS guilty
FROM  (SELECT sku, min(effect_id) AS effect_id FROM computed GROUP BY sku) AS c
CROSS  JOIN channels AS h -- a handful of channels
LEFT   JOIN summed AS s ON s.sku = c.sku AND s.channel = h.channel
