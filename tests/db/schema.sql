-- What tests/db/test_driver.c works on; with_cluster.py loads it into a fresh cluster.
create table driver_item (id int primary key, label text not null);
create table driver_child (
	id int primary key,
	item int not null constraint driver_child_item references driver_item
		deferrable initially deferred
);
create function driver_refuse() returns void language plpgsql as $$
begin
	raise exception 'course_empty' using errcode = 'PS000', column = 'course_id';
end $$;
create table driver_shape (id int primary key);
insert into driver_shape values (1);
-- Outdates the plans that other sessions hold of driver_shape.
create function driver_shape_change() returns void language plpgsql as $$
begin
	execute 'alter table driver_shape add column extra' || (random() * 1e9)::int || ' int';
end $$;
