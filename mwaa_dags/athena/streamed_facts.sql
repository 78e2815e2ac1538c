{# A day's flights as one run of the streaming job read them: each event once, late ones too. #}
SELECT event_type, COUNT(*) AS flights, COALESCE(SUM(delay_minutes), 0) AS delay_minutes
FROM (
    SELECT DISTINCT event_id, event_type, delay_minutes
    FROM stream_events
    WHERE run_key = '{{ params.stream_run }}'
        AND flight_date = '{{ params.day }}'
        AND outcome IN ('accepted', 'late')
        AND event_type IN ('scheduled', 'departed', 'cancelled')
) AS events
GROUP BY event_type
