-- Figures over the history: how many people were online when, how many different ones a day, for how long, who for how
-- long. All of it is derived from the log, by one task that follows it; docs/figures.md says what is counted how.
--
-- Two steps, because a year of changes cannot be swept for each question: the log becomes spells (who was shown as
-- present from when to when), and spells become rollups (what an hour, a day, a month amounts to, ready to be added up).
-- Everything up to `rolled_until` is rolled up, and nothing of a rollup reaches beyond it. What comes in late sets it back,
-- in the transaction that changes the spells: so an answer made of rollups below it and of spells above it is exact at
-- every moment.

-- Unbroken stretches of being shown as present (online, away, busy) in an organisation. A change of status does not break
-- one; going offline or invisible does, and moving to another organisation. Of one person they do not overlap.
CREATE TABLE spells (
    subject    bigint      NOT NULL,
    org        text        NOT NULL,
    started_at timestamptz NOT NULL,
    ended_at   timestamptz,          -- NULL: it goes on
    CONSTRAINT spells_order CHECK (ended_at > started_at)
);

-- The spell that a change ends.
CREATE UNIQUE INDEX spells_one_open ON spells (subject) WHERE ended_at IS NULL;

-- Those that overlap a span: as for intervals.
CREATE INDEX spells_at ON spells USING gist (tstzrange(started_at, ended_at)) WHERE ended_at IS NOT NULL;

-- What a piece of time amounts to for an organisation, or for all ('' is no organisation's name). The program knows how the
-- body of each kind is written (src/audit/figures/body.rs), and reads all of them or none: `rollcall audit rebuild` makes
-- them anew.
--   online      an hour: in each 5 minutes how many there were at their start, at most and when, at least, and person-ms
--   people_15m, people_1h, people_6h, people_1d      which people there were, as a bitmap of subjects
--   lengths     a day (UTC): how long the spells were that ended in it
--   totals_1d, totals_1mo      a day, a month (UTC): for how long who was present
CREATE TABLE rollups (
    org     text        NOT NULL,
    kind    text        NOT NULL,
    ends_at timestamptz NOT NULL,
    body    bytea       NOT NULL,
    CONSTRAINT rollups_key PRIMARY KEY (org, kind, ends_at),
    CONSTRAINT rollups_kind CHECK (kind IN ('online', 'people_15m', 'people_1h', 'people_6h', 'people_1d', 'lengths',
                                            'totals_1d', 'totals_1mo'))
) WITH (toast_tuple_target = 8160);

-- Bitmaps are as small as they get, and read by the thousand: kept in the row where they fit, and never packed.
ALTER TABLE rollups ALTER COLUMN body SET STORAGE EXTERNAL;

-- What reaches beyond a moment, when `rolled_until` is set back; what old months leave.
CREATE INDEX rollups_by_end ON rollups (ends_at);

-- How much of the log has become spells, as with webhooks: in a shard nothing appears behind (epoch, n).
CREATE TABLE figure_positions (
    shard smallint PRIMARY KEY,
    epoch bigint   NOT NULL,
    n     bigint   NOT NULL
) WITH (fillfactor = 50);

-- One row, once figures have begun.
CREATE TABLE figure_state (
    is_only      boolean     PRIMARY KEY DEFAULT true CHECK (is_only),
    rolled_until timestamptz NOT NULL -- an hour (UTC) begins
);

-- Where there is no history yet there is nothing to begin with; else the task begins with the intervals there are.
INSERT INTO figure_state (rolled_until)
SELECT date_trunc('hour', now(), 'UTC') WHERE NOT EXISTS (SELECT FROM intervals);

GRANT SELECT, INSERT, UPDATE, DELETE ON spells, rollups, figure_positions, figure_state TO rollcall_app;
