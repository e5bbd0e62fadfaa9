-- claim:    While one system is down, the flows that do not need it go on.
-- flow:     any
-- class:    consistency
-- severity: major
-- step:     13
-- cause:    One pool of workers, one queue or one transaction serves all systems, and the one that is down fills it.
-- remedy:   Give each system its own queue, workers and timeouts, so that waiting for one never uses up what the others need.
-- Judged where an outage of one system alone lasts two seconds or longer and three things or more became due in it, two seconds before
-- its end at the latest, at a system that no fault struck: at least half of them must be done by its end.
WITH windows AS (
    SELECT injection, any_value(system) AS system, any_value(fault) AS fault, min(at_ns) FILTER (WHERE mark = 'armed') AS began_ns,
           max(at_ns) FILTER (WHERE mark = 'healed') AS healed_ns, any_value(operation) FILTER (WHERE mark = 'armed') AS operation,
           count(*) FILTER (WHERE mark = 'fired') AS fired
    FROM   faults GROUP BY injection
), outages AS (
    SELECT w.* FROM windows AS w
    WHERE  w.fault IN ('outage', 'refused', 'maintenance-page', 'hang-on-connect') AND w.operation IS NULL AND w.fired > 0
      AND  w.healed_ns - w.began_ns >= 2000000000
      AND  NOT EXISTS (SELECT 1 FROM windows AS o WHERE o.injection <> w.injection AND o.system IN ('sut', '*')
                       AND o.began_ns < w.healed_ns AND coalesce(o.healed_ns, w.healed_ns) > w.began_ns)
), troubled AS ( -- systems that any other fault strikes meanwhile
    SELECT o.injection, w.system FROM outages AS o
    JOIN   windows AS w ON w.injection <> o.injection AND w.began_ns < o.healed_ns AND coalesce(w.healed_ns, o.healed_ns) > o.began_ns
), works (work, cause, done, place) AS (
    VALUES ('orders created in the OMS', 'order_placed', 'oms_order_created', 'oms'),
           ('orders booked in the ERP', 'order_placed', 'sales_order_received', 'erp'),
           ('availability listed', 'availability_computed', 'availability_listed', 'channel')
), due AS ( -- one row for each thing that became due, by its order or its article
    SELECT o.injection, o.system, o.healed_ns, w.work, w.done AS kind, e.at_ns, e.effect_id, coalesce(e.order_ref, e.sku) AS subject
    FROM   outages AS o
    JOIN   effects AS e ON e.at_ns BETWEEN o.began_ns AND o.healed_ns - 2000000000
    JOIN   works AS w ON w.cause = e.kind
    WHERE  e.kind IN ('order_placed', 'availability_computed') AND e.system <> o.system
      AND  CASE w.place WHEN 'channel' THEN o.system NOT IN (SELECT channel FROM channels) AND judged('stock-sync')
                        WHEN 'oms' THEN o.system <> 'oms' AND judged('order-to-ship')
                        ELSE o.system <> 'erp' AND (judged('order-to-erp') OR judged('order-to-ship')) END
      AND  NOT EXISTS (SELECT 1 FROM troubled AS t WHERE t.injection = o.injection
                       AND (t.system IN (w.place, e.system) OR (w.place = 'channel' AND t.system IN (SELECT channel FROM channels))))
), done AS ( -- and when the first such thing was done after it
    SELECT d.injection, d.work, d.effect_id, any_value(d.at_ns) AS at_ns,
           coalesce(min(e.at_ns) <= any_value(d.healed_ns), false) AS in_time
    FROM   due AS d
    LEFT   JOIN effects AS e ON e.kind = d.kind AND coalesce(e.order_ref, e.sku) = d.subject AND e.at_ns >= d.at_ns AND e.actor IS NULL
    GROUP  BY d.injection, d.work, d.effect_id
)
SELECT d.injection || ': ' || d.work                                                      AS subject,
       count(*) FILTER (WHERE d.in_time) * 2 >= count(*)                                  AS holds,
       format('{} was down: of {} {} due, {} were done meanwhile', any_value(o.system), count(*), d.work, count(*) FILTER (WHERE d.in_time)) AS finding,
       (list(d.effect_id ORDER BY d.in_time, d.at_ns))[:5]                                AS evidence,
       NULL                                                                               AS guilty
FROM   done AS d
JOIN   outages AS o ON o.injection = d.injection
GROUP  BY d.injection, d.work
HAVING count(*) >= 3
