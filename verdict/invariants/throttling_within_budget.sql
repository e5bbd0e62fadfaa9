-- claim:    Of the calls to a system no more than one in ten is refused for coming too fast.
-- flow:     any
-- class:    retry
-- severity: minor
-- step:     110
-- cause:    Calls are not paced to the limit that the headers tell: each worker only reacts once it is refused.
-- remedy:   Learn the pace from the refusals: after a 429 send fewer calls at a time, and gather changes into bulk calls.
-- Judged from 20 refusals on.
SELECT system                                                                             AS subject,
       count(*) FILTER (WHERE status = 429) <= 0.1 * count(*)                            AS holds,
       format('{} of {} calls were refused with 429', count(*) FILTER (WHERE status = 429), count(*)) AS finding,
       list(call_id) FILTER (WHERE status = 429)                                          AS evidence,
       (list(call_id ORDER BY at_ns) FILTER (WHERE status = 429))[20]                     AS guilty
FROM   sut_calls
GROUP  BY system, client
HAVING count(*) FILTER (WHERE status = 429) >= 20
