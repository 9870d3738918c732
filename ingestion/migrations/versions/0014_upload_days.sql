-- The statistics of uploads are asked for by days: of years of quarters of an hour only those are read. Rows come in the order
-- of their periods, so a summary of page ranges does, and costs the sender nothing.
create index upload_outbox_days on ops.upload_outbox using brin ((stat_date::date)) with (autosummarize = on);
