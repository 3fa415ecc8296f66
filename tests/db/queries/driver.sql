-- Statements of tests/db/test_driver.c.

-- name: echo :one
select :value::text as value, :number::int4 as number;

-- name: divide :one
select 10 / :by::int4 as quotient;

-- name: nap :one
select pg_sleep(:seconds::float8)::text as slept;

-- name: backend :one
select pg_backend_pid() as pid, current_setting('statement_timeout') as limit_text,
	current_setting('TimeZone') as zone, current_setting('application_name') as app,
	current_setting('search_path') as path;

-- name: terminate :one
select pg_terminate_backend(:pid::int4) as gone;

-- name: item_put :one
insert into driver_item (id, label) values (:id::int4, :label) returning id, label;

-- name: item_count :one
select count(*) as items from driver_item;

-- name: item_clear :exec
delete from driver_item;

-- name: child_put :one
insert into driver_child (id, item) values (:id::int4, :item::int4) returning id;

-- name: refuse :one
select driver_refuse();

-- name: series :many
select i as number, repeat('x', :width::int4) as filling from generate_series(1, :rows::int4) as i;

-- name: shape :many
select * from driver_shape;

-- name: shape_change :exec
select driver_shape_change();

-- name: every_type :one
select true as yes, false as no, 7::int2 as small, -70000::int4 as medium,
	9007199254740993::int8 as large, 1.5::float8 as half, 'NaN'::float8 as nan,
	'-Infinity'::float8 as low, 12345678901234567890.123::numeric as exact,
	'NaN'::numeric as no_number, '{"a": [1, null]}'::jsonb as doc, '[1,2]'::json as plain,
	'2026-11-23 12:24:03.123+00'::timestamptz as at, '2026-11-23 20:24:03+08'::timestamptz as beijing,
	'infinity'::timestamptz as never, '2026-11-23'::date as day, '-infinity'::date as no_day,
	'0191e2b8-7d1a-7c3e-8a55-1f2e3d4c5b6a'::uuid as id, E'学习 "党课"\n\\' as words,
	null::text as nothing, array['a"b', 'c\d', null, 'NULL', '', 'e,f', '学习'] as texts,
	array[1, null, -3] as numbers, '{}'::text[] as none,
	array['0191e2b8-7d1a-7c3e-8a55-1f2e3d4c5b6a']::uuid[] as ids,
	array['2026-11-23 12:24:03.5+00']::timestamptz[] as times, array[true, false] as flags,
	array['{"k": "v,\"w"}']::jsonb[] as docs, '{[1,5),[7,9)}'::int4multirange as watched,
	'{}'::int4multirange as unwatched, '[3,4]'::int4range as span, 'empty'::int4range as empty_span,
	'(,5)'::int4range as below, '[0:1]={1,2}'::int4[] as shifted, array[[1,2],[3,4]] as square,
	'192.0.2.1'::inet as address, 'x'::"char" as letter, 42 as _version;
