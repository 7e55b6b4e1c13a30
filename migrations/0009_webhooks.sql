-- Servers of host applications that are told of changes of presence, and how far each of them has been told.

-- Who is told, and of what.
CREATE TABLE webhooks (
    id              uuid        PRIMARY KEY,
    name            text        NOT NULL,
    url             text        NOT NULL,
    -- People of this organisation only; NULL: of all.
    org             text,
    -- Of what; the program knows the words.
    events          text[]      NOT NULL,
    -- Changes that are undone within this time are not told; NULL: all are.
    debounce_ms     integer,
    enabled         boolean     NOT NULL DEFAULT true,
    -- Sealed: the service must read them again, to sign with. The previous one signs, too, until its time is over.
    secret          bytea       NOT NULL,
    previous_secret bytea,
    previous_until  timestamptz,
    created_by      text,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT webhooks_name_length CHECK (char_length(name) BETWEEN 1 AND 100),
    CONSTRAINT webhooks_url_length CHECK (char_length(url) BETWEEN 1 AND 2000),
    CONSTRAINT webhooks_org_form CHECK (org ~ '^[A-Za-z0-9_.-]{1,64}$'),
    CONSTRAINT webhooks_events_some CHECK (cardinality(events) > 0),
    CONSTRAINT webhooks_debounce_range CHECK (debounce_ms BETWEEN 3000 AND 600000),
    CONSTRAINT webhooks_previous_ends CHECK ((previous_secret IS NULL) = (previous_until IS NULL))
);

-- How it goes. Apart from the registration, because it is written all the time. Whoever works for a webhook holds its
-- lease: without it nothing is written here, so two that both believe they have it cannot tell the same twice, or out
-- of order, under two names.
CREATE TABLE webhook_progress (
    webhook_id   uuid        PRIMARY KEY REFERENCES webhooks (id) ON DELETE CASCADE,
    lease        uuid,
    busy_until   timestamptz NOT NULL DEFAULT now(),
    -- Events that were ever put into deliveries: they are numbered by it, without gaps.
    told         bigint      NOT NULL DEFAULT 0,
    -- Attempts that failed in a row, and when the next one is due.
    failures     integer     NOT NULL DEFAULT 0,
    retry_at     timestamptz NOT NULL DEFAULT now(),
    succeeded_at timestamptz,
    failed_at    timestamptz,
    problem      text
) WITH (fillfactor = 50);

-- The last entry of each shard that a webhook's deliveries are made of. The copy adds to a shard under the lock of its
-- position, numbers within an epoch and epochs within a shard grow, and so (epoch, n) is the order in which rows of a
-- shard become visible: nothing can appear behind a position that was read. A number over all shards would not have that.
CREATE TABLE webhook_positions (
    webhook_id uuid     NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
    shard      smallint NOT NULL,
    epoch      bigint   NOT NULL,
    n          bigint   NOT NULL,
    CONSTRAINT webhook_positions_key PRIMARY KEY (webhook_id, shard)
) WITH (fillfactor = 50);

-- The order in which deliveries are sent.
CREATE SEQUENCE webhook_places;

-- Batches. One that was taken keeps nothing about people; the others have their events below.
CREATE TABLE webhook_deliveries (
    id          uuid        PRIMARY KEY,
    webhook_id  uuid        NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
    place       bigint      NOT NULL DEFAULT nextval('webhook_places'),
    state       text        NOT NULL DEFAULT 'pending',
    size        integer     NOT NULL,
    attempts    integer     NOT NULL DEFAULT 0,
    created_at  timestamptz NOT NULL DEFAULT now(),
    -- When the oldest of its events was recorded.
    oldest_at   timestamptz NOT NULL,
    -- An attempt that fails after this was the last.
    give_up_at  timestamptz NOT NULL,
    tried_at    timestamptz,
    -- When it was taken, or given up.
    ended_at    timestamptz,
    -- What the receiver answered last, or why it did not.
    answer      smallint,
    problem     text,

    CONSTRAINT webhook_deliveries_state CHECK (state IN ('pending', 'delivered', 'dead')),
    CONSTRAINT webhook_deliveries_end CHECK ((ended_at IS NULL) = (state = 'pending'))
);

CREATE INDEX webhook_deliveries_pages ON webhook_deliveries (webhook_id, place);
CREATE INDEX webhook_deliveries_waiting ON webhook_deliveries (webhook_id, place) WHERE state = 'pending';
CREATE INDEX webhook_deliveries_over ON webhook_deliveries (ended_at) WHERE ended_at IS NOT NULL;

-- What a delivery says that was not taken yet. With the row of subjects goes every event about a person, also one that
-- is being written at that moment: an insert waits for the deletion, and then finds nobody.
CREATE TABLE webhook_events (
    delivery_id uuid   NOT NULL REFERENCES webhook_deliveries (id) ON DELETE CASCADE,
    sequence    bigint NOT NULL,
    user_id     text   NOT NULL REFERENCES subjects (user_id) ON DELETE CASCADE,
    event       jsonb  NOT NULL,
    CONSTRAINT webhook_events_key PRIMARY KEY (delivery_id, sequence)
);

CREATE INDEX webhook_events_by_person ON webhook_events (user_id);

-- Changes that a webhook is not told of yet, because they may be undone: one row for each person, what was before the
-- first of them and what is after the last.
CREATE TABLE webhook_held (
    webhook_id uuid        NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
    user_id    text        NOT NULL REFERENCES subjects (user_id) ON DELETE CASCADE,
    due_at     timestamptz NOT NULL,
    held       jsonb       NOT NULL,
    CONSTRAINT webhook_held_key PRIMARY KEY (webhook_id, user_id)
);

CREATE INDEX webhook_held_due ON webhook_held (webhook_id, due_at);
CREATE INDEX webhook_held_by_person ON webhook_held (user_id);

GRANT SELECT, INSERT, UPDATE, DELETE ON webhooks, webhook_progress, webhook_positions, webhook_deliveries, webhook_events,
    webhook_held TO rollcall_app;
GRANT USAGE ON SEQUENCE webhook_places TO rollcall_app;
