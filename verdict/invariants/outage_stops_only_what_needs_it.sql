-- claim:    While one system is down, the flows that do not need it go on.
-- flow:     any
-- class:    consistency
-- severity: major
-- step:     7
-- cause:    One pool of workers, one queue or one transaction serves all systems, and the one that is down fills it.
-- remedy:   Give each system its own queue, workers and timeouts, so that waiting for one never uses up what the others need.
-- Judged where an outage of one system alone lasts two seconds or longer and three things or more became due in it, one second before
-- its end at the latest: orders to be created or booked, availability to be listed.
WITH windows AS (
    SELECT injection, any_value(system) AS system, min(at_ns) FILTER (WHERE mark = 'armed') AS began_ns, max(at_ns) FILTER (WHERE mark = 'healed') AS healed_ns
    FROM   faults
    WHERE  (fault LIKE '%outage%' OR fault IN ('closed-listener', 'maintenance-page', 'hang-on-connect')) AND (operation IS NULL OR mark = 'fired')
    GROUP  BY injection
    HAVING count(*) FILTER (WHERE mark = 'fired') > 0 AND healed_ns - began_ns >= 2000000000
), outages AS (
    SELECT w.* FROM windows AS w
    WHERE  NOT EXISTS (SELECT 1 FROM windows AS o WHERE o.injection <> w.injection AND o.began_ns < w.healed_ns AND w.began_ns < o.healed_ns)
), works (work, kind, done, place) AS (
    VALUES ('orders created in the OMS', 'order_placed', 'oms_order_created', 'oms'),
           ('orders booked in the ERP', 'order_placed', 'sales_order_received', 'erp'),
           ('availability listed', 'availability_computed', 'availability_listed', 'channel')
), due AS (
    SELECT o.injection, o.system, w.work, count(*) AS due, list(e.effect_id ORDER BY e.at_ns)[:5] AS effect_ids
    FROM   outages AS o
    JOIN   effects AS e ON e.at_ns BETWEEN o.began_ns AND o.healed_ns - 1000000000
    JOIN   works AS w ON w.kind = e.kind
    WHERE  e.kind IN ('order_placed', 'availability_computed') AND e.system <> o.system
      AND  CASE w.place WHEN 'channel' THEN o.system NOT IN (SELECT channel FROM channels)
                     WHEN 'oms' THEN o.system <> 'oms' AND judged('order-to-ship') ELSE o.system <> w.place END
      AND  (w.place <> 'channel' OR judged('stock-sync')) AND (w.place <> 'erp' OR judged('order-to-erp') OR judged('order-to-ship'))
    GROUP  BY o.injection, o.system, w.work HAVING count(*) >= 3
), done AS (
    SELECT o.injection, w.work, count(*) AS done
    FROM   outages AS o
    JOIN   effects AS e ON e.at_ns BETWEEN o.began_ns AND o.healed_ns
    JOIN   works AS w ON w.done = e.kind
    WHERE  e.kind IN ('oms_order_created', 'sales_order_received', 'availability_listed') AND e.actor IS NULL
    GROUP  BY o.injection, w.work
)
SELECT d.injection || ': ' || d.work                                                      AS subject,
       coalesce(n.done, 0) > 0                                                            AS holds,
       format('{} was down: of {} {} due, {} were done meanwhile', d.system, d.due, d.work, coalesce(n.done, 0)) AS finding,
       d.effect_ids                                                                       AS evidence
FROM   due AS d
LEFT   JOIN done AS n ON n.injection = d.injection AND n.work = d.work
