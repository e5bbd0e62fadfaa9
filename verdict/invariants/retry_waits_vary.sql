-- claim:    Waits carry jitter: requests that fail together are not asked again together.
-- flow:     any
-- class:    retry
-- severity: minor
-- step:     107
-- cause:    Waits are reckoned from the attempt alone, without chance.
-- remedy:   Draw each wait at random between nothing and its longest (full jitter), or add at least a quarter of it at random.
-- Judged only where ten requests or more were tried five times or more; waits that the system itself asked for do not count. The
-- spread is that of the middle 80 % of waits, as a share of their median; of the four waits the one in the middle counts, for a busy
-- machine blurs now and then one of them.
WITH waits AS (
    SELECT system, intent, turn, call_id, (at_ns - replied_before_ns) / 1e9 AS wait_s,
           count(*) OVER (PARTITION BY intent) AS waits
    FROM   troubled_calls WHERE turn BETWEEN 2 AND 5 AND passing_before AND asked_to_wait_s IS NULL
), spreads AS (
    SELECT system, turn, count(*) AS requests, median(wait_s) AS wait_s, quantile_cont(wait_s, 0.9) - quantile_cont(wait_s, 0.1) AS spread_s,
           list(call_id ORDER BY intent)[:10] AS call_ids
    FROM   waits WHERE waits = 4 GROUP BY system, turn HAVING count(*) >= 10
)
SELECT system                                                                             AS subject,
       median(spread_s / nullif(wait_s, 0)) >= 0.1                                        AS holds,
       string_agg(format('attempt {}: {:.3f} s ± {:.0f} %', turn, wait_s, 50 * spread_s / nullif(wait_s, 0)), ', ' ORDER BY turn) AS finding,
       flatten(list(call_ids))                                                            AS evidence,
       flatten(list(call_ids))[1]                                                         AS guilty
FROM   spreads
GROUP  BY system
