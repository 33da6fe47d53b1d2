-- The app's objects that an upgrade changes, with the statements that restore them. Only the migrations' owner reads or writes this:
-- `gjobs migrate remove` executes it.
create table gjobs.replaced (
    id      bigint generated always as identity primary key,
    object  text not null unique,
    restore text not null
);
alter table gjobs.replaced enable row level security;
