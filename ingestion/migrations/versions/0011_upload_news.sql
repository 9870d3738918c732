-- ---------------------------------------------------------------- what a destination has not looked at yet
alter table ops.upload_destinations
add column realtime_filled_to date,  -- realtime figures of earlier days are in the outbox, but for the news
add column change_seen bigint;       -- of ledger.changes: items as they were when the outbox was last filled
comment on column ops.upload_destinations.realtime_filled_to is 'Realtime figures of days before this one are in the outbox, but for what ops.upload_news names.';
comment on column ops.upload_destinations.change_seen is 'The last change of the ledgers of items that the outbox follows (ledger.changes.change_id).';

-- What builds have computed that a destination has not looked at: realtime figures are too many to compare them all.
create table ops.upload_news (
    news_id bigint generated always as identity,
    site_code text not null, destination text not null,
    starts_on date not null, ends_on date not null,  -- statistical days, half-open
    primary key (site_code, destination, news_id),
    foreign key (site_code, destination) references ops.upload_destinations (site_code, destination)
);
comment on table ops.upload_news is 'One row per destination and stretch of days whose figures a build has computed since the outbox was last filled.';

create function ops.note_upload_news() returns trigger language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    insert into ops.upload_news (site_code, destination, starts_on, ends_on)
    select destinations.site_code, destinations.destination, lower(spans.days), upper(spans.days)
    from ops.upload_destinations as destinations
    inner join (
        select site_code, unnest(range_agg(daterange(starts_on, ends_on))) as days
        from computed
        group by site_code
    ) as spans on destinations.site_code = spans.site_code;
    return null;
end
$$;
revoke all on function ops.note_upload_news() from public;
create trigger note_upload_news after insert on ops.unjudged referencing new table as computed
    for each statement execute function ops.note_upload_news();


-- A realtime figure before the day's start belongs to the statistical day before.
create function ops.days_of_upload(stat_type smallint, stat_date timestamp) returns daterange
language sql immutable parallel safe
return case stat_type
    when 0 then daterange(stat_date::date - 1, stat_date::date + 1)
    when 1 then daterange(stat_date::date, stat_date::date + 1)
    when 2 then daterange(stat_date::date, (stat_date + interval '1 month')::date)
    else daterange(stat_date::date, (stat_date + interval '1 year')::date)
end;
comment on function ops.days_of_upload is 'The statistical days that may hold readings of the figure of a period (half-open).';

alter table ops.upload_runs add column rows_held integer;
comment on column ops.upload_runs.rows_held is 'Figures that the run left as they were, because the gate over the marts had not passed them.';

grant select, insert, delete on ops.upload_news to nengduan_upload;
grant select on ops.unjudged to nengduan_upload;
grant maintain on ops.upload_outbox to nengduan_upload;  -- analyze, after a backlog was filled in
grant select on ops.upload_news to nengduan_audit;
